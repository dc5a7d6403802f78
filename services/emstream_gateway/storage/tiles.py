"""Tiles of 512 x 512 pixels of a job's sections and results, cut out of the pyramids that the workers wrote.

A tile of a stored pyramid reads one chunk. Labels have no pyramid: each chunk under the tile is read and thinned by
itself. So the largest array held is a tile, and one chunk.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

import h5py
import imagecodecs
import numpy as np
from numpy.typing import NDArray

from emstream.api.problems import SectionNotReady
from emstream.errors import JobNotFound, VolumeDamaged
from emstream.jobs.folder import JobFolder
from emstream.jobs.mask_files import labels_dataset
from emstream.jobs.record import Plan, PlannedJob
from emstream.volume.colours import coloured
from emstream.volume.geometry import Box, pyramid_levels
from emstream.volume.planes import Planes

Picture = Literal["jpg", "png"]
Kind = Literal["raw", "probability", "spread", "labels"]
Grey = NDArray[np.uint8]
TILE = 512
JPEG_QUALITY = 90
PNG_LEVEL = 1
MEDIA_TYPES: dict[Picture, str] = {"jpg": "image/jpeg", "png": "image/png"}
_P = np.arange(256) / 255
_UNCERTAINTY: Grey = np.rint(4 * _P * (1 - _P) * 255).astype(np.uint8)


@dataclass(frozen=True, slots=True)
class Layer:
    """Layer of a tile. name: of the structure, empty for raw. is_stored: False = spread computed of probability."""

    kind: Kind
    name: str = ""
    is_stored: bool = True


@dataclass(frozen=True, slots=True)
class Place:
    """Position of a tile: section, level (0 = full size), column and row."""

    z: int
    level: int
    x: int
    y: int


def layer_of(text: str, record: PlannedJob) -> Layer:
    """Return the layer that an address names. Raises JobNotFound, listing the job's layers."""
    objects = record.plan.objects
    name, _, kind = text.rpartition(".")
    if text == "raw":
        return Layer("raw")
    if text in objects:
        return Layer("probability", text)
    if name in objects and kind == "spread":
        return Layer("spread", name, record.request.spread)
    if name in objects and kind == "labels":
        return Layer("labels", name)
    raise JobNotFound(
        f"the job has no layer {text[:60]!r}; it has: raw, {', '.join(objects)}, and of each object .spread and .labels"
    )


def file_of(folder: JobFolder, plan: Plan, layer: Layer, z: int) -> Path:
    """Return the slab's file that holds a section of a layer. Raises JobNotFound for a section outside of the stack."""
    depth = plan.shape_zyx[0]
    if not 0 <= z < depth:
        raise JobNotFound(f"the job has no section {z}; it has 0 to {depth - 1}")
    slab = z // plan.slab_sections
    match layer.kind:
        case "raw":
            return folder.stack(slab)
        case "labels":
            return folder.labels(slab)
        case _:
            return folder.result(slab)


def read_tile(files: SlabFiles, path: Path, plan: Plan, layer: Layer, place: Place) -> NDArray[np.uint8 | np.uint32]:
    """Return a tile's voxels (y, x): grey values, probabilities, spread (uint8), or labels (uint32).

    Raises JobNotFound for a place outside of the section, SectionNotReady before the file is published.
    """
    box = _box_of(plan, place)
    in_slab = Box((place.z % plan.slab_sections, *box[0]), (place.z % plan.slab_sections + 1, *box[1]))
    try:
        return files.read(path, lambda file: _read(file, layer, in_slab, plan, place.level))
    except FileNotFoundError:
        raise not_ready(layer, place) from None


def _read(file: h5py.File, layer: Layer, box: Box, plan: Plan, level: int) -> NDArray[np.uint8 | np.uint32]:
    match layer.kind:
        case "labels":
            planes = Planes.open(file, labels_dataset(layer.name))
            labels: NDArray[np.uint32] = planes.read_box(_enlarged(box, plan, level), 1 << level)[0]
            return labels
        case "raw":
            return _grey(file, "raw", level, box)
        case "spread" if layer.is_stored:
            return _grey(file, f"{layer.name}/spread", level, box)
        case _:
            probability = _grey(file, f"{layer.name}/probability", level, box)
            return uncertainty_of(probability) if layer.kind == "spread" else probability


def _grey(file: h5py.File, pyramid: str, level: int, box: Box) -> Grey:
    values: Grey = Planes.open(file, f"{pyramid}/s{level}").read_box(box)[0]
    return values


def uncertainty_of(probability: Grey) -> Grey:
    """Return 4p(1-p), both p = v / 255: how undecided a single view is."""
    uncertainty: Grey = _UNCERTAINTY[probability]
    return uncertainty


