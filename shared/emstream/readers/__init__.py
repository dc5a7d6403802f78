"""Readers of stacks (section images, TIFF, HDF5, MRC), each a `stack.StackReader`; `open_stack` chooses by content."""
