"""Provenance of exports."""

from __future__ import annotations

import json

from tests.unit.emstream_postprocess.exports.volumes_at_hand import PROVENANCE, UNKNOWN_SIZE


def test_the_facts_are_json() -> None:
    assert json.loads(PROVENANCE.text) == PROVENANCE.facts


def test_the_voxel_size_is_given_in_micrometres_and_in_words() -> None:
    assert PROVENANCE.voxel_size_um == (0.05, 0.004, 0.008)
    assert PROVENANCE.caption() == "voxel size 50 x 4 x 8 nm (z, y, x)"


def test_an_unknown_voxel_size_stays_unknown() -> None:
    assert UNKNOWN_SIZE.voxel_size_um is None
    assert UNKNOWN_SIZE.caption() == "voxel size not known"