def not_ready(layer: Layer, place: Place) -> SectionNotReady:
    """Return the error of a section that is not ready."""
    return SectionNotReady(
        f"section {place.z} is not there yet: {_WAITING[layer.kind]}; GET the job's view to see which sections are"
    )


_WAITING: dict[Kind, str] = {
    "raw": "it is still being read, or was deleted",
    "probability": "it is still being stitched",
    "spread": "it is still being stitched",
    "labels": "its objects are numbered once all sections are stitched",
}


def _box_of(plan: Plan, place: Place) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return the first pixel (y, x) and the one past the last of a tile at its level."""
    height, width = plan.shape_zyx[1:]
    levels = pyramid_levels((height, width))
    if not 0 <= place.level < levels:
        raise JobNotFound(f"the job has no level {place.level}; it has 0 (full size) to {levels - 1}")
    height, width = (-(-side >> place.level) for side in (height, width))
    y, x = place.y * TILE, place.x * TILE
    if not (0 <= y < height and 0 <= x < width):
        raise JobNotFound(
            f"there is no tile {place.x}_{place.y} at level {place.level}, whose section has {width} x {height} pixels"
        )
    return (y, x), (min(y + TILE, height), min(x + TILE, width))


def _enlarged(box: Box, plan: Plan, level: int) -> Box:
    (z, y, x), (_, bottom, right) = box.start, box.stop
    _, height, width = plan.shape_zyx
    return Box((z, y << level, x << level), (z + 1, min(bottom << level, height), min(right << level, width)))


def encode(values: NDArray[np.uint8 | np.uint32], picture: Picture) -> bytes:
    """Return the picture of a tile: JPEG or PNG in grey, labels as PNG with a colour for each."""
    if values.dtype == np.uint32:
        return bytes(imagecodecs.png_encode(coloured(values.astype(np.uint32)), level=PNG_LEVEL))
    if picture == "jpg":
        return bytes(imagecodecs.jpeg8_encode(np.ascontiguousarray(values), level=JPEG_QUALITY))
    return bytes(imagecodecs.png_encode(np.ascontiguousarray(values), level=PNG_LEVEL))


def etag_of(facts: os.stat_result, layer: str, place: Place, picture: Picture) -> str:
    """Return a strong ETag: the slab's file never changes, and is replaced by one of another number or time."""
    parts = (facts.st_ino, facts.st_mtime_ns, layer, place, picture)
    return f'"{hashlib.sha256(repr(parts).encode()).hexdigest()[:20]}"'


def version_of(folder: JobFolder) -> str:
    """Return a string that changes whenever tiles may change: with the job's record, and with its labels."""
    stamps = []
    for path in (folder.record_path, folder.path / "labels"):
        try:
            facts = path.stat()
            stamps.append((facts.st_ino, facts.st_mtime_ns))
        except FileNotFoundError:
            stamps.append((0, 0))
    return hashlib.sha256(repr(stamps).encode()).hexdigest()[:12]


Found = TypeVar("Found")
MOST_OPEN = 16
"""Largest number of open files; each holds some 100 kB."""
_Stamp = tuple[int, int]


class SlabFiles:
    """See the module's text. One thread reads at a time, as HDF5 demands anyway."""

    def __init__(self, most: int = MOST_OPEN) -> None:
        self._most = most
        self._open: OrderedDict[Path, tuple[_Stamp, h5py.File]] = OrderedDict()
        self._lock = threading.Lock()

    def read(self, path: Path, call: Callable[[h5py.File], Found]) -> Found:
        """Return call(file). Raises FileNotFoundError before the slab is published, VolumeDamaged."""
        facts = path.stat()
        with self._lock:
            return call(self._file(path, (facts.st_ino, facts.st_mtime_ns)))

    def drop(self, folder: Path) -> None:
        """Close the files of a folder: they take disk space while they are open."""
        with self._lock:
            for path in [path for path in self._open if path.is_relative_to(folder)]:
                self._open.pop(path)[1].close()

    def close(self) -> None:
        """Close all."""
        self.drop(Path("/"))

    def _file(self, path: Path, stamp: _Stamp) -> h5py.File:
        known = self._open.pop(path, None)
        if known is not None and known[0] != stamp:
            known[1].close()
            known = None
        file = known[1] if known else _opened(path)
        self._open[path] = stamp, file
        while len(self._open) > self._most:
            self._open.popitem(last=False)[1][1].close()
        return file


def _opened(path: Path) -> h5py.File:
    try:
        return h5py.File(path, "r", locking=False)
    except OSError as error:
        raise VolumeDamaged(f"the file {path.name} of the job is damaged: retry the job") from error
