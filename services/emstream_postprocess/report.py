"""The last unit of a job: the files that the user wants, and the report of how they were made."""

from __future__ import annotations

import json
import platform
import shlex
import shutil
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NotRequired, TypedDict

import numpy as np
from PIL import Image, ImageDraw

from emstream.errors import UsageError
from emstream.jobs.folder import JobFolder
from emstream.jobs.record import Plan, PlannedJob, Region, Request
from emstream.jobs.timeline import Timings
from emstream.settings import CORE_SIDE, SLAB_SECTIONS
from emstream.version import __version__
from emstream.volume.files import Check, write_bytes
from emstream.volume.geometry import Slab
from emstream.volume.planes import Voxels
from emstream.volume.voxel_size import known_size
from emstream_postprocess.objects.steps import number_objects, summary
from emstream_postprocess.result_files import (
    copy_tables,
    made_of_sections,
    write_label_file,
    write_mask_file,
    write_overlay,
    write_png_masks,
    write_tiff_masks,
)

FORMATS = ("h5", "png", "tiff")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Files that are written in addition to mask.h5 and report.json."""

    formats: tuple[str, ...] = ("h5",)
    has_overlay: bool = True

    def __post_init__(self) -> None:
        unknown = [f for f in self.formats if f not in FORMATS]
        if unknown:
            raise UsageError(f"the format must be one of {', '.join(FORMATS)}, got {', '.join(unknown)}")


class ObjectFacts(TypedDict):
    """Findings for one structure. volume_um3: None unless the voxel size is known. measured: None unless measured.

    trained_on: the images of its networks' training, in words; empty if it is not known.
    """

    threshold: float
    voxels: int
    fraction: float
    volume_um3: float | None
    measured: dict[str, object] | None
    trained_on: str


class UnitFailure(TypedDict):
    """A unit that failed for good, and why."""

    stage: str
    unit: int
    sentence: str


class Report(TypedDict):
    """All that is needed to judge a result and to make it again: report.json. errors: in the service only."""

    emstream: str
    finished: str
    python: str
    settings: dict[str, object]
    input: str
    plan: dict[str, object]
    grids: list[dict[str, object]]
    checkpoints: dict[str, str]
    fingerprint: dict[str, str]
    objects: dict[str, ObjectFacts]
    warnings: list[str]
    timings: Timings
    command: str
    errors: NotRequired[list[UnitFailure]]


def finish(folder: JobFolder, record: PlannedJob, wanted: Wanted, output: Path, timings: Timings) -> Report:
    """Write mask.h5, the formats asked for, overlay.png, objects and report.json into `output`; return the report."""
    make_files(folder, record, wanted, output)
    if record.request.measure:
        write_label_file(folder, record.plan, provenance(record), output / "labels.h5")
        copy_tables(folder, output / "measurements")
    report = make_report(folder, record, wanted, output, timings)
    write_report(report, output / "report.json")
    return report


def make_files(
    folder: JobFolder,
    record: PlannedJob,
    wanted: Wanted,
    output: Path,
    check: Check = lambda: None,
    ask_for_help: Callable[[list[Slab]], None] = lambda slabs: None,
) -> None:
    """Number and measure the objects, if the request says so, and write what is wanted into `output`.

    Slabs that could not be stitched are empty. check: called before each file is published. ask_for_help: see
    `number_objects`.
    """
    plan = record.plan
    if record.request.measure:
        number_objects(folder, plan, record.request, check, ask_for_help)
    write_mask_file(folder, plan, provenance(record), record.request.spread, output / "mask.h5", check)
    for name in plan.objects:
        if "png" in wanted.formats:
            write_png_masks(folder, plan, name, output / f"{name}_png")
        if "tiff" in wanted.formats:
            write_tiff_masks(folder, plan, name, output / f"{name}.tif", check)
    if wanted.has_overlay:
        write_overlay(folder, plan, output / "overlay.png", check)


def write_report(report: Report, final: Path) -> None:
    """Write report.json in one step."""
    write_bytes(final, (json.dumps(report, indent=2) + "\n").encode())


def provenance(record: PlannedJob) -> dict[str, str]:
    """Return what made the masks, as attributes for the HDF5: the same bytes for the same job."""
    return {
        "emstream_version": __version__,
        "settings": record.request.model_dump_json(),
        "checkpoints": json.dumps(checkpoints_of(record.plan)),
        "fingerprint": json.dumps(record.fingerprint, sort_keys=True),
        "source": record.plan.source,
    }


def make_report(folder: JobFolder, record: PlannedJob, wanted: Wanted, output: Path, timings: Timings) -> Report:
    """Return all that is needed to judge the result and to make it again."""
    plan = record.plan
    voxel = known_size(plan.voxel_size_nm)
    voxel_volume = float(np.prod(voxel)) * 1e-9 if voxel else None
    objects: dict[str, ObjectFacts] = {}
    for name, threshold in plan.thresholds.items():
        voxels = sum(made_of_sections(_structure_voxels, folder, plan, f"{name}/mask", "result"))
        objects[name] = {
            "threshold": threshold,
            "voxels": voxels,
            "fraction": voxels / float(np.prod(plan.shape_zyx)),
            "volume_um3": None if voxel_volume is None else voxels * voxel_volume,
            "measured": summary(folder, name) if record.request.measure else None,
            "trained_on": plan.trained_on.get(name, ""),
        }
    return {
        "emstream": __version__,
        "finished": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "python": platform.python_version(),
        "settings": record.request.model_dump(mode="json"),
        "input": plan.source,
        "plan": plan.model_dump(mode="json", exclude={"grids", "warnings", "thresholds", "source"}),
        "grids": [g.model_dump(mode="json", exclude={"members"}) for g in plan.grids],
        "checkpoints": checkpoints_of(plan),
        "fingerprint": record.fingerprint,
        "objects": objects,
        "warnings": [*plan.warnings, *nothing_found(objects)],
        "timings": timings,
        "command": command_line(record.request, wanted, output),
    }


def nothing_found(objects: Mapping[str, ObjectFacts]) -> list[str]:
    """Return a warning for each structure of which nothing was found."""
    warnings = []
    for name, facts in objects.items():
        measured = facts["measured"]
        if facts["voxels"] and (measured is None or measured.get("count")):
            continue
        least = f" of at least {measured['min_voxels']} voxels" if facts["voxels"] and measured else ""
        trained = f" The networks were trained on {facts['trained_on']}." if facts["trained_on"] else ""
        warnings.append(
            f"no {name}{least} were found.{trained} If there should be some, check the voxel size, try a lower "
            "threshold, or train a checkpoint on some of your own sections (emstream train)"
        )
    return warnings


def _structure_voxels(mask: Voxels) -> int:
    return int(np.count_nonzero(mask))


def command_line(request: Request, wanted: Wanted, output: Path) -> str:
    """Return the command that makes the result again."""
    parts: list[str] = ["emstream", "predict", request.input, "--output", str(output), "--quality", request.quality]
    parts += _repeated("--object", request.objects)
    parts += _repeated("--checkpoint", request.checkpoints)
    parts += _repeated("--format", wanted.formats)
    single = {
        "--dataset": request.dataset,
        "--region": region_text(request.region),
        **voxel_options(request),
        "--halo": request.halo,
        "--variants": request.variants,
        "--threshold": request.threshold,
    }
    for option, value in single.items():
        if value is not None:
            parts += [option, str(value)]
    parts += ["--no-measure"] * (not request.measure) + ["--split-touching"] * request.split_touching
    parts += ["--min-voxels", str(request.min_voxels)] * (
        request.min_voxels != Request.model_fields["min_voxels"].default
    )
    parts += ["--contrast-stretch"] * request.contrast_stretch + ["--spread"] * request.spread
    parts += ["--no-overlay"] * (not wanted.has_overlay)
    environment = f"EMSTREAM_SLAB_SECTIONS={request.slab_sections} EMSTREAM_CORE_SIDE={request.core_side} "
    is_default = (request.slab_sections, request.core_side) == (SLAB_SECTIONS, CORE_SIDE)
    return ("" if is_default else environment) + shlex.join(parts)


def voxel_options(request: Request) -> dict[str, str | None]:
    """Return the voxel size that the user gave as options of the command line.

    >>> voxel_options(Request(input="s.tif", voxel_size_nm=(None, 5.5, 5.5)))
    {'--pixel-size': '5.5', '--section-thickness': None}
    """
    if request.voxel_size_nm is None:
        return {}
    z, y, x = (None if edge is None else f"{edge:g}" for edge in request.voxel_size_nm)
    if z is not None and y is not None and x is not None and not request.unequal_pixels:
        return {"--voxel-size": f"{z},{y},{x}"}
    pixel = y if y == x and not request.unequal_pixels else f"{y},{x}"
    return {"--pixel-size": pixel, "--section-thickness": z}


def region_text(region: Region | None) -> str | None:
    """Return a region as the command line takes it.

    >>> region_text(((0, 512, 0), (5, 1024, 512)))
    '0:5,512:1024,0:512'
    """
    return region and ",".join(f"{start}:{stop}" for start, stop in zip(*region, strict=True))


def drop_job(folder: JobFolder) -> None:
    """Delete the job's working files."""
    shutil.rmtree(folder.path, ignore_errors=True)


