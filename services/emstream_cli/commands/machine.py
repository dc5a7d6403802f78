"""`emstream doctor` and `emstream bench`: this machine."""

from __future__ import annotations

import dataclasses
import json
from typing import Annotated

import typer

from emstream.models.recipes import MODELS
from emstream_cli.console import say, start
from emstream_cli.options import AsJson, Checkpoints, Verbose
from emstream_standalone.doctor import run_checks


def doctor(
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Check broker, engine, machine, GPU, disk, keys and port; exit code 4 if the service cannot run."""
    checks = run_checks(start(verbose))
    if as_json:
        say(json.dumps({"checks": [dataclasses.asdict(check) for check in checks]}))
    else:
        for check in checks:
            say(f"{check.state:8} {check.name}: {check.found}" + (f". To do: {check.advice}" if check.advice else ""))
    if any(check.is_needed and check.state == "missing" for check in checks):
        raise typer.Exit(4)


def bench(
    checkpoints: Checkpoints = None,
    side: Annotated[int, typer.Option(help="Side of a window in pixels: 1024 and two fast halos.")] = 1152,
    repeats: Annotated[int, typer.Option(min=1, help="Windows timed per engine; the fastest counts.")] = 5,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Measure window pixels per second of each engine and precision, in turn, on the same window."""
    from emstream_inference.bench import measure

    settings = start(verbose)
    paths = checkpoints or sorted((settings.models or MODELS).glob("*.onnx"))
    rows = measure(list(paths), side, repeats, settings)
    if as_json:
        say(json.dumps(rows))
        return
    say(f"{'checkpoint':36} {'engine':10} {'precision':9} {'Mpx/s':>7} {'relative':>9}")
    for row in rows:
        speed = "-" if row["mpx_per_s"] is None else f"{row['mpx_per_s']:.2f}"
        relative = "-" if row["relative"] is None else f"{row['relative']:.2f}"
        say(f"{row['checkpoint']:36} {row['engine']:10} {row['precision']:9} {speed:>7} {relative:>9}  {row['note']}")
