"""A finished job in words."""

from __future__ import annotations

from pathlib import Path

from emstream_cli.console import result_lines

FACTS = {"volume_um3": 0.12345, "fraction": 0.25, "threshold": 0.5, "measured": {"count": 3, "min_voxels": 64}}


def test_each_structure_has_its_share_volume_and_count(tmp_path: Path) -> None:
    (tmp_path / "measurements").mkdir()
    assert result_lines({"objects": {"nuclei": FACTS}}, tmp_path) == [
        "nuclei: 25.00 % of the voxels, 0.123 µm³ (threshold 0.50)",
        "  3 objects of at least 64 voxels",
        f"masks: {tmp_path / 'mask.h5'}",
        f"measurements: {tmp_path / 'measurements'}",
    ]


def test_of_membranes_the_profiles_are_said_to_be_enclosed(tmp_path: Path) -> None:
    measured = {"count": 531, "min_voxels": 64, "volume_fraction": 0.81, "counted": "profiles enclosed in each section"}
    facts = FACTS | {"fraction": 0.12, "measured": measured}
    assert result_lines({"objects": {"membranes": facts}}, tmp_path)[:2] == [
        "membranes: 12.00 % of the voxels, 0.123 µm³ (threshold 0.50)",
        "  531 enclosed profiles of at least 64 pixels, which fill 81.00 %",
    ]


def test_what_is_not_known_is_not_said(tmp_path: Path) -> None:
    facts = FACTS | {"volume_um3": None, "measured": None}
    assert result_lines({"objects": {"spots": facts}}, tmp_path) == [
        "spots: 25.00 % of the voxels (threshold 0.50)",
        f"masks: {tmp_path / 'mask.h5'}",
    ]


def test_warnings_and_the_training_stand_next_to_the_result(tmp_path: Path) -> None:
    facts = FACTS | {"measured": None, "trained_on": "SBEM of HeLa cells"}
    lines = result_lines({"objects": {"nuclei": facts}, "warnings": ["the sections look blurred"]}, tmp_path)
    assert lines[1:3] == ["  the networks were trained on SBEM of HeLa cells", "note: the sections look blurred"]
