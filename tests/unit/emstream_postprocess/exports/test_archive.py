"""ZIP archives of exports."""

from __future__ import annotations

import zipfile
from pathlib import Path

from emstream_postprocess.exports.archive import READ_BYTES, archive
from tests.unit.emstream_postprocess.exports.volumes_at_hand import PROVENANCE


def write(path: Path, file: Path) -> bytes:
    with archive(path, PROVENANCE) as made:
        made.add("small.txt", b"abc")
        made.add_file("large.bin", file)
        with made.entry("strips.bin") as entry:
            entry.write(b"12")
            entry.write(b"34")
    return path.read_bytes()


def test_entries_come_back_and_the_same_entries_give_the_same_bytes(tmp_path: Path) -> None:
    large = tmp_path / "large"
    large.write_bytes(bytes(range(256)) * (READ_BYTES // 256) + b"end")
    assert write(tmp_path / "a.zip", large) == write(tmp_path / "b.zip", large)
    with zipfile.ZipFile(tmp_path / "a.zip") as file:
        assert file.namelist() == ["emstream.json", "small.txt", "large.bin", "strips.bin"]
        assert file.read("emstream.json").decode() == PROVENANCE.text
        assert file.read("large.bin") == large.read_bytes()
        assert file.read("strips.bin") == b"1234"


def test_an_archive_without_provenance_has_only_its_entries(tmp_path: Path) -> None:
    with archive(tmp_path / "a.zip") as made:
        made.add("x", b"")
    assert zipfile.ZipFile(tmp_path / "a.zip").namelist() == ["x"]
