"""Label values become structure, background or unknown."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emstream.errors import TrainingDataUnusable
from emstream_training.data.layers import IGNORE, LISTED_VALUES, LabelValues
from emstream_training.data.sources import Source


def values_of(**fields: object) -> LabelValues:
    return LabelValues(Source.model_validate({"images": Path("images"), "labels": Path("labels.tif"), **fields}))


@given(st.lists(st.sampled_from([0, 7]), min_size=1), st.integers(1, 3))
def test_any_second_value_is_structure(row: list[int], repeats: int) -> None:
    convert = values_of()
    for _ in range(repeats):  # a value seen before is no other value
        assert convert(np.array(row, np.uint16)).tolist() == [int(value == 7) for value in row]


def test_an_ignored_value_is_unknown_and_no_second_value() -> None:
    found = values_of(ignore_value=9)(np.array([[0, 1, 9]], np.uint8))
    assert found.tolist() == [[0, 1, IGNORE]]
    assert found.dtype == np.uint8


def test_negative_labels_mark_background_and_leave_the_rest_unknown() -> None:
    assert values_of(kind="negative")(np.array([0, 1], np.uint8)).tolist() == [IGNORE, 0]
    assert values_of(kind="negative", ignore_value=5)(np.array([0, 1, 5])).tolist() == [IGNORE, 0, IGNORE]


def test_instances_may_have_any_numbers() -> None:
    assert values_of(instances=True)(np.array([0, 1, 2, 300], np.uint16)).tolist() == [0, 1, 1, 1]


def test_second_values_are_found_across_sections() -> None:
    convert = values_of()
    convert(np.array([0, 255], np.uint8))
    with pytest.raises(TrainingDataUnusable, match=r"labels.tif has the values 255, 254 in addition to 0; .*as PNG"):
        convert(np.array([0, 254], np.uint8))


def test_only_a_few_values_are_listed() -> None:
    with pytest.raises(TrainingDataUnusable) as raised:
        values_of()(np.arange(100, dtype=np.uint8))
    assert ", ".join(map(str, range(1, LISTED_VALUES + 1))) + " and more in addition to 0" in str(raised.value)
