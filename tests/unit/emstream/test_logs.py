"""Logs: events with their facts, as text or JSON, bound to job and unit while a unit is worked on."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest

from emstream.logs import bound, configure

logger = logging.getLogger("emstream.test_logs")


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    root = logging.getLogger("emstream")
    before = root.handlers, root.level, root.propagate
    yield
    root.handlers, root.propagate = before[0], before[2]
    root.setLevel(before[1])


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
