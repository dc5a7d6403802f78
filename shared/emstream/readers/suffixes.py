"""What file names end with, by kind; content decides in the end, these decide what belongs together."""

from __future__ import annotations

TIFF = (".tif", ".tiff")
IMAGES = (".png", ".jpg", ".jpeg", *TIFF)
HDF5 = (".h5", ".hdf5", ".hdf", ".he5", ".ims")
MRC = (".mrc", ".mrcs", ".rec", ".st", ".ali", ".preali", ".map")
STACKS = frozenset((*HDF5, *MRC))
"""A file that ends so is a stack wherever it lies."""
CLUTTER = frozenset({"thumbs.db", "desktop.ini", "__macosx"})
"""What file managers leave in folders; so is all that begins with a dot."""
