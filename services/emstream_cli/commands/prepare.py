"""`emstream prepare`: labelled stacks in, all their variants in one HDF5 file out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from emstream_cli.console import say, start, warn
from emstream_cli.options import Verbose


def prepare(
    data: Annotated[Path, typer.Argument(help="JSON file that lists the labelled stacks (see docs/how-to/train.md).")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="HDF5 file to write, with a training file next to it.")
    ],
    verbose: Verbose = False,
) -> None:
    """Write the 16 variants (turned, mirrored, sections reversed) of labelled stacks, as the paper trains on them."""
    from emstream_training.data.prepare import prepare as write_variants

    start(verbose)
    description = write_variants(data, output, lambda done, total: warn(f"stack {done} of {total}"))
    say(f"variants: {output}")
    say(f"training file: {description}")
