"""Readers of stacks: folders of section images, TIFF, HDF5 and MRC, each a `emstream.readers.stack.StackReader`.

`opening.open_stack` looks at the content and picks one; a format's library is imported only when a file needs it.
"""
