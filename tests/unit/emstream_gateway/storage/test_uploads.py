"""Files on their way in, without HTTP."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from emstream.api.jobs import JobSettings
from emstream.api.problems import NotReady, StaleOffset
from emstream.errors import TooMuch, UploadConflict, UploadRefused
from emstream_gateway.storage.job_store import UploadHeader
from emstream_gateway.storage.uploads import Upload, UploadLimits

HEADER = UploadHeader(id="0" * 32, owner="ann", name="x", created=0.0, settings=JobSettings())
MANY = 10**9


def append(upload: Upload, name: str, offset: int, content: bytes, max_bytes: int = MANY) -> None:
    with upload.begin(name, offset, len(content), UploadLimits(8, max_bytes)) as writer:
        writer.write(content)
    upload.finish(upload.arrival(name))


def test_bytes_arrive_once_and_are_hashed_as_they_pass(tmp_path: Path) -> None:
    upload = Upload(tmp_path, HEADER)
    append(upload, "a.png", 0, b"one")
    append(upload, "a.png", 3, b"two")
    arrival = upload.arrival("a.png")
    assert arrival.sha256 == hashlib.sha256(b"onetwo").hexdigest()
    assert arrival.path.read_bytes() == b"onetwo"


def test_an_upload_goes_on_after_the_gateway_was_killed(tmp_path: Path) -> None:
    first = Upload(tmp_path, HEADER)
    first.announce([("a.png", 6), ("b.png", 1)], 8)
    with first.begin("a.png", 0, 6, UploadLimits(8, MANY)) as writer:
        writer.write(b"one")
    append(first, "b.png", 0, b"b")
    with (tmp_path / "arrivals.jsonl").open("a") as journal:
        journal.write('{"file": "0000')  # the kill cut a line off

    second = Upload(tmp_path, HEADER)
    assert second.arrival("a.png").received == 3
    assert second.arrival("b.png").sha256 == hashlib.sha256(b"b").hexdigest()
    append(second, "a.png", 3, b"two")
    assert second.arrival("a.png").sha256 == hashlib.sha256(b"onetwo").hexdigest()


def test_a_wrong_offset_says_how_much_has_arrived(tmp_path: Path) -> None:
    upload = Upload(tmp_path, HEADER)
    append(upload, "a.png", 0, b"one")
    for offset in (0, 2, 4):
        with pytest.raises(StaleOffset) as caught:
            append(upload, "a.png", offset, b"two")
        assert caught.value.received == 3
    with pytest.raises(StaleOffset):
        append(upload, "new.png", 1, b"x")
    assert "new.png" not in upload.arrivals


def test_more_than_announced_or_allowed_is_refused_and_not_kept(tmp_path: Path) -> None:
    upload = Upload(tmp_path, HEADER)
    upload.announce([("a.png", 4)], 8)
    append(upload, "a.png", 0, b"ab")
    with pytest.raises(StaleOffset, match="announced with 4"):
        append(upload, "a.png", 2, b"cde")
    assert upload.arrival("a.png").path.stat().st_size == upload.arrival("a.png").received == 2
    append(upload, "a.png", 2, b"cd")
    assert upload.arrival("a.png").sha256 == hashlib.sha256(b"abcd").hexdigest()
    with upload.begin("b.png", 0, None, UploadLimits(8, 3)) as writer:
        writer.write(b"ab")
        with pytest.raises(TooMuch):
            writer.write(b"cd")
    assert upload.arrival("b.png").path.stat().st_size == upload.arrival("b.png").received == 0


def test_a_newer_request_takes_the_turn(tmp_path: Path) -> None:
    upload = Upload(tmp_path, HEADER)
    with upload.begin("a.png", 0, None, UploadLimits(8, MANY)) as hanging:
        hanging.write(b"one")
        with upload.begin("a.png", 3, None, UploadLimits(8, MANY)) as newer:
            newer.write(b"two")
            with pytest.raises(UploadConflict, match="newer"):
                hanging.write(b"late")
    assert upload.arrival("a.png").path.read_bytes() == b"onetwo"


def test_names_equal_but_for_case_and_too_many_are_refused(tmp_path: Path) -> None:
    upload = Upload(tmp_path, HEADER)
    with pytest.raises(UploadRefused, match="equal but for case"):
        upload.announce([("a.png", 1), ("A.PNG", 1)], 8)
    with pytest.raises(TooMuch, match="more than 2 files"):
        upload.announce([("b.png", 1), ("c.png", 1)], 2)


def test_only_whole_uploads_close(tmp_path: Path) -> None:
    upload = Upload(tmp_path, HEADER)
    with pytest.raises(UploadRefused, match="no files"):
        upload.close()
    upload.announce([("a.png", 2)], 8)
    append(upload, "a.png", 0, b"a")
    with pytest.raises(NotReady, match="1 of 2 bytes"):
        upload.close()
    append(upload, "a.png", 1, b"b")
    assert [a.name for a in upload.close()] == ["a.png"]
    with pytest.raises(NotReady, match="started"):
        append(upload, "b.png", 0, b"x")


def test_an_empty_file_is_whole_once_its_empty_body_came(tmp_path: Path) -> None:
    upload = Upload(tmp_path, HEADER)
    upload.announce([("a.png", 0)], 8)
    append(upload, "a.png", 0, b"")
    assert upload.arrival("a.png").sha256 == hashlib.sha256(b"").hexdigest()
