"""Where a job keeps instance labels: labels/<slab>.h5, per object `<object>/labels`, uint32 Planes; 0 is background."""

from __future__ import annotations

import h5py


def labels_dataset(name: str) -> str:
    """Return the data set that holds an object's labels."""
    return f"{name}/labels"


def made_for(file: h5py.File) -> str:
    """Return the thresholds and other choices that a file of labels was made for, as its writer noted them."""
    return str(file.attrs.get("made_for", ""))
