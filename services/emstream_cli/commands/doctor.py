"""`emstream doctor`: parts that emstream needs on this machine, and what to do about missing ones."""

from __future__ import annotations

import dataclasses
import json

import typer

from emstream_cli.console import say, start
from emstream_cli.options import AsJson, Verbose
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
