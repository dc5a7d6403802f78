"""Reports: the command that makes a result again, the facts of its masks, formats that there are."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from emstream.errors import UsageError
from emstream.jobs.folder import JobFolder
from emstream.jobs.record import JobRecord, Request
from emstream_postprocess.report import (
    ObjectFacts,
    Wanted,
    command_line,
    make_report,
    nothing_found,
    provenance,
    region_text,
    write_report,
)
from tests.plans import make_plan

PLAN = make_plan((2, 64, 64), sections=2)
JOB = JobRecord(id="j", owner="o", request=Request(input="brain 1", measure=False)).with_plan(PLAN)


def test_the_command_has_what_differs_from_the_defaults_only() -> None:
    assert command_line(Request(input="stack.tif"), Wanted(), Path("out")) == (
        "emstream predict stack.tif --output out --quality balanced --format h5"
    )


def test_the_command_can_be_pasted_whatever_the_names() -> None:
    request = Request(
        input="brain 1",
        objects=("mitochondria", "nuclei"),
        voxel_size_nm=(50, 5.5, 5.5),
        region=((0, 0, 0), (2, 64, 64)),
        threshold=0.25,
        measure=False,
        slab_sections=16,
    )
    command = command_line(request, Wanted(("h5", "tiff"), has_overlay=False), Path("out"))
    assert command.startswith("EMSTREAM_SLAB_SECTIONS=16 EMSTREAM_CORE_SIDE=1024 emstream predict 'brain 1' ")
    for part in (
        "--object mitochondria --object nuclei",
        "--format h5 --format tiff",
        "--region 0:2,0:64,0:64",
        "--voxel-size 50,5.5,5.5",
        "--threshold 0.25",
        "--no-measure",
        "--no-overlay",
    ):
        assert part in command


def test_without_a_region_none_is_named() -> None:
    assert region_text(None) is None


def test_a_format_that_there_is_not_is_refused_with_the_ones_that_there_are() -> None:
    with pytest.raises(UsageError, match="the format must be one of h5, png, tiff, got bmp"):
        Wanted(("h5", "bmp"))


def test_slabs_that_were_not_stitched_count_as_empty(tmp_path: Path) -> None:
    report = make_report(JobFolder(tmp_path), JOB, Wanted(), Path("out"), {"total_s": 1.5})
    facts = report["objects"]["spots"]
    assert facts == {
        "threshold": 0.5,
        "voxels": 0,
        "fraction": 0.0,
        "volume_um3": 0.0,
        "measured": None,
        "trained_on": "",
    }
    assert report["checkpoints"] == {"network": "0" * 64}
    assert "errors" not in report
    write_report(report, tmp_path / "report.json")
    assert json.loads((tmp_path / "report.json").read_text())["timings"] == {"total_s": 1.5}


def test_the_same_job_has_the_same_provenance() -> None:
    assert provenance(JOB) == provenance(JOB.model_copy())
    assert json.loads(provenance(JOB)["checkpoints"]) == {"network": "0" * 64}


def test_a_structure_of_which_nothing_was_found_is_reported_with_its_training() -> None:
    facts: ObjectFacts = {
        "threshold": 0.4,
        "voxels": 0,
        "fraction": 0.0,
        "volume_um3": None,
        "measured": None,
        "trained_on": "SBEM of HeLa cells",
    }
    [warning] = nothing_found({"nuclei": facts})
    assert warning.startswith("no nuclei were found. The networks were trained on SBEM of HeLa cells. If there should")
    found: ObjectFacts = {**facts, "voxels": 9, "trained_on": ""}
    assert nothing_found({"nuclei": found}) == []
    [warning] = nothing_found({"nuclei": {**found, "measured": {"count": 0, "min_voxels": 64}}})
    assert warning.startswith("no nuclei of at least 64 voxels were found. If there should")
    assert nothing_found({"nuclei": {**found, "measured": {"count": 2, "min_voxels": 64}}}) == []


@pytest.mark.parametrize(
    ("scale", "options"),
    [
        ({"voxel_size_nm": (40, 5, 5)}, "--voxel-size 40,5,5"),
        ({"voxel_size_nm": (None, 5, 5)}, "--pixel-size 5"),
        ({"voxel_size_nm": (40, None, None)}, "--section-thickness 40"),
        ({"voxel_size_nm": (5.5, 5.5, 30), "unequal_pixels": True}, "--pixel-size 5.5,30 --section-thickness 5.5"),
    ],
)
def test_the_command_gives_the_voxel_size_as_the_user_did(scale: dict[str, object], options: str) -> None:
    request = Request.model_validate({"input": "s.tif"} | scale)
    command = command_line(request, Wanted(), Path("OUT"))
    assert f" {options} " in command.replace("--threshold", " --threshold").replace("  ", " ") + " "
    assert command.count("--voxel-size") + command.count("--pixel-size") + command.count("--section-thickness") == len(
        [word for word in options.split() if word.startswith("--")]
    )
