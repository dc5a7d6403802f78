"""Multipart bodies, cut at every place, and those that are none."""

from __future__ import annotations

import io
import itertools
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emstream.api.problems import Unreadable, WrongContent, WrongFields
from emstream.errors import EmstreamError, TooMuch, UploadRefused
from emstream_gateway.storage.multipart import MultipartUpload
from emstream_gateway.storage.uploads import UploadLimits

KIND = "multipart/form-data; boundary=xyz"


def part(name: str, content: bytes, file: str | None = None) -> bytes:
    place = f'; filename="{file}"' if file is not None else ""
    return f'--xyz\r\nContent-Disposition: form-data; name="{name}"{place}\r\n\r\n'.encode() + content + b"\r\n"


def take(path: Path, body: bytes, step: int = 1 << 16, max_files: int = 10, kind: str = KIND) -> MultipartUpload:
    upload = MultipartUpload(path, "ann", kind, UploadLimits(max_files, 1000))
    try:
        for start in range(0, len(body), step):
            upload.feed(body[start : start + step])
        upload.finish()
    except EmstreamError:
        upload.discard()
        raise
    return upload


END = b"--xyz--\r\n"
TRICKY = b"\r\n--xy\r\n--xyzz\r\n-- \r\r\n\r\n--x"


@pytest.mark.parametrize("step", [1, 2, 3, 7, 64, 1 << 16])
def test_contents_arrive_unchanged_wherever_the_body_is_cut(tmp_path: Path, step: int) -> None:
    noise = random.Random(step).randbytes(300)
    files = {"a/1.png": TRICKY, "a/2.png": noise, "b/1.png": b""}
    body = b"".join(part("files", content, name) for name, content in files.items())
    upload = take(tmp_path, part("name", b"rat") + body + part("settings", b'{"quality": "fast"}') + END, step)
    assert {sample: u.header.name for sample, u in upload.samples.items()} == {"a": "rat / a", "b": "rat / b"}
    assert all(u.header.settings.quality == "fast" for u in upload.samples.values())
    arrived = {n: a.path.read_bytes() for u in upload.samples.values() for n, a in u.arrivals.items()}
    assert arrived == files


EDGES = [edge for power in (16, 17, 18, 19) for edge in range((1 << power) - 3, (1 << power) + 4)]


@pytest.mark.parametrize("size", [65_000, 70 << 10, 100 << 10, 127 << 10, 1 << 20, *EDGES])
def test_a_body_of_any_size_may_come_as_one_chunk(tmp_path: Path, size: int) -> None:
    frame = len(part("files", b"", "1.png") + END)
    body = part("files", b"1" * (size - frame), "1.png") + END
    upload = MultipartUpload(tmp_path, "ann", KIND, UploadLimits(10, 2 << 20))
    upload.feed(body)
    (sample,) = upload.finish()
    assert len(body) == size
    assert sample.arrivals["1.png"].received == size - frame


