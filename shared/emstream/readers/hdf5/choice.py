"""Choice of the dataset of an HDF5 file that is the stack, without ever leaving the file.

An HDF5 file can point into other files in three ways: external links, virtual datasets and external storage. A file
from elsewhere could so make the program read any HDF5 or raw file of this machine; all three are refused.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import h5py
import numpy as np

from emstream.errors import DatasetNotFound, UnsupportedFormat

PREFERRED = (
    "raw",
    "volumes/raw",
    "data",
    "exported_data",
    "t00000/s00/0/cells",
    "DataSet/ResolutionLevel 0/TimePoint 0/Channel 0/Data",
)
LABELS = re.compile("label|mask|truth|segment|annotation", re.IGNORECASE)
"""Words in the paths of datasets that are labels."""
_MAX_LINKS = 16
_LISTED = 12
_FILTERS = {
    32000: "LZF",
    32001: "Blosc",
    32004: "LZ4",
    32008: "bitshuffle",
    32013: "ZFP",
    32015: "Zstandard",
    32017: "SZ",
    32026: "Blosc2",
}


@dataclass(frozen=True, slots=True)
class Candidate:
    """A dataset that may be the stack. leading: number of axes of length 1 before z (the others follow x)."""

    path: str
    shape: tuple[int, ...]
    dtype: np.dtype[np.generic]
    leading: int

    @property
    def shape_zyx(self) -> tuple[int, int, int]:
        """Return the shape without the axes of length 1."""
        z, y, x = self.shape[self.leading : self.leading + 3]
        return z, y, x


def choose_dataset(file: h5py.File, name: str, wanted: str | None, are_labels: bool = False) -> Candidate:
    """Return the dataset `wanted`, or the only one, or the first of the preferred names; of labels, see `_of_labels`.

    Raises DatasetNotFound, listing the datasets, and UnsupportedFormat for one that points out of the file.
    """
    if wanted is not None:
        return _named(file, name, wanted.strip("/"), are_labels)
    candidates, outside = find_candidates(file, are_labels)
    if len(candidates) == 1:
        return candidates[0]
    if are_labels:
        chosen = _of_labels(candidates)
    else:
        by_path = {candidate.path: candidate for candidate in candidates}
        chosen = next((by_path[preferred] for preferred in PREFERRED if preferred in by_path), None)
    if chosen is not None:
        return chosen
    if candidates:
        what, option = ("labels", "--labels-dataset") if are_labels else ("stack", "--dataset")
        raise DatasetNotFound(
            f"{name} holds {len(candidates)} datasets that could be the {what}: {_list(candidates)}. "
            f"Choose one with {option}."
        )
    links = f" It links to other files ({', '.join(outside[:5])}), which are never followed." if outside else ""
    raise DatasetNotFound(f"{name} holds no dataset of three axes (z, y, x) of grey values.{links}")


def _of_labels(candidates: list[Candidate]) -> Candidate | None:
    """Return the one dataset whose path says that it is labels; None if there is none, or a choice."""
    named = [candidate for candidate in candidates if LABELS.search(candidate.path)]
    return named[0] if len(named) == 1 else None


def find_candidates(file: h5py.File, are_labels: bool = False) -> tuple[list[Candidate], list[str]]:
    """Return every dataset that may be a stack, in the order of paths, and external links as "link -> file"."""
    candidates: list[Candidate] = []
    outside: list[str] = []
    seen: set[object] = set()

    def look(path: str | bytes, link: object) -> None:
        text = path.decode("utf-8", "replace") if isinstance(path, bytes) else path
        if isinstance(link, h5py.ExternalLink):
            outside.append(f"{text} -> {link.filename}")
        if not isinstance(link, h5py.HardLink) or file.get(path, getclass=True) is not h5py.Dataset:
            return
        dataset = file[path]
        candidate = as_candidate(dataset, text, are_labels)
        if candidate is not None and dataset.id not in seen:
            seen.add(dataset.id)
            candidates.append(candidate)

    file.visititems_links(look)
    return sorted(candidates, key=lambda candidate: candidate.path), outside


def as_candidate(dataset: h5py.Dataset, path: str, are_labels: bool = False) -> Candidate | None:
    """Return a dataset as a candidate if it has three axes, in addition to axes of length 1, and grey values.

    are_labels: integers of 64 bits are allowed, too.
    """
    shape = dataset.shape
    if shape is None or len(shape) < 3 or not (_is_grey(dataset.dtype) or (are_labels and dataset.dtype.kind in "ui")):
        return None
    leading = len(shape) - 3
    while leading > 0 and shape[leading + 2] == 1:  # a last axis of length 1 is a channel, as ilastik writes it
        leading -= 1
    if math.prod(shape[:leading] + shape[leading + 3 :]) != 1:
        return None
    return Candidate(path, tuple(int(length) for length in shape), dataset.dtype, leading)


def check_self_contained(dataset: h5py.Dataset, where: str) -> None:
    """Raise UnsupportedFormat if a dataset's voxels are in other files, which are never opened."""
    if dataset.is_virtual:
        kind = "a virtual dataset: its voxels are in other datasets or files"
    elif dataset.external:
        kind = "stored externally: its voxels are in other files"
    else:
        return
    raise UnsupportedFormat(
        f"{where} is {kind}, and for safety only the file that was given is read. "
        "Copy the voxels into one plain dataset."
    )


