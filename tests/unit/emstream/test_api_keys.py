"""API keys: kept as hashes, known at once, gone at once."""

from __future__ import annotations

import json
import re
import stat
import threading
from pathlib import Path

import pytest

from emstream.api_keys import KeyFile
from emstream.errors import SettingsError, UsageError


@pytest.fixture
def keys(tmp_path: Path) -> KeyFile:
    return KeyFile(tmp_path / "data" / "keys.json")


def test_a_secret_is_known_and_none_of_it_is_on_disk(keys: KeyFile) -> None:
    secret = keys.add("ana", ["write", "read"])
    assert re.fullmatch(r"ems_[A-Za-z0-9_-]{43}", secret)
    key = keys.check(secret)
    assert key is not None
    assert (key.owner, key.scopes, key.prefix) == ("ana", ("read", "write"), secret[:12])
    assert secret not in keys.path.read_text()
    assert stat.S_IMODE(keys.path.stat().st_mode) == 0o600


@pytest.mark.parametrize("secret", ["", "ems_", "ems_" + "A" * 43, "\udcff", "ключ"])
def test_what_is_no_secret_is_not_known(keys: KeyFile, secret: str) -> None:
    assert keys.check(secret) is None
    keys.add("ana")
    assert keys.check(secret) is None


def test_another_process_sees_changes_at_once(keys: KeyFile) -> None:
    gateway = KeyFile(keys.path)
    assert gateway.list() == []
    secret = keys.add("ana", ["read"])
    assert gateway.check(secret) is not None
    keys.remove(secret[:8])
    assert gateway.check(secret) is None


def test_keys_added_at_the_same_time_are_all_kept(keys: KeyFile) -> None:
    threads = [threading.Thread(target=KeyFile(keys.path).add, args=(f"owner{i}",)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(key.owner for key in keys.list()) == [f"owner{i}" for i in range(8)]


def test_removing_wants_one_key_exactly(keys: KeyFile) -> None:
    with pytest.raises(UsageError, match=r"no keys in .* begin with 'ems_x'"):
        keys.remove("ems_x")
    keys.add("ana")
    keys.add("ben")
    with pytest.raises(UsageError, match=r"2 keys in .* begin with 'ems_'"):
        keys.remove("ems_")
    with pytest.raises(UsageError, match="no keys"):
        keys.remove("")


@pytest.mark.parametrize("owner", ["", "a/b", "../x", "a b", "x" * 65, "-a", "a\n"])
def test_owners_are_plain_names(keys: KeyFile, owner: str) -> None:
    with pytest.raises(UsageError, match="owner must be"):
        keys.add(owner)


@pytest.mark.parametrize("scopes", [[], ["admin"]])
def test_unknown_scopes_are_refused(keys: KeyFile, scopes: list[str]) -> None:
    with pytest.raises(UsageError, match="scopes must be of read, write"):
        keys.add("ana", scopes)


@pytest.mark.parametrize("content", ["nonsense", "[]", json.dumps({"version": 2, "keys": []})])
def test_a_damaged_file_is_an_error_never_an_open_door(keys: KeyFile, content: str) -> None:
    keys.path.parent.mkdir()
    keys.path.write_text(content)
    with pytest.raises(SettingsError, match="cannot be read as a file of keys"):
        keys.check("ems_x")
