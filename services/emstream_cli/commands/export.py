"""`emstream export`: a result in the formats of other programs, from a running service or from a kept job."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import typer

from emstream.client.client import Client
from emstream.errors import Interrupted, UsageError
from emstream.jobs.export_order import Wish, make_order
from emstream.jobs.folder import WORK, JobFolder
from emstream_cli.app import app, say, start
from emstream_cli.options import VERBOSE
from emstream_cli.progress.transfer import TransferProgress
from emstream_cli.service_options import AS_JSON, KEY, URL, whole_id


@app.command()
def export(
    job: str = typer.Argument(
        ..., metavar="ID|OUT", help="The job, by the first characters of its id, or the folder of `predict --keep`."
    ),
    output: Path = typer.Option(Path(), "--output", "-o", help="File, or folder to write it into. Default: here."),
    content: str = typer.Option("mask", help="mask, labels, probability, overlay, or original."),
    form: str = typer.Option("h5", "--format", help="h5, tiff, png, jpeg, raw, pdf, or zarr (OME-Zarr)."),
    objects: list[str] = typer.Option(None, "--object", help="May be repeated. Default: all."),
    combined: bool = typer.Option(False, "--combined", help="All objects in one volume."),
    sections: str = typer.Option(None, "--z", metavar="Z:Z", help="Only some sections, such as 0:10 (10 excluded)."),
    as_json: bool = AS_JSON,
    url: str = URL,
    key: str = KEY,
    verbose: bool = VERBOSE,
) -> None:
    """Save mask, labels, probability, overlay or original, in a format that other programs read."""
    start(verbose)
    wish = Wish(content, form, objects or None, combined, parse_sections(sections))
    if (Path(job) / WORK / "job.json").exists():
        path = export_kept(Path(job), output, wish)
    else:
        with Client(url, key) as client, TransferProgress("fetch", as_json) as progress:
            path = client.export(whole_id(client, job), output, **asdict(wish), on_progress=progress)
    say(json.dumps({"file": str(path)}) if as_json else str(path))


def export_kept(kept: Path, output: Path, wish: Wish) -> Path:
    """Build the file here, from what `emstream predict --keep` left; an older one of the name is replaced."""
    from emstream_postprocess.exports.build import build_export

    folder = JobFolder(kept / WORK)
    record = folder.read()
    if record is None or record.plan is None or not (kept / "report.json").exists():
        raise UsageError(f"{kept} holds no job that is done: run `emstream predict ... --keep` to its end first")
    order = make_order(folder, record.plan, wish)
    final = output / f"{order.title}.{order.suffix}" if output.is_dir() else output
    final.unlink(missing_ok=True)
    try:
        build_export(folder, record, order, final, str(kept), lambda share: None)
    except KeyboardInterrupt:
        raise Interrupted("interrupted; nothing is left of the export") from None
    return final


def parse_sections(text: str | None) -> tuple[int, int] | None:
    """Return the first section and the one past the last. Raises UsageError saying how to write it.

    >>> parse_sections("0:10")
    (0, 10)
    """
    if text is None:
        return None
    try:
        first, stop = (int(part) for part in text.split(":"))
    except ValueError:
        raise UsageError(f"--z must be two section numbers such as 0:10 (10 excluded), got {text!r}") from None
    return first, stop
