"""`emstream export`: a result in the formats of other programs, from a running service or from a kept job."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer

from emstream.jobs.export_formats import CONTENTS, EXPORT_FORMATS
from emstream.jobs.export_order import Wish
from emstream.readers.formats import enumerated
from emstream_cli.console import say, start
from emstream_cli.options import ServiceOptions, whole_id
from emstream_cli.parse import parse_sections
from emstream_cli.progress import TransferProgress
from emstream_standalone.kept import export_kept, is_kept_job


@dataclass(frozen=True, slots=True)
class WishOptions:
    """What to save, and in which format."""

    content: Annotated[str, typer.Option(help=f"{enumerated(CONTENTS)}.")] = "mask"
    form: Annotated[str, typer.Option("--format", help=f"{enumerated(EXPORT_FORMATS)}.")] = "h5"
    objects: Annotated[
        list[str] | None, typer.Option("--object", help="Structure to save. May be repeated. Default: all.")
    ] = None
    combined: Annotated[bool, typer.Option("--combined", help="All structures in one volume.")] = False
    sections: Annotated[
        str | None,
        typer.Option("--z", metavar="Z:Z", help="Only some sections, such as 0:10 for the first ten (10 is excluded)."),
    ] = None

    def wish(self) -> Wish:
        """Return the wish. Raises UsageError for sections that are no range."""
        return Wish(self.content, self.form, self.objects or None, self.combined, parse_sections(self.sections))


def export(
    job: Annotated[
        str,
        typer.Argument(
            metavar="ID|OUT", help="The job, by the first characters of its id, or the folder of `predict --keep`."
        ),
    ],
    what: WishOptions,
    service: ServiceOptions,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="File, or folder to write it into. Default: here.")
    ] = Path(),
) -> None:
    """Save mask, labels, probability, overlay or original, in a format that other programs read."""
    wish = what.wish()
    if is_kept_job(Path(job)):
        start(service.verbose)
        path = export_kept(Path(job), output, wish)
    else:
        with service.client() as client, TransferProgress("fetch", service.as_json) as progress:
            path = client.export(whole_id(client, job), output, **asdict(wish), on_progress=progress)
    say(json.dumps({"file": str(path)}) if service.as_json else str(path))