@settings(max_examples=50)
@given(size=st.integers(0, 300_000), cuts=st.lists(st.integers(0, 300_100), max_size=8))
def test_size_and_cuts_of_a_body_change_nothing(
    tmp_path_factory: pytest.TempPathFactory, size: int, cuts: list[int]
) -> None:
    body = part("name", b"rat") + part("files", b"\r\n--xy" * (size // 6), "1.png") + END + b"\r\n"
    upload = MultipartUpload(tmp_path_factory.mktemp("body"), "ann", KIND, UploadLimits(10, 1 << 20))
    places = sorted({0, *(min(cut, len(body)) for cut in cuts), len(body)})
    for start, stop in itertools.pairwise(places):
        upload.feed(body[start:stop])
    (sample,) = upload.finish()
    assert sample.arrivals["1.png"].path.read_bytes() == b"\r\n--xy" * (size // 6)
    upload.discard()


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("utf-8''%C3%A9.png", "é.png"),
        ("UTF-8'de'a%20b.png", "a b.png"),
        ("iso-8859-1''%E9.png", "é.png"),
        ("\"utf-8''x.png\"", "x.png"),
    ],
)
def test_extended_file_names_are_read(tmp_path: Path, written: str, name: str) -> None:
    body = part("files", b"1", "1.png").replace(b'filename="1.png"', f"filename*={written}".encode()) + END
    upload = take(tmp_path, body)
    assert [name for u in upload.samples.values() for name in u.arrivals] == [name]


def endless_headers() -> Iterator[bytes]:
    yield b"--xyz\r\n"
    while True:
        yield b"X-Bomb: boom\r\n"


def long_header() -> Iterator[bytes]:
    yield b"--xyz\r\nX-Bomb: "
    while True:
        yield b"boom" * 1000


def endless_parts() -> Iterator[bytes]:
    number = 0
    while True:
        number += 1
        yield part("files", b"", f"{number}.png")


def endless_fields() -> Iterator[bytes]:
    while True:
        yield part("name", b"x")


def long_field() -> Iterator[bytes]:
    yield part("settings", b"[")[:-2]
    while True:
        yield b"[" * 1000


def endless_preamble() -> Iterator[bytes]:
    while True:
        yield b"\r\n" * 1000


def endless_epilogue() -> Iterator[bytes]:
    yield part("files", b"1", "1.png") + END
    while True:
        yield b"more" * 1000


BOMBS = [
    endless_headers,
    long_header,
    endless_parts,
    endless_fields,
    long_field,
    endless_preamble,
    endless_epilogue,
]


def feed_until_refused(upload: MultipartUpload, chunks: Iterator[bytes]) -> None:
    fed = 0
    for chunk in chunks:
        fed += len(chunk)
        assert fed < 200_000, "not refused"
        upload.feed(chunk)


@pytest.mark.parametrize("bomb", BOMBS, ids=lambda bomb: bomb.__name__)
def test_bombs_are_refused_soon_and_leave_nothing(tmp_path: Path, bomb: type[Iterator[bytes]]) -> None:
    upload = MultipartUpload(tmp_path, "ann", KIND, UploadLimits(10, 1000))
    with pytest.raises(UploadRefused):
        feed_until_refused(upload, bomb())
    upload.discard()
    assert not list(tmp_path.iterdir())


WRONG: list[tuple[bytes, type[EmstreamError], str]] = [
    (b"", Unreadable, "closing boundary"),
    (part("files", b"1", "1.png"), Unreadable, "closing boundary"),
    (b"no multipart at all", Unreadable, "cannot be read"),
    (END, UploadRefused, "no files"),
    (part("name", b"x") + END, UploadRefused, "no files"),
    (part("files", b"1", ".DS_Store") + END, UploadRefused, "no files"),
    (part("files", b"1", "../1.png") + END, UploadRefused, "'..'"),
    (part("files", b"1", "") + END, UploadRefused, "empty"),
    (part("other", b"1", "1.png") + END, UploadRefused, 'call the part "files"'),
    (part("other", b"1") + END, UploadRefused, "too many"),
    (part("files", b"1" * 1001, "1.png") + END, TooMuch, "1000 bytes"),
    (part("files", b"1", "1.png") + part("files", b"1", "1.PNG") + END, UploadRefused, "equal but for case"),
    (part("files", b"1", "1.png") + part("settings", b"{") + END, WrongFields, "JSON"),
    (part("files", b"1", "1.png") + part("settings", b'{"halo": "big"}') + END, WrongFields, "halo"),
    (part("files", b"1", "1.png") + part("name", b"\xff") + END, UploadRefused, "UTF-8"),
    (part("files", b"1", "1.png").replace(b"1.png", b"\xff.png") + END, UploadRefused, "UTF-8"),
    (part("files", b"1", "1").replace(b'="1"', b"*=utf-8''%ff.png") + END, UploadRefused, "UTF-8"),
    (part("files", b"1", "1").replace(b'="1"', b"*=utf-8''..%2F1.png") + END, UploadRefused, "'..'"),
    (part("files", b"1", "1").replace(b'="1"', b"*=utf-8''a%0Ab.png") + END, UploadRefused, "control"),
]


@pytest.mark.parametrize(("body", "error", "sentence"), WRONG)
def test_wrong_bodies_are_refused_and_leave_nothing(
    tmp_path: Path, body: bytes, error: type[EmstreamError], sentence: str
) -> None:
    with pytest.raises(error, match=sentence):
        take(tmp_path, body)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("text/plain", WrongContent),
        ("multipart/form-data", Unreadable),
        ("multipart/form-data; boundary=" + "x" * 300, Unreadable),
    ],
)
def test_wrong_content_types_are_refused(tmp_path: Path, kind: str, error: type[EmstreamError]) -> None:
    with pytest.raises(error):
        take(tmp_path, io.BytesIO(END).read(), kind=kind)


def test_the_number_of_files_is_bounded_over_all_samples(tmp_path: Path) -> None:
    body = b"".join(part("files", b"1", f"{n}/1.png") for n in range(3)) + END
    take(tmp_path, body, max_files=3)
    with pytest.raises(TooMuch, match="more than 2 files"):
        take(tmp_path, body, max_files=2)
