"""Bytes that go up or down, as a user sees them."""

from __future__ import annotations

import pytest

from emstream_cli import progress as progress_module
from emstream_cli.progress import TransferProgress


def test_a_quick_transfer_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with TransferProgress("upload") as progress:
        progress(5, 10)
    assert capsys.readouterr().err == ""


def test_a_long_transfer_says_how_far_it_is(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress_module, "PLAIN_EVERY_S", 0.0)
    with TransferProgress("fetch") as progress:
        progress(1_500_000, 4_000_000)
        progress(2_000_000, None)
    assert capsys.readouterr().err == "fetch 2 of 4 MB\nfetch 2 MB\n"


def test_a_quiet_transfer_never_speaks(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress_module, "PLAIN_EVERY_S", 0.0)
    with TransferProgress("fetch", is_quiet=True) as progress:
        progress(1, 2)
    assert capsys.readouterr().err == ""


def test_a_terminal_gets_a_bar(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    with TransferProgress("upload") as progress:
        progress(5, 10)
        [task] = progress.progress.tasks
        assert (task.description, task.completed, task.total) == ("upload", 5, 10)
