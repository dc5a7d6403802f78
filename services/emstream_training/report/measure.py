"""From stacks and checkpoints to numbers: predict, score, corrupt and score again, time. No drawing here.

    the stack ──► predict (each checkpoint once) ──► tallies of checkpoints and ensembles ──► three example sections
    corrupted ──► predict (each checkpoint once) ──► tallies, with the same thresholds
    one section, mirrored to any size ──► predict (all checkpoints at once) ──► seconds

Largest arrays: one section, its float32 under a blur, one section of each checkpoint's map. Maps lie in a scratch
folder, those of one input at a time.
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
from emstream_training.report.examples import Example, make_example, telling_sections
from emstream_training.report.run_time import Timing, mirrored
from emstream_training.report.scores import Maps, Tally, Truth, tally

UINT8 = NDArray[np.uint8]
CROP = 192
"""Side in pixels of the piece of a corrupted section that the report shows."""
TIMED_RUNS = 2
"""The first one of a size compiles the network, so the fastest counts."""


@dataclass(frozen=True, slots=True)
class Ran:
    """A run of the network. packages: blocks that the stack was cut into."""

    seconds: float
    packages: int


class Predict(Protocol):
    """Lent by the caller, who may see the other stages."""

    def __call__(self, what: str, stack: Path | None, checkpoints: Sequence[Checkpoint], folder: Path) -> Ran:
        """Predict a stack (None = the one reported on) into `folder/mask.h5`. what: for the user, who waits."""


@dataclass(frozen=True, slots=True)
class Sections:
    """The stack reported on. grey(z): (y, x) uint8 as the networks get it; truth(z): (y, x) bool."""

    object: str
    shape_zyx: tuple[int, int, int]
    grey: Callable[[int], UINT8]
    truth: Truth


@dataclass(frozen=True, slots=True)
class Robustness:
    """One corruption. crop: (y, x) uint8, a piece of the middle section; others: without a section that is missing."""

    corruption: Corruption
    tallies: dict[str, Tally]
    crop: UINT8
    others: dict[str, Tally] | None = None


@dataclass(frozen=True, slots=True)
class Measured:
    """All that was measured. main: what predict would use; clean_crop: see Robustness."""

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
    """What is wanted. main: one of the candidates. sides: sizes to time, none = no timing."""

    candidates: tuple[Candidate, ...]
    main: Candidate
    with_robustness: bool = True
    sides: tuple[int, ...] = ()


def measure(sections: Sections, order: Order, predict: Predict, scratch: Path) -> Measured:
    """Do all the work. Raises what predicting raises, and VolumeDamaged."""
    depth = sections.shape_zyx[0]
    with _predicted("the sections", None, sections.object, order.candidates, predict, scratch) as maps:
        tallies = tally(order.candidates, maps, sections.truth, depth)
        main = tallies[order.main.name]
        examples = tuple(
            make_example(rank, z, main, sections.grey(z), maps.read(order.main, z), sections.truth(z))
            for rank, z in telling_sections(main)
        )
    corruptions = CORRUPTIONS if order.with_robustness else ()
    return Measured(
        sections=sections,
        candidates=order.candidates,
        main=order.main,
        tallies=tallies,
        examples=examples,
        clean_crop=_crop(sections.grey(missing_z(depth))),
        robustness=tuple(_corrupt(c, sections, order.candidates, predict, scratch) for c in corruptions),
        timings=tuple(_time(side, sections, order.main, predict, scratch) for side in order.sides),
    )


@contextmanager
def _predicted(
    what: str, stack: Path | None, name: str, candidates: Sequence[Candidate], predict: Predict, scratch: Path
) -> Iterator[Maps]:
    """Predict a stack with each checkpoint of the candidates once; the maps go at the end."""
    members = {m.name: m.checkpoint for candidate in candidates for m in candidate.members}
    files = {}
    try:
        for number, checkpoint in enumerate(members.values()):
            folder = scratch / f"maps-{number}"
            predict(f"{what}, {checkpoint.header.name}", stack, [checkpoint], folder)
            files[checkpoint.header.name] = folder / "mask.h5"
        yield Maps(name, files)
    finally:
        for file in files.values():
            shutil.rmtree(file.parent)


def _corrupt(
    corruption: Corruption, sections: Sections, candidates: Sequence[Candidate], predict: Predict, scratch: Path
) -> Robustness:
    depth = sections.shape_zyx[0]
    lost = missing_z(depth)
    stack = scratch / "corrupted"
    stack.mkdir()
    for z in range(depth):
        _write_png(stack / f"{z:06d}.png", corruption.apply(sections.grey(z), z, depth))
    what = corruption.label.replace("\n", " ")
    with _predicted(what, stack, sections.object, candidates, predict, scratch) as maps:
        tallies = tally(candidates, maps, sections.truth, depth)
    shutil.rmtree(stack)
    crop = _crop(corruption.apply(sections.grey(lost), lost, depth))
    has_others = corruption is MISSING and depth > 1
    others = {name: found.without(lost) for name, found in tallies.items()} if has_others else None
    return Robustness(corruption, tallies, crop, others)


def _time(side: int, sections: Sections, main: Candidate, predict: Predict, scratch: Path) -> Timing:
    stack = scratch / "timed"
    stack.mkdir()
    _write_png(stack / "0.png", mirrored(sections.grey(0), side))
    runs = []
    for _ in range(TIMED_RUNS):
        folder = scratch / "timing"
        runs.append(predict(f"{side} x {side} pixels", stack, [m.checkpoint for m in main.members], folder))
        shutil.rmtree(folder)
    shutil.rmtree(stack)
    return Timing(side, runs[0].packages, min(run.seconds for run in runs))


def _crop(section: UINT8) -> UINT8:
    """Return the middle of a section, at most CROP pixels wide and high, copied."""
    sides = [slice(max(0, n // 2 - CROP // 2), n // 2 + CROP // 2) for n in section.shape]
    return section[sides[0], sides[1]].copy()


def _write_png(path: Path, section: UINT8) -> None:
    path.write_bytes(imagecodecs.png_encode(section, level=1))
