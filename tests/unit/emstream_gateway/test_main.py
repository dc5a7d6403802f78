"""The gateway's start: who could use it, and settings that stop it."""

from __future__ import annotations

from pathlib import Path

import pytest

from emstream.api_keys import KeyFile
from emstream.errors import SettingsError
from emstream.settings import Settings
from emstream_gateway.__main__ import check_access, is_loopback, serve


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_addresses_of_this_machine(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "example.org", ""])
def test_addresses_that_others_can_reach(host: str) -> None:
    assert not is_loopback(host)


def test_a_service_that_anyone_or_no_one_could_use_does_not_start(tmp_path: Path) -> None:
    keys = KeyFile(tmp_path / "keys.json")
    open_to_all, local = Settings(data=tmp_path, host="0.0.0.0"), Settings(data=tmp_path)
    with pytest.raises(SettingsError, match="which others can reach, and there is no key"):
        check_access(open_to_all, keys, "token")
    with pytest.raises(SettingsError, match="no user could reach the service"):
        check_access(local, keys, "")
    check_access(local, keys, "token")
    keys.add("ann", ["read", "write"])
    for settings in (open_to_all, local):
        check_access(settings, keys, "")


def test_a_start_without_a_broker_names_the_setting(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="EMSTREAM_REDIS_URL is empty"):
        serve(Settings(data=tmp_path, token="token", redis_url=""))
