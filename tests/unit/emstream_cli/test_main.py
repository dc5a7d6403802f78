"""The way a failure ends: a sentence on standard error, and an exit code."""

from __future__ import annotations

import pytest

from emstream.errors import (
    BinaryInput,
    BrokerUnavailable,
    DiskFull,
    EmstreamError,
    Interrupted,
    JobFailed,
    UsageError,
)
from emstream_cli import main as module


def fail_with(error: BaseException | None, monkeypatch: pytest.MonkeyPatch) -> int:
    """Run the command with an application that raises; return the exit code."""

    def application(standalone_mode: bool) -> None:
        assert standalone_mode
        if error is not None:
            raise error

    def leave(code: int) -> None:
        raise SystemExit(code)

    monkeypatch.setattr(module, "app", application)
    monkeypatch.setattr("os._exit", leave)
    with pytest.raises(SystemExit) as stop:
        module.main()
    assert isinstance(stop.value.code, int)
    return stop.value.code


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UsageError("--z is wrong"), 2),
        (BinaryInput("a mask"), 3),
        (JobFailed("no luck"), 4),
        (BrokerUnavailable("no broker"), 4),
        (DiskFull("no room"), 4),
        (Interrupted("stopped"), 130),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, EmstreamError) else str(value),
)
def test_an_error_of_ours_is_its_sentence_and_its_code(
    error: EmstreamError, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert fail_with(error, monkeypatch) == code
    assert capsys.readouterr().err == f"emstream: {error}\n"


def test_an_interruption_says_how_to_go_on(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert fail_with(KeyboardInterrupt(), monkeypatch) == 130
    assert "run the same command again" in capsys.readouterr().err


def test_a_mistake_of_ours_is_called_one(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert fail_with(ZeroDivisionError("division by zero"), monkeypatch) == 4
    told = capsys.readouterr().err
    assert told.startswith("emstream: ZeroDivisionError: division by zero. This is a mistake in emstream")
    assert "Traceback" not in told


def test_a_closed_pipe_is_silent(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert fail_with(BrokenPipeError(), monkeypatch) == 1
    assert capsys.readouterr().err == ""


def test_success_is_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    assert fail_with(None, monkeypatch) == 0
