"""Choice of the dataset of an HDF5 file that is the stack, without ever leaving the file.

An HDF5 file can point into other files in three ways: external links, virtual datasets and external storage. A file
from elsewhere could so make the program read any HDF5 or raw file of this machine; all three are refused.
"""

from __future__ import annotations

import json
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
_BIGDATAVIEWER = re.compile(r"t[0-9]{5}/s[0-9]{2}/0/cells")
"""Paths of BigDataViewer's pictures, which keep uint16 as int16."""
_Z_FIRST = re.compile(r"t[0-9]{5}/s[0-9]{2}/|DataSet/ResolutionLevel ")
"""Paths of BigDataViewer and Imaris, whose axes are z, y and x by their own rule."""
_VELOX = re.compile(r"Data/Image/[^/]+/Data")
"""Paths of Velox' pictures, whose axes are y, x and frames."""
_AXES = re.compile(r"(.+):([zyx]{3})")
"""A data set with the order of its axes, as a user names it."""
THIN = 4
"""Ratio of both other axes to the height or width of sections from which the order of the axes is asked for."""
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
    """A dataset that may be the stack. order: its axes that are z, y and x; the others have length 1.

    is_sure: the file or the user says which axes they are. dtype: of the values, which BigDataViewer stores as another.
    """

    path: str
    shape: tuple[int, ...]
    dtype: np.dtype[np.generic]
    order: tuple[int, int, int]
    is_sure: bool = False

    @property
    def shape_zyx(self) -> tuple[int, int, int]:
        """Return the shape without the axes of length 1."""
        z, y, x = (self.shape[axis] for axis in self.order)
        return z, y, x

    @property
    def is_thin(self) -> bool:
        """Whether sections are so much less high or wide than all else that their axes may be in another order."""
        depth, height, width = self.shape_zyx
        return min(depth, max(height, width)) >= THIN * min(height, width)


def choose_dataset(
    file: h5py.File, name: str, wanted: str | None, are_labels: bool = False
) -> tuple[Candidate, tuple[str, ...]]:
    """Return the dataset `wanted`, or the only one, or the first of the preferred names; and what to say about it.

    wanted: a path, with ":yxz" behind it for axes in this order. Of labels, see `_of_labels`.
    Raises DatasetNotFound, listing the datasets, and UnsupportedFormat for one that points out of the file.
    """
    if wanted is not None:
        return _sure(name, _named(file, name, wanted.strip("/"), are_labels), are_labels), ()
    candidates, outside = find_candidates(file, are_labels)
    chosen = candidates[0] if len(candidates) == 1 else _preferred(candidates, are_labels)
    if chosen is not None:
        return _sure(name, chosen, are_labels), _others(name, chosen, candidates)
    what, option = ("labels", "--labels-dataset") if are_labels else ("stack", "--dataset")
    if candidates:
        raise DatasetNotFound(
            f"{name} holds {len(candidates)} datasets that could be the {what}: {_list(candidates)}. "
            f"Choose one with {option}."
        )
    links = f" It links to other files ({', '.join(outside[:5])}), which are never followed." if outside else ""
    raise DatasetNotFound(f"{name} holds no dataset of three axes (z, y, x) of grey values.{links}{_advice(file)}")


def _preferred(candidates: list[Candidate], are_labels: bool) -> Candidate | None:
    if are_labels:
        return _of_labels(candidates)
    by_path = {candidate.path: candidate for candidate in candidates}
    return next((by_path[preferred] for preferred in PREFERRED if preferred in by_path), None)


def _sure(name: str, candidate: Candidate, are_labels: bool) -> Candidate:
    """Return the candidate; ask for the order of its axes if its sections would be a strip."""
    if candidate.is_sure or not candidate.is_thin:
        return candidate
    option = "--labels-dataset" if are_labels else "--dataset"
    _, height, width = candidate.shape_zyx
    order = "yxz" if width <= height else "yzx"
    raise DatasetNotFound(
        f"{name}: {candidate.path} has shape {candidate.shape} and type {candidate.dtype}; read as z, y, x "
        f"its sections would have {width} x {height} pixels. If its axes are {', '.join(order)}, choose it as "
        f"{option} {candidate.path}:{order}; if they are z, y, x, as {candidate.path}:zyx."
    )


def _others(name: str, chosen: Candidate, candidates: list[Candidate]) -> tuple[str, ...]:
    """Return a sentence on other datasets of the chosen one's shape, as channels are; labels are none."""
    others = [
        candidate
        for candidate in candidates
        if candidate.shape_zyx == chosen.shape_zyx and candidate.path != chosen.path and not _are_labels(candidate)
    ]
    if not others or _are_labels(chosen):
        return ()
    return (f"{name} holds other datasets of the same shape ({_list(others)}); {chosen.path} was read.",)


def _are_labels(candidate: Candidate) -> bool:
    return LABELS.search(candidate.path) is not None


def _advice(file: h5py.File) -> str:
    """Return the datasets of a file without a stack, with shape and type, and how they can be given."""
    found = all_datasets(file)
    if not found:
        return " It holds no data set."
    shown = ", ".join(f"{path} {shape} {dtype}" for path, shape, dtype in found[:_LISTED])
    more = f" and {len(found) - _LISTED} more" if len(found) > _LISTED else ""
    flat = [shape for _, shape, _ in found if len(shape) == 2]
    ways = []
    if len(flat) > 1 and len(set(flat)) == 1:
        ways.append("Save its sections as one data set (z, y, x), or as images in a folder.")
    if any(len(shape) > 2 and dtype.kind in "ui" and dtype.itemsize == 8 for _, shape, dtype in found):
        ways.append("Integers of 64 bits are read as labels; save grey values with 8 or 16 bits.")
    if any(len(shape) > 3 and math.prod(shape) != math.prod(sorted(shape)[-3:]) for _, shape, _ in found):
        ways.append("Save one channel at one time point as a data set (z, y, x).")
    return " ".join([f" It holds {shown}{more}.", *ways])


