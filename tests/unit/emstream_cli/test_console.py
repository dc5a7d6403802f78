"""Settings and lines of a command."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from emstream.errors import SettingsError
from emstream_cli.console import say, start, warn


@pytest.fixture(autouse=True)
def logs() -> Iterator[None]:
    """Leave the logs as they were."""
    root = logging.getLogger()
    level, handlers = root.level, list(root.handlers)
    yield
    root.setLevel(level)
    root.handlers[:] = handlers


def test_results_and_notes_go_to_different_streams(capsys: pytest.CaptureFixture[str]) -> None:
    say("masks: out")
    warn("note: pale")
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("masks: out\n", "note: pale\n")


@pytest.mark.parametrize(
    ("verbose", "level", "expected"),
    [(False, "WARNING", "WARNING"), (True, "WARNING", "INFO"), (True, "DEBUG", "DEBUG"), (False, "ERROR", "ERROR")],
)
def test_verbose_shows_what_happens_unless_a_level_was_chosen(
    verbose: bool, level: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    monkeypatch.setenv("EMSTREAM_LOG_LEVEL", level)
    monkeypatch.setattr("emstream_cli.console.configure", lambda chosen, form: seen.append(chosen))
    assert start(verbose).log_level == level
    assert seen == [expected]


def test_a_wrong_setting_stops_the_start_and_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMSTREAM_MAX_BATCH", "many")
    with pytest.raises(SettingsError, match="EMSTREAM_MAX_BATCH"):
        start(False)
