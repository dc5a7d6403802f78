"""Measurements with a predictor that takes grey values for probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from emstream.models.checkpoint import Checkpoint
from emstream.volume.files import created
from emstream.volume.planes import Planes
from emstream_training.metrics.confusion import Confusion
from emstream_training.report.candidates import candidates_of
from emstream_training.report.corruptions import CORRUPTIONS
from emstream_training.report.measure import CROP, Order, Ran, Sections, measure
from tests.unit.emstream_training.report.reports import GREY, SHAPE, TRUTH, member
from tests.unit.emstream_training.stacks import UINT8, grey_stack

CANDIDATES = tuple(candidates_of([member("a"), member("b")], 0.5))


class Predictor:
    """Writes grey values as probabilities, and remembers its calls."""

    def __init__(self, grey: UINT8 = GREY) -> None:
        self.grey = grey
        self.calls: list[str] = []
        self.inputs: list[UINT8] = []
        self.seconds = 5.0

    def __call__(self, what: str, stack: Path | None, checkpoints: Sequence[Checkpoint], folder: Path) -> Ran:
        self.calls.append(what)
        planes = self.grey if stack is None else np.stack([np.asarray(Image.open(p)) for p in sorted(stack.iterdir())])
        self.inputs.append(planes)
        folder.mkdir()
        with created(folder / "mask.h5") as file:
            written = Planes.create(file, "spots/probability", planes.shape)
            for z, plane in enumerate(planes):
                written.write(z, plane)
        self.seconds -= 1
        return Ran(self.seconds, len(checkpoints))


def sections(grey: UINT8 = GREY) -> Sections:
    return Sections("spots", grey.shape, lambda z: grey[z], lambda z: grey[z] > 140)


def test_each_checkpoint_predicts_once_and_nothing_is_left(tmp_path: Path) -> None:
    predictor = Predictor()
    found = measure(sections(), Order(CANDIDATES, CANDIDATES[0], with_robustness=False), predictor, tmp_path)
    assert predictor.calls == ["the sections, a", "the sections, b"]
    assert list(tmp_path.iterdir()) == []
    assert not found.robustness
    assert not found.timings
    for candidate in CANDIDATES:
        counts = Confusion.of(candidate.threshold * 255 <= GREY, TRUTH)
        assert found.f1(candidate) == round(counts.f1, 6)
    assert {example.z for example in found.examples} <= {0, 1, 2}
    assert np.array_equal(found.clean_crop, GREY[1])


def test_every_corruption_is_predicted_and_scored(tmp_path: Path) -> None:
    predictor = Predictor()
    found = measure(sections(), Order(CANDIDATES[:1], CANDIDATES[0]), predictor, tmp_path)
    assert predictor.calls[1:] == [f"{corruption.name}, a" for corruption in CORRUPTIONS]
    for corruption, given in zip(CORRUPTIONS, predictor.inputs[1:], strict=True):
        assert np.array_equal(given, [corruption.apply(GREY[z], z, SHAPE[0]) for z in range(SHAPE[0])])
    missing = found.robustness[-1]
    assert missing.others is not None
    assert missing.others["a"].score == found.tallies["a"].without(1).score
    assert missing.tallies["a"].score["recall"] < found.tallies["a"].score["recall"]
    assert [r.others for r in found.robustness[:-1]] == [None] * 6
    assert list(tmp_path.iterdir()) == []


def test_a_single_section_has_no_others(tmp_path: Path) -> None:
    found = measure(sections(GREY[:1]), Order(CANDIDATES[:1], CANDIDATES[0]), Predictor(GREY[:1]), tmp_path)
    assert found.robustness[-1].others is None


def test_the_faster_of_two_runs_is_the_time_of_a_size(tmp_path: Path) -> None:
    predictor = Predictor()
    order = Order(CANDIDATES, CANDIDATES[-1], with_robustness=False, sides=(64, 96))
    found = measure(sections(), order, predictor, tmp_path)
    assert predictor.calls[2:] == ["64 x 64 pixels"] * 2 + ["96 x 96 pixels"] * 2
    assert [planes.shape for planes in predictor.inputs[2::2]] == [(1, 64, 64), (1, 96, 96)]
    assert [(t.side, t.packages, t.seconds) for t in found.timings] == [(64, 2, 1.0), (96, 2, -1.0)]


def test_maps_are_deleted_when_scoring_fails(tmp_path: Path) -> None:
    def truth(z: int) -> np.ndarray:
        raise OSError(z)

    broken = Sections("spots", SHAPE, lambda z: GREY[z], truth)
    with pytest.raises(OSError, match="0"):
        measure(broken, Order(CANDIDATES, CANDIDATES[0]), Predictor(), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_crop_is_the_middle_of_a_large_section(tmp_path: Path) -> None:
    grey = grey_stack((1, 300, 40))
    found = measure(sections(grey), Order(CANDIDATES[:1], CANDIDATES[0], False), Predictor(grey), tmp_path)
    assert np.array_equal(found.clean_crop, grey[0, 150 - CROP // 2 : 150 + CROP // 2])
