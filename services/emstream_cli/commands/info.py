"""`emstream info`: shape, voxel size and warnings of a stack, before anything runs."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Annotated

import typer

from emstream.readers.formats import ALL_KINDS
from emstream_cli.console import say, start
from emstream_cli.options import AsJson, Dataset, Verbose


def info(
    source: Annotated[Path, typer.Argument(metavar="INPUT", help=f"Folder of sections, or a {ALL_KINDS} file.")],
    dataset: Dataset = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Show shape, voxel size, section order and warnings of a stack, from its headers."""
    from emstream.readers.open_stack import open_stack

    settings = start(verbose)
    with open_stack(source, dataset, settings.max_voxels) as reader:
        facts = reader.facts
    if as_json:
        say(json.dumps(dataclasses.asdict(facts), default=str))
        return
    say(facts.source)
    say(f"shape (z, y, x): {' x '.join(map(str, facts.shape_zyx))}, {facts.dtype}")
    size = facts.voxel_size_nm
    say("voxel size (z, y, x): " + ("not stated" if size is None else " x ".join(f"{v:g}" for v in size) + " nm"))
    for warning in facts.warnings:
        say(f"note: {warning}")
