"""`emstream report`: figures and tables of how well an object is found, as one HTML page and one PDF."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import typer

from emstream.errors import EngineUnavailable, Interrupted
from emstream.readers.formats import STACK_KINDS
from emstream_cli.console import say, start, warn
from emstream_cli.options import (
    CHECKPOINT,
    DATASET,
    OBJECT,
    QUALITY,
    VERBOSE,
    VOXEL_SIZE,
    QualityName,
    parse_compared,
    parse_sizes,
    parse_voxel_size,
)
from emstream_standalone.request import make_request

HOW_TO_INSTALL = "the report needs matplotlib, which is not installed: pip install 'emstream[train]'"
DEFAULT_SIZES = "1024,2048,4096"


def report(
    images: Path = typer.Option(..., help=f"Raw labelled sections: folder, {STACK_KINDS}."),
    labels: Path = typer.Option(..., help="Labels of the same sections: 0, and one other value for structure."),
    output: Path = typer.Option(..., "--output", "-o", help="Folder for report.html, .pdf, .json and figures/."),
    objects: list[str] = OBJECT,
    checkpoints: list[Path] = CHECKPOINT,
    quality: QualityName = QUALITY,
    compare: list[str] = typer.Option(
        None, metavar="NAME=FILE", help="A checkpoint to set against these; the same NAME again makes an ensemble."
    ),
    curves: list[Path] = typer.Option(None, "--curve", help="curve.csv of a training; may be repeated."),
    voxel_size: str = VOXEL_SIZE,
    dataset: str = DATASET,
    sizes: str = typer.Option(DEFAULT_SIZES, metavar="N,N,...", help="Sides in pixels of the sections that are timed."),
    run_time: bool = typer.Option(True, "--run-time/--no-run-time", help="Time the sizes."),
    robustness: bool = typer.Option(True, "--robustness/--no-robustness", help="Predict spoiled sections, too."),
    verbose: bool = VERBOSE,
) -> None:
    """Predict labelled sections with each checkpoint and draw how well, how robustly and how fast that works."""
    settings = start(verbose)
    if find_spec("matplotlib") is None:
        raise EngineUnavailable(HOW_TO_INSTALL)
    from emstream_standalone.report import Given, make_report
    from emstream_standalone.report_order import make_order, report_choice
    from emstream_training.report.learning import read_curves

    training = tuple(read_curves(curves or []))
    sides = parse_sizes(sizes) if run_time else ()
    compared = parse_compared(compare or [])
    request = make_request(
        images,
        settings,
        objects=tuple(objects or ()),
        quality=quality.value,
        checkpoints=tuple(str(path.absolute()) for path in checkpoints or ()),
        voxel_size_nm=parse_voxel_size(voxel_size),
        dataset=dataset,
    )
    choice = report_choice(request, settings)
    order = make_order(choice, quality.value, compared, robustness, sides)
    given = Given(request, choice, labels, output, compared, tuple(curves or ()), training)
    try:
        make_report(given, order, settings, warn)
    except Interrupted:
        raise Interrupted("interrupted; no report was written: run the same command again") from None
    say(f"report: {output / 'report.html'}, {output / 'report.pdf'}")
