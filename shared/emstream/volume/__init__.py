"""Voxels and their files: geometry, HDF5 planes, pyramids, intensities."""
