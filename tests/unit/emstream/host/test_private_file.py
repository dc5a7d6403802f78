"""Private files: readable by their owner alone, replaced in one step, no leftovers."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from emstream.host import keep_private, kept_secret, write_private


def test_only_the_owner_can_read_it(tmp_path: Path) -> None:
    final = tmp_path / "new" / "keys.json"
    write_private(final, b"secret")
    assert final.read_bytes() == b"secret"
    assert final.stat().st_mode & 0o777 == 0o600


def test_a_file_that_others_could_read_is_replaced_by_a_private_one(tmp_path: Path) -> None:
    final = tmp_path / "keys.json"
    final.write_bytes(b"old")
    final.chmod(0o644)
    write_private(final, b"new")
    assert (final.read_bytes(), final.stat().st_mode & 0o777) == (b"new", 0o600)
    assert list(tmp_path.iterdir()) == [final]


def test_a_write_that_fails_leaves_the_old_file_and_no_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    final = tmp_path / "keys.json"
    final.write_bytes(b"old")

    def full(descriptor: int) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="no space"):
        write_private(final, b"new")
    assert final.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [final]


def test_a_secret_is_made_once_and_kept_for_the_owner_alone(tmp_path: Path) -> None:
    made = kept_secret(tmp_path / "deep" / "token")
    assert len(made) == 43
    assert kept_secret(tmp_path / "deep" / "token") == made
    assert (tmp_path / "deep" / "token").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("content", [b"", b"short", b"\xff" * 50])
def test_a_damaged_secret_is_replaced(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "token").write_bytes(content)
    made = kept_secret(tmp_path / "token")
    assert kept_secret(tmp_path / "token") == made != content.decode(errors="replace")


def test_a_readable_secret_is_closed_again(tmp_path: Path) -> None:
    kept_secret(tmp_path / "token")
    (tmp_path / "token").chmod(0o644)
    kept_secret(tmp_path / "token")
    assert (tmp_path / "token").stat().st_mode & 0o777 == 0o600


def modes_in(folder: Path) -> set[int]:
    return {path.stat().st_mode & 0o777 for path in (folder, *folder.rglob("*"))}


def test_a_folder_that_others_could_open_is_closed_to_its_last_file(tmp_path: Path) -> None:
    data = tmp_path / "data"
    (data / "jobs" / "a").mkdir(parents=True)
    (data / "jobs" / "a" / "job.json").write_text("{}")
    for path, mode in ((data, 0o755), (data / "jobs", 0o777), (data / "jobs" / "a" / "job.json", 0o644)):
        path.chmod(mode)
    keep_private(data)
    assert modes_in(data) == {0o700, 0o600}
    (data / "keys.json").write_text("{}")
    (data / "keys.json").chmod(0o664)
    keep_private(data)
    assert modes_in(data) == {0o700, 0o600}


def test_a_link_s_target_keeps_its_mode(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir(mode=0o755)
    (tmp_path / "other").write_text("x")
    (tmp_path / "other").chmod(0o644)
    (tmp_path / "data" / "link").symlink_to(tmp_path / "other")
    keep_private(tmp_path / "data")
    assert (tmp_path / "other").stat().st_mode & 0o777 == 0o644