def _repeated(option: str, values: Iterable[str]) -> list[str]:
    return [part for value in values for part in (option, value)]


def checkpoints_of(plan: Plan) -> dict[str, str]:
    """Return the job's checkpoints by name, with the hashes of their files."""
    return {member.name: member.sha256 for grid in plan.grids for member in grid.members}


Interval = tuple[str, float, float]
"""Lane, start and stop in seconds."""
WIDTH, LANE, LEFT = 1600, 44, 110
COLOURS = ("#2962ff", "#00a152", "#ff6d00", "#6d4c41", "#8e24aa")
ROWS = 3
"""Units of a lane that overlap in time are drawn on this many rows in turn."""


def draw_timeline(intervals: Sequence[Interval], final: Path) -> None:
    """Draw the intervals, lanes in order of appearance, time to the right, and save a PNG."""
    lanes = list(dict.fromkeys(lane for lane, _, _ in intervals))
    first = min(start for _, start, _ in intervals)
    span = max(stop for _, _, stop in intervals) - first or 1.0
    image = Image.new("RGB", (WIDTH, LANE * len(lanes) + 40), "white")
    draw = ImageDraw.Draw(image)
    scale = (WIDTH - LEFT - 20) / span
    drawn = dict.fromkeys(lanes, 0)
    for lane, start, stop in intervals:
        row = drawn[lane] % ROWS
        drawn[lane] += 1
        top = 10 + lanes.index(lane) * LANE + row * (LANE - 10) // ROWS
        left = LEFT + (start - first) * scale
        right = max(LEFT + (stop - first) * scale, left + 1)
        draw.rectangle((left, top, right, top + (LANE - 14) // ROWS), fill=COLOURS[lanes.index(lane) % len(COLOURS)])
    for index, lane in enumerate(lanes):
        draw.text((10, 16 + index * LANE), lane, fill="black")
    bottom = 14 + LANE * len(lanes)
    for tick in range(6):
        x = LEFT + (WIDTH - LEFT - 20) * tick / 5
        draw.line((x, bottom - 4, x, bottom), fill="black")
        draw.text((x - 10, bottom + 2), f"{span * tick / 5:.1f} s", fill="black")
    image.save(final)
