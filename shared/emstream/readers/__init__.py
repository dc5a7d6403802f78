"""Readers of stacks: folders of section images, TIFF, HDF5 and MRC, each a `emstream.readers.stack.StackReader`.

`open_stack.open_stack` chooses one by the content; a format's library is imported only when a file needs it.
"""
