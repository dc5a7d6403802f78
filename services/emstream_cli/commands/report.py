"""`emstream report`: figures and tables of how well a structure is found, as one HTML page and one PDF."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from emstream.errors import EngineUnavailable, Interrupted
from emstream.readers.formats import STACK_KINDS
from emstream_cli.console import say, start, warn
from emstream_cli.options import Checkpoints, FindOptions, LabelOptions, Verbose, checkpoint_paths
from emstream_cli.parse import parse_compared, parse_sizes
from emstream_standalone.request import make_request

HOW_TO_INSTALL = "the report needs matplotlib, which is not installed: pip install 'emstream[train]'"


def report(
    images: Annotated[Path, typer.Option(help=f"Raw labelled sections: folder, {STACK_KINDS}.")],
    truth: LabelOptions,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for report.html, .pdf, .json and figures/.")],
    find: FindOptions,
    checkpoints: Checkpoints = None,
    compare: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=FILE", help="A checkpoint to compare with; the same NAME again makes an ensemble."),
    ] = None,
    curves: Annotated[
        list[Path] | None, typer.Option("--curve", help="File curve.csv of a training. May be repeated.")
    ] = None,
    sizes: Annotated[
        str, typer.Option(metavar="N,N,...", help="Sides in pixels of the sections that are timed.")
    ] = "1024,2048,4096",
    run_time: Annotated[bool, typer.Option("--run-time/--no-run-time", help="Time the sizes.")] = True,
    robustness: Annotated[
        bool, typer.Option("--robustness/--no-robustness", help="Predict spoiled sections, too.")
    ] = True,
    verbose: Verbose = False,
) -> None:
    """Predict labelled sections with each checkpoint and draw how well, how robustly and how fast that works."""
    settings = start(verbose)
    if find_spec("matplotlib") is None:
        raise EngineUnavailable(HOW_TO_INSTALL)
    from emstream_standalone.evaluate import LabelSource
    from emstream_standalone.report import Given, make_order, make_report, report_choice
    from emstream_training.report.learning import read_curves

    training = tuple(read_curves(curves or []))
    sides = parse_sizes(sizes) if run_time else ()
    compared = parse_compared(compare or [])
    request = make_request(images, settings, **find.fields(), checkpoints=checkpoint_paths(checkpoints))
    choice = report_choice(request, settings)
    order = make_order(choice, find.quality, compared, robustness, sides)
    labels = LabelSource(truth.labels, truth.labels_dataset, truth.instances)
    given = Given(request, choice, labels, output, compared, tuple(curves or ()), training)
    try:
        make_report(given, order, settings, warn)
    except Interrupted:
        raise Interrupted("interrupted; no report was written: run the same command again") from None
    say(f"report: {output / 'report.html'}, {output / 'report.pdf'}")
