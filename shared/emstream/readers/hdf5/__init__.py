"""HDF5 stacks."""
