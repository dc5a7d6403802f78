"""Bars: on a terminal only, and not for a quiet command."""

from __future__ import annotations

import pytest
from rich.progress import TextColumn

from emstream_standalone.progress import Bars


@pytest.mark.parametrize(
    ("is_terminal", "is_quiet", "has_bars"),
    [(True, False, True), (True, True, False), (False, False, False), (False, True, False)],
)
def test_bars_are_shown_on_a_terminal_unless_quiet(
    is_terminal: bool, is_quiet: bool, has_bars: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: is_terminal)
    with Bars(is_quiet, TextColumn("x")) as bars:
        assert bars.has_bars is has_bars
        assert bars.progress.live.is_started is has_bars
    assert not bars.progress.live.is_started


def test_bars_end_with_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    bars = Bars(False, TextColumn("x"))
    with pytest.raises(KeyError), bars:
        raise KeyError
    assert not bars.progress.live.is_started
