"""Provenance of exports."""

from __future__ import annotations

import json

from tests.unit.emstream_postprocess.exports.volumes_at_hand import PROVENANCE, UNKNOWN_SIZE, UNKNOWN_THICKNESS


def test_the_facts_are_json() -> None:
    assert json.loads(PROVENANCE.text) == PROVENANCE.facts


def test_the_voxel_size_is_given_in_micrometres_and_in_words() -> None:
    assert PROVENANCE.voxel_size_um == (0.05, 0.004, 0.008)
    assert PROVENANCE.caption() == "8 x 4 nm pixels, 50 nm sections"


def test_an_unknown_voxel_size_stays_unknown() -> None:
    assert UNKNOWN_SIZE.voxel_size_um is None
    assert UNKNOWN_SIZE.caption() == "voxel size unknown"


def test_an_unknown_thickness_stays_unknown_next_to_a_known_pixel() -> None:
    assert UNKNOWN_THICKNESS.voxel_size_um == (None, 0.004, 0.004)
    assert UNKNOWN_THICKNESS.caption() == "4 nm pixels, sections of unknown thickness"
