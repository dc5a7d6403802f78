"""The command that makes a report again."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from emstream.jobs.record import Request
from emstream.models.recipes import Choice, Recipe

pytest.importorskip("matplotlib")

from emstream_standalone.evaluate import LabelSource
from emstream_standalone.report import Given, command_line
from emstream_training.report.candidates import Candidate
from emstream_training.report.measure import Order

CHOICE = Choice("spots", Recipe(checkpoints=("a",), variants=1, halo="fast", threshold=0.5), ())
CANDIDATE = Candidate("a", "MultiResUNet", "3fm", (), 0.5)


def words(request: Request, order: Order, **changes: object) -> list[str]:
    fields: dict[str, object] = {"compared": {}, "curves": ()} | changes
    given = Given(
        request=request,
        choice=CHOICE,
        labels=LabelSource(Path("/labels")),
        output=Path("/out"),
        training=(),
        **fields,  # type: ignore[arg-type]  # a test
    )
    return shlex.split(command_line(given, order))


def test_the_least_that_is_said() -> None:
    order = Order((CANDIDATE,), CANDIDATE, True, (64, 128))
    assert words(Request(input="/raw", quality="fast"), order) == [
        *("emstream", "report", "--images", "/raw", "--labels", "/labels", "--object", "spots", "--quality", "fast"),
        *("--sizes", "64,128", "--output", "/out"),
    ]


def test_all_that_can_be_said() -> None:
    request = Request(
        input="/raw images", checkpoints=("/a.onnx", "/b.onnx"), voxel_size_nm=(50, 5.5, 5.5), dataset="/raw"
    )
    order = Order((CANDIDATE,), CANDIDATE, False, ())
    compared = {"Theirs": [Path("/c.onnx"), Path("/d.onnx")]}
    said = words(request, order, compared=compared, curves=(Path("/curve.csv"),))
    assert said[2:4] == ["--images", "/raw images"]
    text = " ".join(said[10:])
    assert text == (
        "--checkpoint /a.onnx --checkpoint /b.onnx --compare Theirs=/c.onnx --compare Theirs=/d.onnx "
        "--curve /curve.csv --voxel-size 50,5.5,5.5 --dataset /raw --no-run-time --no-robustness --output /out"
    )
