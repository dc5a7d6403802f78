"""RAW exports: bare voxels and the two files that describe them."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from emstream_postprocess.exports.raw_file import nrrd_header, write
from tests.unit.emstream_postprocess.exports.volumes_at_hand import (
    PROVENANCE,
    UNKNOWN_SIZE,
    UNKNOWN_THICKNESS,
    Counter,
    exported,
    some_colours,
    some_labels,
    some_mask,
)


@pytest.mark.parametrize("voxels", [some_mask(), some_labels(), some_colours()], ids=["mask", "labels", "colours"])
def test_voxels_come_back_by_what_the_description_says(tmp_path: Path, voxels: NDArray[Any]) -> None:
    count = Counter()
    write(tmp_path / "a.zip", [exported(voxels)], PROVENANCE, count)
    with zipfile.ZipFile(tmp_path / "a.zip") as file:
        facts = json.loads(file.read("cells_mask.json"))
        found = np.frombuffer(file.read(facts["file"]), np.dtype(facts["dtype"]).newbyteorder("<"))
    assert (found.reshape(facts["shape"]) == voxels).all()
    assert facts["voxel_size_nm"] == [50, 4, 8]
    assert count.strips == 2 * -(-voxels.shape[1] // 512)


def test_nrrd_s_axes_run_from_the_fastest_to_the_slowest() -> None:
    lines = nrrd_header(exported(some_mask((2, 3, 4))), PROVENANCE, "a.raw").splitlines()
    assert lines[0] == "NRRD0004"
    assert {"type: uint8", "sizes: 4 3 2", "spacings: 8 4 50", 'units: "nm" "nm" "nm"', "data file: a.raw"} <= {*lines}


def test_nrrd_has_no_spacings_where_none_are_known_and_a_colour_axis_first() -> None:
    text = nrrd_header(exported(some_colours()), UNKNOWN_SIZE, "a.raw")
    assert "spacings" not in text
    assert "sizes: 3 30 20 2" in text
    assert "kinds: RGB-color domain domain domain" in text


def test_nrrd_states_an_unknown_section_thickness_as_nan() -> None:
    lines = nrrd_header(exported(some_mask((2, 3, 4))), UNKNOWN_THICKNESS, "a.raw").splitlines()
    assert {"spacings: 4 4 nan", 'units: "nm" "nm" ""'} <= {*lines}
