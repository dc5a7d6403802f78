"""Seconds left, ranges, and who may ask from where."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from starlette.datastructures import Headers

from emstream.errors import AccessDenied
from emstream.settings import Settings
from emstream.stages import Stage
from emstream_gateway.http.error_handlers import ForeignHost, NoSuchRange
from emstream_gateway.http.file_responses import is_range_usable
from emstream_gateway.http.middleware import check_host, check_origin, known_hosts
from emstream_gateway.jobs.time_left import TAIL_BYTES, seconds_left


def write_timeline(path: Path, stage: Stage, count: int, period_s: float) -> None:
    with path.open("a") as file:
        for n in range(count):
            line = {"stage": stage, "unit": n, "start": n * period_s, "stop": (n + 1) * period_s}
            file.write(json.dumps(line) + "\n")


def counts(inference: tuple[int, int]) -> dict[Stage, tuple[int, int]]:
    return {
        Stage.PREPROCESS: (10, 10),
        Stage.INFERENCE: inference,
        Stage.POSTPROCESS: (10, 10),
        Stage.FINISH: (0, 1),
    }


def test_the_rate_of_the_latest_units_gives_the_seconds_left(tmp_path: Path) -> None:
    timeline = tmp_path / "timeline.jsonl"
    assert seconds_left(timeline, counts((0, 40))) is None
    write_timeline(timeline, Stage.INFERENCE, 10, 2.0)
    assert seconds_left(timeline, counts((10, 40))) == pytest.approx(60.0)
    with timeline.open("a") as file:
        file.write('{"stage": "infer')
    assert seconds_left(timeline, counts((10, 40))) == pytest.approx(60.0)


def test_a_long_timeline_is_read_at_its_end_only(tmp_path: Path) -> None:
    timeline = tmp_path / "timeline.jsonl"
    write_timeline(timeline, Stage.INFERENCE, 2000, 1.0)
    assert timeline.stat().st_size > 2 * TAIL_BYTES
    assert seconds_left(timeline, counts((2000, 2100))) == pytest.approx(100.0)


@pytest.mark.parametrize(
    ("text", "usable"),
    [
        ("bytes=0-0", True),
        ("bytes=5-", True),
        ("bytes=-3", True),
        ("bytes=0-999", True),
        (None, False),
        ("", False),
        ("bytes=-", False),
        ("bytes=3-1", False),
        ("bytes=0-1,3-4", False),
        ("bytes=x-", False),
        ("bytes=" + "9" * 40 + "-", False),
    ],
)
def test_one_range_that_can_be_read_is_used_and_others_are_ignored(text: str | None, usable: bool) -> None:
    assert is_range_usable(text, 10) is usable


@pytest.mark.parametrize("text", ["bytes=10-", "bytes=99-100", "bytes=-0"])
def test_a_range_outside_of_the_file_is_refused(text: str) -> None:
    with pytest.raises(NoSuchRange, match="10 bytes"):
        is_range_usable(text, 10)


KNOWN = known_hosts(Settings(allowed_hosts="em.example.org, lab", host="10.1.2.3"))


@pytest.mark.parametrize("host", ["localhost:8080", "127.0.0.1", "[::1]:8080", "LAB", "em.example.org", "10.1.2.3:1"])
def test_our_own_names_pass(host: str) -> None:
    check_host(host, KNOWN)


@pytest.mark.parametrize("host", ["evil.example", "", "localhost.evil.example", "[::2]", "[", "em.example.org.evil"])
def test_other_names_are_refused(host: str) -> None:
    with pytest.raises(ForeignHost, match="EMSTREAM_ALLOWED_HOSTS"):
        check_host(host, KNOWN)


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://localhost:9999"},
        {"origin": "http://["},
        {"sec-fetch-site": "cross-site"},
    ],
)
def test_pages_of_others_may_not_write(headers: dict[str, str]) -> None:
    with pytest.raises(AccessDenied):
        check_origin(Headers({"host": "localhost:8080", **headers}))


@pytest.mark.parametrize("headers", [{}, {"origin": "http://localhost:8080"}, {"sec-fetch-site": "same-origin"}])
def test_our_own_page_and_programs_may_write(headers: dict[str, str]) -> None:
    check_origin(Headers({"host": "localhost:8080", **headers}))
