"""ZIP archives whose entries are written as they are made; their content is compressed already, or not at all."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from emstream_postprocess.exports.provenance import Provenance
from emstream_postprocess.exports.volumes import ExportedVolume

READ_BYTES = 1 << 20


class Archive:
    """One ZIP; the same entries give the same bytes: no entry has a time."""

    def __init__(self, file: zipfile.ZipFile) -> None:
        self._file = file

    @contextmanager
    def entry(self, name: str) -> Iterator[IO[bytes]]:
        """Give a file to write an entry of any size into."""
        with self._file.open(zipfile.ZipInfo(name), "w", force_zip64=True) as file:
            yield file

    def add(self, name: str, content: bytes) -> None:
        """Add a small entry."""
        self._file.writestr(zipfile.ZipInfo(name), content)

    def add_file(self, name: str, path: Path) -> None:
        """Add a file, in blocks."""
        with self.entry(name) as entry, path.open("rb") as file:
            while block := file.read(READ_BYTES):
                entry.write(block)


@contextmanager
def archive(part: Path, provenance: Provenance | None = None) -> Iterator[Archive]:
    """Write a ZIP at `part`, with the provenance as emstream.json."""
    with zipfile.ZipFile(part, "w", zipfile.ZIP_STORED) as file:
        made = Archive(file)
        if provenance is not None:
            made.add("emstream.json", provenance.text.encode())
        yield made


_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


def file_name(volume: ExportedVolume) -> str:
    """Return a volume's name as a file name."""
    return _UNSAFE.sub("_", volume.name).strip("._") or "volume"


def section_name(volume: ExportedVolume, z: int) -> str:
    """Return a section's name: its number in the job with leading zeros, so that names sort as sections do."""
    digits = max(4, len(str(volume.plan.shape_zyx[0] - 1)))
    return f"{file_name(volume)}_{z:0{digits}d}"
