"""emstream keys: what is printed once, what never, and owners that keep apart."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from emstream.api_keys import KeyFile
from emstream.errors import UsageError
from emstream_cli.main import app


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EMSTREAM_DATA", str(tmp_path))
    return tmp_path


def keys(*words: str) -> Result:
    return CliRunner().invoke(app, ["keys", *words])


def test_only_the_secret_is_on_standard_output_and_advice_is_not(data: Path) -> None:
    done = keys("add", "ana")
    secret = done.stdout.strip()
    assert KeyFile(data / "keys.json").check(secret) is not None
    assert "it cannot be shown again" in done.stderr
    assert secret not in done.stderr


def test_the_list_shows_beginnings_days_and_rights(data: Path) -> None:
    secrets = {owner: keys("add", owner).stdout.strip() for owner in ("ana", "bob")}
    keys("add", "eve", "--scope", "read")
    lines = keys("list").stdout.splitlines()
    today = time.strftime("%Y-%m-%d")
    assert [line.split() for line in lines[:2]] == [
        [f"{secrets[owner][:12]}…", today, "read+write", owner] for owner in ("ana", "bob")
    ]
    assert lines[2].split()[2:] == ["read", "eve"]
    assert not any(secret in line for secret in secrets.values() for line in lines)


def test_a_removed_key_is_unknown_and_the_others_stay(data: Path) -> None:
    first, second = (keys("add", owner).stdout.strip() for owner in ("ana", "bob"))
    removed = json.loads(keys("remove", first[:12], "--json").stdout)
    assert (removed["owner"], removed["prefix"]) == ("ana", first[:12])
    file = KeyFile(data / "keys.json")
    assert file.check(first) is None
    assert file.check(second) is not None


@pytest.mark.parametrize("words", [("remove", "ems_none"), ("add", "ana", "--scope", "admin")])
def test_what_cannot_be_is_refused(data: Path, words: tuple[str, ...]) -> None:
    assert isinstance(keys(*words).exception, UsageError)