def all_datasets(file: h5py.File) -> list[tuple[str, tuple[int, ...], np.dtype[np.generic]]]:
    """Return path, shape and type of every dataset inside the file, in the order of paths; no link is followed."""
    found = []

    def look(path: str | bytes, link: object) -> None:
        if isinstance(link, h5py.HardLink) and file.get(path, getclass=True) is h5py.Dataset:
            text = path.decode("utf-8", "replace") if isinstance(path, bytes) else path
            found.append((text, tuple(file[path].shape or ()), file[path].dtype))

    file.visititems_links(look)
    return sorted(found, key=lambda entry: entry[0])


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


def as_candidate(dataset: h5py.Dataset, path: str, are_labels: bool = False, axes: str = "") -> Candidate | None:
    """Return a dataset as a candidate if it has three axes, in addition to axes of length 1, and grey values.

    are_labels: integers of 64 bits are allowed, too. axes: the order of the three, if the user knows it.
    """
    shape = dataset.shape
    if shape is None or len(shape) < 3 or not (_is_grey(dataset.dtype) or (are_labels and dataset.dtype.kind in "ui")):
        return None
    shape = tuple(int(length) for length in shape)
    told = None if axes else _told_order(dataset, path)
    order = told or _usual_order(shape)
    if math.prod(length for axis, length in enumerate(shape) if axis not in order) != 1:
        return None
    if axes:
        first = min(order)
        z, y, x = (first + axes.index(axis) for axis in "zyx")
        order = z, y, x
    dtype = dataset.dtype
    if _BIGDATAVIEWER.fullmatch(path) and dtype.str[1:] == "i2" and not _says_type(dataset):
        dtype = np.dtype(dtype.str.replace("i", "u"))
    return Candidate(path, shape, dtype, order, is_sure=bool(axes or told))


def _usual_order(shape: tuple[int, ...]) -> tuple[int, int, int]:
    """Return the last three axes, or earlier ones before axes of length 1: a channel, as ilastik writes it."""
    first = len(shape) - 3
    while first > 0 and shape[first + 2] == 1:
        first -= 1
    return first, first + 1, first + 2


def _told_order(dataset: h5py.Dataset, path: str) -> tuple[int, int, int] | None:
    """Return the axes z, y, x by ilastik's `axistags` or a program's rule; None if nothing says them."""
    shape = dataset.shape
    if _VELOX.fullmatch(path) and len(shape) == 3:
        return 2, 0, 1
    if _Z_FIRST.match(path) and len(shape) == 3:
        return 0, 1, 2
    place = {key: axis for axis, key in enumerate(axis_keys(dataset))}
    if len(place) != len(shape) or not {"y", "x"} <= place.keys():
        return None
    single = [axis for key, axis in place.items() if key not in "yx" and shape[axis] == 1]
    depths = [place[key] for key in "zt" if key in place and shape[place[key]] > 1] or single
    return (depths[0], place["y"], place["x"]) if depths else None


def axis_keys(dataset: h5py.Dataset) -> list[str]:
    """Return the axes that ilastik's `axistags` name, one letter each; an empty list if there are none."""
    return [str(tag.get("key")) for tag in axis_tags(dataset)]


def axis_tags(dataset: h5py.Dataset) -> list[dict[str, Any]]:
    """Return ilastik's `axistags`, one for each axis; an empty list if there are none or they make no sense."""
    try:
        tags = json.loads(as_text(dataset.attrs.get("axistags")) or "{}").get("axes", [])
    except (ValueError, AttributeError):
        return []
    return tags if isinstance(tags, list) and all(isinstance(tag, dict) for tag in tags) else []


def _says_type(dataset: h5py.Dataset) -> bool:
    """Whether BigDataViewer states a type (`dataType`), as its newer versions do, which then counts."""
    places = (dataset, dataset.parent, dataset.parent.parent)
    return any("int16" in as_text(place.attrs.get("dataType")).lower() for place in places)


def as_text(value: Any) -> str:
    """Return an attribute as text; Imaris stores text as an array of single characters."""
    if isinstance(value, np.ndarray):
        return b"".join(np.asarray(value, "S").reshape(-1).tolist()).decode("utf-8", "replace")
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value if value is not None else "")


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
    found, axes = resolved(file, name, wanted), ""
    with_axes = _AXES.fullmatch(wanted)
    if found is None and with_axes and len(set(with_axes[2])) == 3:
        wanted, axes = with_axes[1], with_axes[2]
        found = resolved(file, name, wanted)
    candidate = as_candidate(found, wanted, are_labels, axes) if isinstance(found, h5py.Dataset) else None
    if candidate is not None:
        return candidate
    if isinstance(found, h5py.Dataset):
        raise DatasetNotFound(
            f"{name}: {wanted} has shape {found.shape} and type {found.dtype}; a stack has three axes (z, y, x), "
            "one channel, and integers of at most 32 bits or floats."
        )
    candidates, _ = find_candidates(file, are_labels)
    what = "is a group" if isinstance(found, h5py.Group) else "is not in the file"
    raise DatasetNotFound(
        f"{name}: {wanted!r} {what}. Datasets that can be read: {_list(candidates) or 'none.' + _advice(file)}."
    )


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
