"""Logs: events with their facts, as text or JSON, bound to job and unit while a unit is worked on."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest

from emstream.logs import AT_ONCE, FRAMEWORKS, PACKAGES, PERIOD_S, Repeats, bound, configure
from tests.places import ROOT

logger = logging.getLogger("emstream.test_logs")


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    loggers = [logging.getLogger(name) for name in (*PACKAGES, *FRAMEWORKS)]
    before = [(logger.handlers, logger.level, logger.propagate) for logger in loggers]
    yield
    for logger, (handlers, level, propagate) in zip(loggers, before, strict=True):
        logger.handlers, logger.propagate = handlers, propagate
        logger.setLevel(level)


def test_json_lines_hold_event_facts_and_what_is_bound(capsys: pytest.CaptureFixture[str]) -> None:
    configure("INFO", "json")
    with bound(job="j1", unit=3), bound(stage="inference"):
        logger.info("package predicted", extra={"windows": 64})
    logger.info("outside")
    inside, outside = map(json.loads, capsys.readouterr().err.splitlines())
    assert inside["event"] == "package predicted"
    assert (inside["job"], inside["unit"], inside["stage"], inside["windows"]) == ("j1", 3, "inference", 64)
    assert "job" not in outside


def test_text_lines_end_with_the_facts(capsys: pytest.CaptureFixture[str]) -> None:
    configure("INFO", "text")
    logger.warning("disk full", extra={"free_gb": 0.5})
    assert capsys.readouterr().err.rstrip().endswith("WARNING disk full free_gb=0.5")


def test_what_is_less_severe_than_the_level_is_not_logged(capsys: pytest.CaptureFixture[str]) -> None:
    configure("ERROR", "text")
    logger.warning("not shown")
    assert capsys.readouterr().err == ""


def test_an_exception_comes_with_its_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    configure("ERROR", "json")
    try:
        raise ValueError("no grey value")
    except ValueError:
        logger.exception("unit failed")
    line = json.loads(capsys.readouterr().err)
    assert "ValueError: no grey value" in line["traceback"]


def test_the_packages_are_those_of_the_services() -> None:
    folders = (ROOT / "services").glob("emstream_*")
    assert set(PACKAGES) == {"emstream", *(folder.name for folder in folders if (folder / "__init__.py").exists())}


@pytest.mark.parametrize(
    "name", ["a\n2026-01-01 00:00:00,000 ERROR owned", "\x1b[2J", "a\u2028b", "a\x85b", "\udc80", "x y=1"]
)
def test_a_name_forges_neither_lines_nor_facts(capsys: pytest.CaptureFixture[str], name: str) -> None:
    configure("INFO", "text")
    logger.warning("read", extra={"data_set": name})
    logger.warning(f"read {name}")
    try:
        raise ValueError(name)
    except ValueError:
        logger.exception("failed")
    written = capsys.readouterr().err
    lines = written.rstrip("\n").split("\n")
    assert [line for line in lines if "WARNING read" in line or "ERROR failed" in line] == [*lines[:2], lines[2]]
    assert all(line.startswith("  ") for line in lines[3:])
    assert all(line.isprintable() for line in lines)
    assert lines[0].count("=") == 1 + name.count("=")
    assert " y=1" not in lines[0].replace('"x y=1"', "")


def test_lines_that_repeat_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    configure("INFO", "json")
    for _ in range(10_000):
        logger.warning("the same")
    logger.warning("another")
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert len(lines) == AT_ONCE + 1
    assert lines[AT_ONCE - 1]["more"] == "only counted for 10 s"


def test_the_count_comes_with_the_next_line() -> None:
    now = 0.0
    repeats = Repeats(lambda: now)

    def record() -> logging.LogRecord:
        return logging.LogRecord("emstream", logging.WARNING, "here.py", 1, "the same", None, None)

    assert [repeats(record()) for _ in range(AT_ONCE + 5)] == [True] * AT_ONCE + [False] * 5
    now += PERIOD_S + 1
    after = record()
    assert repeats(after)
    assert vars(after)["left_out"] == 5
    assert "left_out" not in vars(record())
