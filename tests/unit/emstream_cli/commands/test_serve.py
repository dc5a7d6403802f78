"""emstream serve: the address that is printed and opened, and the settings that a service gets."""

from __future__ import annotations

import webbrowser
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

import emstream_standalone.service
from emstream.client.address import Address
from emstream.settings import Settings
from emstream_cli.main import app


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[Settings]:
    """Settings of each service that was run; each is ready at once and ends."""
    runs: list[Settings] = []

    def run(settings: Settings, announce: Callable[[Address], None]) -> None:
        runs.append(settings)
        announce(Address("http://127.0.0.1:8000", "a key & more"))

    monkeypatch.setattr(emstream_standalone.service, "serve", run)
    return runs


def test_the_printed_address_opens_the_page(served: list[Settings], monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    url = "http://127.0.0.1:8000/#token=a%20key%20%26%20more"
    done = CliRunner().invoke(app, ["serve"])
    assert done.stdout == f"emstream is ready: {url}\n"
    assert "unfinished jobs go on at the next `emstream serve`" in done.stderr
    assert opened == []
    CliRunner().invoke(app, ["serve", "--open"])
    assert opened == [url]


def test_options_count_more_than_the_environment(
    served: list[Settings], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("EMSTREAM_PORT", "8123")
    monkeypatch.setenv("EMSTREAM_DATA", str(tmp_path / "there"))
    CliRunner().invoke(app, ["serve"])
    CliRunner().invoke(app, ["serve", "--port", "0", "--data", str(tmp_path / "here")])
    assert [(settings.port, settings.data) for settings in served] == [
        (8123, tmp_path / "there"),
        (0, tmp_path / "here"),
    ]


@pytest.mark.parametrize("port", ["-1", "65536", "many"])
def test_a_port_that_cannot_be_is_refused(served: list[Settings], port: str) -> None:
    assert CliRunner().invoke(app, ["serve", "--port", port]).exit_code == 2
    assert not served
