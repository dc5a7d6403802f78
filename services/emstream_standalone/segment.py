"""A notebook's way: an array in, arrays out, by the same run as `emstream predict`, in a temporary folder.

    found = emstream.segment(stack, objects=["mitochondria"], voxel_size_nm=(50, 5.5, 5.5))
    found.masks["mitochondria"]            # bool (z, y, x)

Needs the stages of one machine: `pip install 'emstream[serve]'` (or `[cpu]`, `[gpu]`).
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import get_args

import h5py
import numpy as np
from numpy.typing import NDArray

from emstream.client.replies import as_html
from emstream.errors import EmstreamError, UsageError
from emstream.jobs.folder import WORK, JobFolder
from emstream.jobs.mask_files import labels_dataset
from emstream.jobs.record import Plan
from emstream.models.recipes import Quality
from emstream.settings import read_settings
from emstream.volume.files import opened
from emstream.volume.geometry import Box
from emstream.volume.planes import Planes
from emstream.volume.voxel_size import VoxelSize
from emstream_postprocess.report import Report, Wanted
from emstream_standalone.predict import PredictOptions, run
from emstream_standalone.progress import shown
from emstream_standalone.request import make_request

ALLOWED = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "float64")
_NAME = "the array"


@dataclass(frozen=True)
class Segmentation:
    """What was found, per object; axes (z, y, x) as given.

    masks: bool. probabilities: uint8, p = v / 255. labels: uint32, 0 = background; empty if objects are not numbered.
    report: settings, checkpoints, thresholds, volumes, warnings, timings, as in report.json.
    """

    masks: dict[str, NDArray[np.bool_]]
    probabilities: dict[str, NDArray[np.uint8]]
    labels: dict[str, NDArray[np.uint32]]
    voxel_size_nm: VoxelSize | None
    report: dict[str, object]
    picture: bytes = field(repr=False)
    """PNG: the middle section next to a copy with the masks drawn in."""

    def _repr_png_(self) -> bytes:
        return self.picture

    def _repr_html_(self) -> str:
        lines = [f"{name}: {100 * mask.mean():.2f} % of the voxels" for name, mask in self.masks.items()]
        warnings = self.report.get("warnings")
        notes = [f"note: {warning}" for warning in warnings] if isinstance(warnings, list) else []
        return as_html("emstream", lines + notes, self.picture)


def segment(
    array: NDArray[np.generic],
    *,
    objects: str | Sequence[str] = (),
    voxel_size_nm: Sequence[float | None] | None = None,
    unequal_pixels: bool = False,
    quality: Quality = "balanced",
    checkpoints: Sequence[str | Path] = (),
    threshold: float | None = None,
    progress: bool = False,
) -> Segmentation:
    """Find objects in a stack of sections (z, y, x), or in one section (y, x), of grey values.

    objects: names as `emstream models` lists them; none = the default one, "all" = every one. voxel_size_nm: (z, y, x),
    z None if the section thickness is not known. unequal_pixels: y and x may differ more than 1.5 times.
    quality: fast, balanced or accurate. checkpoints: your own, instead of the shipped recipes. progress: show bars.
    The array is copied to a temporary file; results are held in memory, 2 bytes per voxel and object.
    Raises UsageError for what is not allowed, InputUnreadable for values that cannot be segmented, JobFailed.
    """
    stack = checked_array(array)
    if quality not in get_args(Quality):
        raise UsageError(f"quality must be one of {', '.join(get_args(Quality))}, got {quality!r}")
    size = checked_voxel_size(voxel_size_nm)
    settings = read_settings()
    with TemporaryDirectory(prefix="emstream-") as scratch:
        source, output = Path(scratch) / "array.h5", Path(scratch) / "out"
        with h5py.File(source, "w") as file:
            file["raw"] = stack
        request = make_request(
            source,
            settings,
            objects=(objects,) if isinstance(objects, str) else tuple(objects),
            quality=quality,
            checkpoints=tuple(str(Path(path).absolute()) for path in checkpoints),
            voxel_size_nm=size,
            unequal_pixels=unequal_pixels,
            threshold=threshold,
            measure=True,
        )
        with _array_named(source):
            report = run(PredictOptions(request, output, Wanted(), keep=True), settings, shown(is_quiet=not progress))
        named = json.loads(json.dumps(report).replace(str(source), _NAME))
        return _read(output, JobFolder(output / WORK), named)


def checked_array(array: object) -> NDArray[np.generic]:
    """Return the array as (z, y, x). Raises UsageError saying what is allowed."""
    if not isinstance(array, np.ndarray):
        raise UsageError(f"segment takes a numpy array (z, y, x), got {type(array).__name__}: use numpy.asarray")
    if array.ndim not in (2, 3) or 0 in array.shape:
        raise UsageError(
            f"the array must be a stack (z, y, x), or one section (y, x), with at least one voxel, got {array.shape}: "
            "give one channel of one time point"
        )
    if array.dtype.name not in ALLOWED:
        raise UsageError(f"the array must be of {', '.join(ALLOWED)}, got {array.dtype}: convert it with astype")
    return array if array.ndim == 3 else array[None]


def checked_voxel_size(given: Sequence[float | None] | None) -> VoxelSize | None:
    """Return (z, y, x) nm. Raises UsageError saying what is allowed."""
    if given is None:
        return None
    stated = list(given) if not isinstance(given, str) else []
    edges = [float(edge) for edge in (stated[1:] if stated[:1] == [None] else stated) if edge is not None]
    is_positive = all(math.isfinite(edge) and 0 < edge < 1e6 for edge in edges)
    match edges:
        case [y, x] if is_positive and len(stated) == 3 and stated[0] is None:
            return None, y, x
        case [z, y, x] if is_positive:
            return z, y, x
    raise UsageError(
        "voxel_size_nm must be three positive lengths (z, y, x) in nanometres, z None if the section thickness is not "
        f"known, got {given!r}"
    )


@contextmanager
def _array_named(source: Path) -> Iterator[None]:
    """Call the temporary file "the array" in messages of errors."""
    try:
        yield
    except EmstreamError as error:
        text = str(error).replace(str(source), _NAME).replace(source.name, _NAME)
        raise type(error)(text) from error


def _read(output: Path, folder: JobFolder, report: Report) -> Segmentation:
    job = folder.read_planned()
    assert job is not None
    plan = job.plan
    with h5py.File(output / "mask.h5", "r") as file:
        masks = {name: file[f"{name}/mask"][...] > 0 for name in plan.objects}
        probabilities = {name: file[f"{name}/probability"][...] for name in plan.objects}
    kept = {key: value for key, value in report.items() if key != "command"}  # its files are gone
    picture = (output / "overlay.png").read_bytes()
    return Segmentation(masks, probabilities, _labels(folder, plan), plan.voxel_size_nm, kept, picture)


def _labels(folder: JobFolder, plan: Plan) -> dict[str, NDArray[np.uint32]]:
    """Return the numbered objects, or nothing if the job has none."""
    if not set(range(len(plan.slabs))) <= folder.done_units("labels"):
        return {}
    found: dict[str, list[NDArray[np.uint32]]] = {name: [] for name in plan.objects}
    for slab in plan.slabs:
        with opened(folder.labels(slab.index)) as file:
            for name, parts in found.items():
                if labels_dataset(name) in file:
                    planes = Planes.open(file, labels_dataset(name))
                    parts.append(planes.read_box(Box((0, 0, 0), planes.shape)))
    return {name: np.concatenate(parts) for name, parts in found.items() if parts}
