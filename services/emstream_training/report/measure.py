"""Measurements of a report, from stacks and checkpoints to numbers: predict, score, corrupt, time.

    the stack ──► predict (each checkpoint once) ──► tallies of checkpoints and ensembles ──► three example sections
    corrupted ──► predict (each checkpoint once) ──► tallies, with the same thresholds
    one section, mirrored to any size ──► predict (all checkpoints at once) ──► seconds

Largest arrays: one section, its float32 copy during a blur, one section of each checkpoint's map. The maps of one input
at a time are kept in a scratch folder.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from emstream.models.checkpoint import Checkpoint
from emstream_training.report.candidates import Candidate
from emstream_training.report.corruptions import CORRUPTIONS, MISSING, Corruption, missing_z
from emstream_training.report.learning import Timing, mirrored
from emstream_training.report.scores import (
    Example,
    Maps,
    SectionPlanes,
    Tally,
    Truth,
    make_example,
    tally,
    telling_sections,
)

UINT8 = NDArray[np.uint8]
CROP = 192
"""Side in pixels of the part of a corrupted section that the report shows."""
TIMED_RUNS = 2
"""Number of runs of a size. The first one compiles the network, so the fastest counts."""


@dataclass(frozen=True, slots=True)
class Ran:
    """A finished prediction. packages: number of packages that the stack was cut into."""

    seconds: float
    packages: int


class Predict(Protocol):
    """Prediction as the caller offers it: this room does not import the stages."""

    def __call__(self, what: str, stack: Path | None, checkpoints: Sequence[Checkpoint], folder: Path) -> Ran:
        """Predict a stack (None = the report's own) into `folder/mask.h5`. what: description for the waiting user."""


@dataclass(frozen=True, slots=True)
class Sections:
    """The stack of a report. grey(z): (y, x) uint8 as the networks get it; truth(z): (y, x) bool."""

    object: str
    shape_zyx: tuple[int, int, int]
    grey: Callable[[int], UINT8]
    truth: Truth


@dataclass(frozen=True, slots=True)
class Robustness:
    """Scores under one corruption. crop: (y, x) uint8, part of the middle section; others: of the other sections."""

    corruption: Corruption
    tallies: dict[str, Tally]
    crop: UINT8
    others: dict[str, Tally] | None = None


@dataclass(frozen=True, slots=True)
class Measured:
    """All measurements. main: the candidate that predict would use; clean_crop: `crop` without corruption."""

    sections: Sections
    candidates: tuple[Candidate, ...]
    main: Candidate
    tallies: dict[str, Tally]
    examples: tuple[Example, ...]
    clean_crop: UINT8
    robustness: tuple[Robustness, ...] = ()
    timings: tuple[Timing, ...] = ()

    def f1(self, candidate: Candidate) -> float:
        """Return a candidate's F1 on all sections together."""
        return self.tallies[candidate.name].score["f1"]


@dataclass(frozen=True, slots=True)
class Order:
    """Measurements to make. main: one of the candidates. sides: sizes to time; empty = no timing."""

    candidates: tuple[Candidate, ...]
    main: Candidate
    with_robustness: bool = True
    sides: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class _Bench:
    """Everything that each measurement needs."""

    sections: Sections
    order: Order
    predict: Predict
    scratch: Path

    @property
    def depth(self) -> int:
        return self.sections.shape_zyx[0]


def measure(sections: Sections, order: Order, predict: Predict, scratch: Path) -> Measured:
    """Make all measurements. scratch: folder for maps. Raises the errors of predicting, and VolumeDamaged."""
    bench = _Bench(sections, order, predict, scratch)
    with _predicted("the sections", None, bench) as maps:
        tallies = tally(order.candidates, maps, sections.truth, bench.depth)
        examples = tuple(_examples(tallies[order.main.name], maps, bench))
    corruptions = CORRUPTIONS if order.with_robustness else ()
    return Measured(
        sections=sections,
        candidates=order.candidates,
        main=order.main,
        tallies=tallies,
        examples=examples,
        clean_crop=_crop(sections.grey(missing_z(bench.depth))),
        robustness=tuple(_corrupt(corruption, bench) for corruption in corruptions),
        timings=tuple(_time(side, bench) for side in order.sides),
    )


def _examples(main: Tally, maps: Maps, bench: _Bench) -> Iterator[Example]:
    sections = bench.sections
    for rank, z in telling_sections(main):
        planes = SectionPlanes(sections.grey(z), maps.read(bench.order.main, z), sections.truth(z))
        yield make_example(rank, z, main, planes)


@contextmanager
def _predicted(what: str, stack: Path | None, bench: _Bench) -> Iterator[Maps]:
    """Predict a stack with each checkpoint of the candidates once; the maps are deleted at the end."""
    members = {m.name: m.checkpoint for candidate in bench.order.candidates for m in candidate.members}
    files = {}
    try:
        for number, checkpoint in enumerate(members.values()):
            folder = bench.scratch / f"maps-{number}"
            bench.predict(f"{what}, {checkpoint.header.name}", stack, [checkpoint], folder)
            files[checkpoint.header.name] = folder / "mask.h5"
        yield Maps(bench.sections.object, files)
    finally:
        for file in files.values():
            shutil.rmtree(file.parent)


def _corrupt(corruption: Corruption, bench: _Bench) -> Robustness:
    """Predict and score the corrupted stack, with the thresholds of the candidates."""
    sections, depth, lost = bench.sections, bench.depth, missing_z(bench.depth)
    stack = bench.scratch / "corrupted"
    stack.mkdir()
    for z in range(depth):
        _write_png(stack / f"{z:06d}.png", corruption.apply(sections.grey(z), z, depth))
    with _predicted(corruption.name, stack, bench) as maps:
        tallies = tally(bench.order.candidates, maps, sections.truth, depth)
    shutil.rmtree(stack)
    crop = _crop(corruption.apply(sections.grey(lost), lost, depth))
    has_others = corruption is MISSING and depth > 1
    others = {name: found.without(lost) for name, found in tallies.items()} if has_others else None
    return Robustness(corruption, tallies, crop, others)


def _time(side: int, bench: _Bench) -> Timing:
    """Predict one square section with all checkpoints of the main candidate, and keep the shortest time."""
    stack = bench.scratch / "timed"
    stack.mkdir()
    _write_png(stack / "0.png", mirrored(bench.sections.grey(0), side))
    checkpoints = [member.checkpoint for member in bench.order.main.members]
    runs = []
    for _ in range(TIMED_RUNS):
        folder = bench.scratch / "timing"
        runs.append(bench.predict(f"{side} x {side} pixels", stack, checkpoints, folder))
        shutil.rmtree(folder)
    shutil.rmtree(stack)
    return Timing(side, runs[0].packages, min(run.seconds for run in runs))


def _crop(section: UINT8) -> UINT8:
    """Return the middle of a section, at most CROP pixels wide and high, copied."""
    sides = [slice(max(0, n // 2 - CROP // 2), n // 2 + CROP // 2) for n in section.shape]
    return section[sides[0], sides[1]].copy()


def _write_png(path: Path, section: UINT8) -> None:
    path.write_bytes(imagecodecs.png_encode(section, level=1))
