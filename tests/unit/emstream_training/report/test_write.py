"""A report on disk: every file, and a summary in one sentence."""

from __future__ import annotations

import json
from pathlib import Path

from emstream_training.report.write import Making, write_report
from tests.unit.emstream_training.report.reports import measured

MAKING = Making("Machine: here", {"object": "spots"}, {"command": "emstream report"})


def test_all_files_are_written_and_agree(tmp_path: Path) -> None:
    found = measured()
    write_report(found, [], MAKING, tmp_path)
    files = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file())
    pictures = [f"figures/{key}.png" for key in ("example_best", "f1_per_section", "precision_recall")]
    assert files == [*pictures, "report.html", "report.json", "report.pdf"]
    score = found.tallies[found.main.name].score
    text = (tmp_path / "report.html").read_text()
    assert (
        f"On 3 labelled sections, {found.main.name} finds {100 * score['recall']:.0f} % of the voxels of spots" in text
    )
    assert f"F1 {score['f1']:.3f}, IoU {score['iou']:.3f}." in text
    numbers = json.loads((tmp_path / "report.json").read_text())
    assert numbers["scores"][found.main.name]["total"]["f1"] == score["f1"]
    assert (tmp_path / "report.pdf").read_bytes().startswith(b"%PDF")
