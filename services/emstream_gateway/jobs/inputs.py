"""Input files of a job, and their hard links for another one: previews, other settings, inspections."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from emstream.api.problems import NotReady
from emstream.jobs.folder import JobFolder
from emstream.jobs.record import InputFile
from emstream.jobs.retention import INPUT_GONE
from emstream.readers.samples import is_clutter
from emstream.readers.section_numbers import in_natural_order
from emstream_gateway.context import AppContext
from emstream_gateway.storage.uploads import Arrival

INPUT = "input"
"""Folder of a job's files within its own, and the input in its request."""


@dataclass(frozen=True, slots=True)
class Source:
    """Files in their order, with the present path of each; or a path on the server."""

    files: tuple[InputFile, ...] = ()
    paths: tuple[Path, ...] = ()
    server_path: str | None = None


def source_of(context: AppContext, folder: JobFolder) -> Source:
    """Return the files of a job, started or not. Raises NotReady if not all have arrived."""
    record = context.store.record(folder)
    if record is not None and not record.files:
        return Source(server_path=record.request.input)
    if record is not None:
        if not (folder.path / INPUT).exists():
            raise NotReady(INPUT_GONE)
        return Source(record.files, tuple(folder.path / file.stored for file in record.files))
    upload = context.uploads.get(folder)
    if upload.header.input is not None:
        return Source(server_path=upload.header.input)
    arrivals = list(upload.arrivals.values())
    missing = [a for a in arrivals if a.sha256 is None]
    wanted = in_natural_order((a for a in arrivals if not is_clutter(a.name)), lambda a: a.name)
    if missing or not wanted:
        raise NotReady(f"{len(missing) or 'all'} of the job's {len(arrivals)} files have not arrived: send them first")
    files = tuple(as_input(number, arrival) for number, arrival in enumerate(wanted))
    return Source(files, tuple(arrival.path for arrival in wanted))


def as_input(number: int, arrival: Arrival) -> InputFile:
    """Return a file that has arrived as the job's file number `number`."""
    assert arrival.sha256 is not None
    stored = f"{INPUT}/{number:05d}{arrival.path.suffix}"
    return InputFile(name=arrival.name, stored=stored, size=arrival.received, sha256=arrival.sha256)


def identity_of(files: Iterable[InputFile]) -> str:
    """Return the hash of the files' names and contents."""
    return hashlib.sha256("\n".join(f"{f.name}\0{f.sha256}" for f in files).encode()).hexdigest()


def link_files(source: Source, folder: JobFolder) -> None:
    """Link the files into another job's folder. Raises NotReady if the job was started meanwhile."""
    (folder.path / INPUT).mkdir(parents=True, exist_ok=True)
    try:
        for file, path in zip(source.files, source.paths, strict=True):
            os.link(path, folder.path / file.stored)
    except FileNotFoundError:
        raise NotReady("the job's files have just been moved, as it was started or deleted: ask again") from None
