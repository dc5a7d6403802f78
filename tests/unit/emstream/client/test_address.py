"""Addresses of the service: from arguments, the environment, and the file of a running service."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from emstream.client.address import SERVER_FILE, Address, find_service, parse_url, read_server_file
from emstream.errors import ServiceUnavailable, UsageError

HERE = "http://127.0.0.1:8080"


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("EMSTREAM_URL", "EMSTREAM_KEY"):
        monkeypatch.delenv(name, raising=False)


def write_server_file(data: Path, **changes: object) -> None:
    content = {"url": HERE, "token": "t0", "pid": os.getpid(), **changes}
    (data / SERVER_FILE).write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("http://a:1", Address("http://a:1")),
        ("https://a/", Address("https://a")),
        ("http://a/em/?token=x&y=1", Address("http://a/em", "x")),
    ],
)
def test_a_url_is_an_address_with_or_without_a_token(url: str, address: Address) -> None:
    assert parse_url(url) == address


@pytest.mark.parametrize("url", ["a:1", "ftp://a", "http://", "", "localhost"])
def test_other_texts_are_refused(url: str) -> None:
    with pytest.raises(UsageError, match=r"must be like http://127\.0\.0\.1:8080"):
        parse_url(url)


@pytest.mark.parametrize(
    ("url", "is_loopback"),
    [("http://localhost:1", True), (HERE, True), ("http://[::1]:1", True), ("http://127.0.0.1.evil:1", False)],
)
def test_addresses_of_this_machine_are_known(url: str, is_loopback: bool) -> None:
    assert Address(url).is_loopback is is_loopback


def test_a_key_is_not_shown() -> None:
    assert "secret" not in repr(Address(HERE, "secret"))


def test_a_running_service_is_found_by_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_server_file(tmp_path)
    monkeypatch.setenv("EMSTREAM_DATA", str(tmp_path))
    assert read_server_file(tmp_path) == find_service() == Address(HERE, "t0")
    assert find_service(data=tmp_path) == Address(HERE, "t0")
    assert find_service(key="k", data=tmp_path) == Address(HERE, "k")
    assert find_service(HERE, data=tmp_path) == Address(HERE, "t0"), "the token of the same address"
    assert find_service("http://other:1", data=tmp_path) == Address("http://other:1")


def test_a_service_that_has_ended_says_so(tmp_path: Path) -> None:
    write_server_file(tmp_path, pid=2**22 + 1)
    with pytest.raises(ServiceUnavailable, match="has ended: start it again"):
        read_server_file(tmp_path)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"url": "x"}', '{"url": "x", "token": "t", "pid": "many"}'])
def test_a_folder_without_a_service_says_how_to_name_one(tmp_path: Path, text: str) -> None:
    (tmp_path / SERVER_FILE).write_text(text)
    with pytest.raises(ServiceUnavailable, match=r"no service runs in .*: start one"):
        find_service(data=tmp_path)


def test_the_environment_comes_after_the_arguments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMSTREAM_URL", "http://lab:1/?token=t")
    assert find_service(data=tmp_path) == Address("http://lab:1", "t")
    monkeypatch.setenv("EMSTREAM_KEY", "k")
    assert find_service(data=tmp_path) == Address("http://lab:1", "k")
    assert find_service("http://a:1", "mine", tmp_path) == Address("http://a:1", "mine")
