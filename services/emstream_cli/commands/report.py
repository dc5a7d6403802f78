"""`emstream report`: figures and tables of how well an object is found, as one HTML page and one PDF."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import typer

from emstream.errors import EngineUnavailable, Interrupted, UsageError
from emstream.jobs.record import Request, Voxel
from emstream.models.recipes import Choice
from emstream_cli.app import app, say, start
from emstream_cli.commands.predict import chosen, make_request
from emstream_cli.options import CHECKPOINT, DATASET, OBJECT, QUALITY, VERBOSE, VOXEL_SIZE, QualityName
from emstream_standalone.report import Given, make_report
from emstream_standalone.report_order import DEFAULT_SIZES, make_order, parse_compared, parse_sizes

HOW_TO_INSTALL = "the report needs matplotlib, which is not installed: pip install 'emstream[train]'"


@app.command()
def report(
    images: Path = typer.Option(..., help="Raw labelled sections: folder, TIFF, HDF5 or MRC."),
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
    from emstream_training.report.learning import read_curves

    training = read_curves(curves or [])
    sides = parse_sizes(sizes) if run_time else ()
    compared = parse_compared(compare or [])
    request = make_request(
        settings,
        source=images,
        objects=objects,
        quality=quality,
        checkpoints=checkpoints,
        voxel_size=voxel_size,
        dataset=dataset,
    )
    choice = _one_object(chosen(request, settings)).for_sections(_voxel_size(request, settings.max_voxels))
    order = make_order(choice, quality.value, compared, robustness, sides)
    given = Given(request, choice, labels, output, compared, tuple(curves or ()))
    try:
        make_report(given, order, training, settings)
    except Interrupted:
        raise Interrupted("interrupted; no report was written: run the same command again") from None
    say(f"report: {output / 'report.html'}, {output / 'report.pdf'}")


def _voxel_size(request: Request, max_voxels: int) -> Voxel | None:
    from emstream.readers.open_stack import open_request
    from emstream_preprocess.plan import voxel_size_of

    with open_request(Path(request.input), request, max_voxels) as reader:
        return voxel_size_of(request, reader.facts)[0]


def _one_object(choices: list[Choice]) -> Choice:
    if len(choices) > 1:
        names = ", ".join(choice.object for choice in choices)
        raise UsageError(f"a report is about one object, and this would be {names}: name one with --object")
    return choices[0]
