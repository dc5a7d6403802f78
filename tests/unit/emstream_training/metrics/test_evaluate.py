"""Scores of sections against labels, on stacks small enough to check by eye."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import pytest

from emstream.errors import TrainingDataUnusable
from emstream.readers.stack import Rows, StackFacts
from emstream.volume.planes import Planes
from emstream_training.metrics import evaluate
from emstream_training.metrics.confusion import Confusion
from emstream_training.metrics.curves import Histograms
from emstream_training.metrics.evaluate import Section, read_section, score_of, score_sections
from tests.unit.emstream_training.stacks import UINT8


@dataclass
class Arrays:
    """A reader of an array (z, y, x) that gives each section as two bands of rows, the lower one first."""

    values: np.ndarray

    @property
    def facts(self) -> StackFacts:
        depth, height, width = self.values.shape
        return StackFacts((depth, height, width), self.values.dtype)

    def blocks(self, z_start: int, z_stop: int) -> Iterator[Rows]:
        half = self.values.shape[1] // 2
        for z in range(z_start, z_stop):
            for y, stop in ((half, self.values.shape[1]), (0, half)):
                yield Rows(z, y, self.values[z : z + 1, y:stop])

    def sample(self, z: int) -> np.ndarray:
        return np.asarray(self.values[z])

    def close(self) -> None:
        return None

    def __enter__(self) -> Arrays:
        return self

    def __exit__(self, *exception: object) -> None:
        return None


def stack(*rows: list[list[float]], dtype: type = np.uint8) -> Arrays:
    return Arrays(np.array(rows, dtype))


MASKS = np.array([[[1, 1], [0, 0]], [[1, 0], [0, 0]]], bool)
TRUTH = np.array([[[1, 0], [1, 0]], [[1, 0], [0, 0]]], bool)


def test_bands_of_rows_are_put_in_order() -> None:
    assert read_section(stack([[1, 2], [3, 4], [5, 6]]), 0).tolist() == [[1, 2], [3, 4], [5, 6]]


def test_masks_are_scored_in_total_and_by_section() -> None:
    found = score_sections((Section(mask) for mask in MASKS), TRUTH)
    assert [section["f1"] for section in found["sections"]] == [0.5, 1]
    total = found["total"]
    assert (total["true_positives"], total["false_positives"], total["false_negatives"]) == (2, 1, 1)
    assert total["f1"] == round(Confusion.of(MASKS, TRUTH).f1, 6)
    assert "average_precision" not in total
    assert "best_f1" not in total


def test_ignored_pixels_do_not_count() -> None:
    found = score_sections([Section(MASKS[0])], TRUTH[:1], [MASKS[0] != TRUTH[0]])
    assert found["total"]["f1"] == 1
    assert found["total"]["true_positives"] + found["total"]["true_negatives"] == 2


def test_probabilities_add_curves_and_the_best_threshold() -> None:
    probability: UINT8 = np.where(TRUTH, np.uint8(90), np.uint8(20))
    found = score_sections((Section(p >= 128, p) for p in probability), TRUTH)
    assert found["total"]["recall"] == 0
    assert (found["total"]["best_f1"], found["total"]["average_precision"]) == (1, 1)
    assert found["total"]["recall_at_precision_0.80"] == found["total"]["precision_at_recall_0.95"] == 1
    assert 20 / 255 < found["total"]["best_threshold"] <= 90 / 255
    assert "best_f1" not in found["sections"][0]


def test_a_score_without_structure_has_no_curve() -> None:
    nothing = Histograms.of(np.zeros((2, 2), np.uint8), np.zeros((2, 2), bool))
    assert "average_precision" not in score_of(Confusion(rejections=4), nothing)


def test_regions_are_measured_when_asked_for() -> None:
    pytest.importorskip("skimage", reason="region measures need scikit-image")
    wall = np.zeros((1, 5, 9), bool)
    wall[:, :, 4] = True
    found = score_sections([Section(wall[0])], wall, has_regions=True)
    assert (found["total"]["adapted_rand_error"], found["total"]["variation_of_information"]) == (0, 0)


@pytest.mark.parametrize(
    ("values", "dtype", "has_more"),
    [([[0, 7], [7, 0]], np.uint8, False), ([[0, 7], [8, 0]], np.uint16, True), ([[0, 0.5], [0.25, 0]], float, True)],
)
def test_probabilities_have_more_values_than_masks(values: list[list[float]], dtype: type, has_more: bool) -> None:
    assert evaluate.holds_probabilities(stack(values, dtype=dtype), 1) == has_more


def test_a_third_value_is_found_in_a_later_section() -> None:
    reader = stack([[0, 255], [0, 0]], [[0, 0], [0, 9]])
    with pytest.raises(TrainingDataUnusable, match=r"values 255 and 9 in addition to 0 \(section 2\)"):
        evaluate.check_labels(reader)
    truth = list(evaluate.truth_sections(stack([[0, 255], [0, 0]]), (1, 2, 2)))
    assert truth[0].tolist() == [[False, True], [False, False]]


def test_floats_and_bytes_are_probabilities_and_others_are_refused() -> None:
    [section] = evaluate.probability_sections(stack([[0.0, 0.5], [1.0, 0.25]], dtype=np.float64), 1, 0.5)
    assert section.probability is not None
    assert section.probability.tolist() == [[0, 128], [255, 64]]
    assert section.mask.tolist() == [[False, True], [True, False]]
    for wrong in (stack([[0, 2], [0, 0]], dtype=np.float32), stack([[0, 2], [0, 0]], dtype=np.uint16)):
        with pytest.raises(TrainingDataUnusable, match=r"section 1 of the masks is .* 0 to 2: give masks"):
            list(evaluate.probability_sections(wrong, 1, 0.5))


def test_a_threshold_on_probabilities_replaces_the_masks() -> None:
    masks, probabilities = stack([[0, 0], [9, 9]]), stack([[200, 100], [0, 0]])
    [kept] = evaluate.layer_sections(masks, probabilities, 1, None)
    assert kept.mask.tolist() == [[False, False], [True, True]]
    [replaced] = evaluate.layer_sections(masks, probabilities, 1, 0.5)
    assert replaced.mask.tolist() == [[True, False], [False, False]]
    [alone] = evaluate.layer_sections(masks, None, 1, 0.5)
    assert alone.probability is None


def test_a_mask_file_is_scored_with_its_probability(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "mask.h5", "w", libver="v110") as file:
        for name, values in (("mask", MASKS * np.uint8(255)), ("probability", MASKS * np.uint8(200))):
            planes = Planes.create(file, f"spots/{name}", (2, 2, 2))
            for z, plane in enumerate(values):
                planes.write(z, plane)
    found = evaluate.score(tmp_path / "mask.h5", "spots", TRUTH, (2, 2, 2))
    assert found == score_sections((Section(m, m * np.uint8(200)) for m in MASKS), TRUTH)
    with pytest.raises(TrainingDataUnusable, match=r"images are \(2, 2, 2\) \(z, y, x\) and the labels \(3, 2, 2\)"):
        evaluate.score(tmp_path / "mask.h5", "spots", TRUTH, (3, 2, 2))