def check_filters(dataset: h5py.Dataset, where: str) -> None:
    """Raise UnsupportedFormat naming a filter that is missing here; hdf5plugin is loaded if it is installed."""
    properties = dataset.id.get_create_plist()
    filters = [properties.get_filter(index) for index in range(properties.get_nfilters())]
    missing = [entry for entry in filters if not _is_available(int(entry[0]))]
    if not missing:
        return
    number, _, _, text = missing[0]
    label = _FILTERS.get(int(number)) or bytes(text).decode("ascii", "replace").strip("\0") or "unknown"
    raise UnsupportedFormat(
        f"{where} is compressed with the HDF5 filter {label} ({number}), which is not installed here. "
        'Install the extra: pip install "emstream[filters]" (hdf5plugin), or repack the file with gzip.'
    )


def _is_available(number: int) -> bool:
    if h5py.h5z.filter_avail(number):
        return True
    try:
        import_module("hdf5plugin")  # importing it registers its filters
    except ImportError:
        return False
    return bool(h5py.h5z.filter_avail(number))


def _named(file: h5py.File, name: str, wanted: str, are_labels: bool = False) -> Candidate:
    found = resolved(file, name, wanted)
    candidate = as_candidate(found, wanted, are_labels) if isinstance(found, h5py.Dataset) else None
    if candidate is not None:
        return candidate
    if isinstance(found, h5py.Dataset):
        raise DatasetNotFound(
            f"{name}: {wanted} has shape {found.shape} and type {found.dtype}; a stack has three axes (z, y, x), "
            "one channel, and integers of at most 32 bits or floats."
        )
    candidates, _ = find_candidates(file, are_labels)
    what = "is a group" if isinstance(found, h5py.Group) else "is not in the file"
    raise DatasetNotFound(f"{name}: {wanted!r} {what}. Datasets that can be read: {_list(candidates) or 'none'}.")


def resolved(file: h5py.File, name: str, wanted: str) -> Any:
    """Return the object at a path, or None; links are followed one by one, so that none can lead out of the file."""
    parts = _parts(wanted)
    place = file["/"]
    followed = 0
    at: list[str] = []
    while parts:
        part = parts.pop(0)
        link = place.get(part, getlink=True) if isinstance(place, h5py.Group) else None
        if isinstance(link, h5py.SoftLink) and followed < _MAX_LINKS:
            followed += 1
            parts = _parts(link.path) + parts if link.path.startswith("/") else at + _parts(link.path) + parts
            place, at = file["/"], []
        elif isinstance(link, h5py.ExternalLink):
            raise UnsupportedFormat(
                f"{name}: {wanted} is a link into another file ({link.filename}), and for safety only the file that "
                "was given is read. Give that file itself."
            )
        elif isinstance(link, h5py.HardLink):
            place = place[part]
            at.append(part)
        else:
            return None
    return place


def _parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part not in ("", ".")]


def _is_grey(dtype: np.dtype[np.generic]) -> bool:
    return dtype.itemsize <= {"b": 1, "u": 4, "i": 4, "f": 8}.get(dtype.kind, 0)


def _list(candidates: list[Candidate]) -> str:
    shown = [f"{c.path} {c.shape} {c.dtype}" for c in candidates[:_LISTED]]
    rest = len(candidates) - len(shown)
    return ", ".join(shown) + (f" and {rest} more" if rest else "")
