"""Names of files inside of exports."""

from __future__ import annotations

import re

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from emstream_postprocess.exports.archive import file_name, section_name
from tests.unit.emstream_postprocess.exports.volumes_at_hand import exported

ONE = np.zeros((1, 1, 1), np.uint8)


@given(st.text(max_size=30))
def test_any_name_of_a_structure_gives_a_plain_file_name(name: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9._-]*", file_name(exported(ONE, name)))


def test_ordinary_names_stay_readable() -> None:
    assert file_name(exported(ONE, "cells/mask")) == "cells_mask"
    assert file_name(exported(ONE, "../../etc")) == "etc"
    assert file_name(exported(ONE, "脳")) == "volume"


def test_sections_keep_their_number_with_enough_zeros_to_sort() -> None:
    assert section_name(exported(ONE, "a", first=7), 7) == "a_0007"
    assert section_name(exported(ONE, "a", first=12345), 12) == "a_00012"
