"""status, cancel, retry, fetch and export, with a client that talks to no service."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from emstream_cli import options
from emstream_cli.main import app
from tests.unit.emstream_cli.service_double import ClientDouble, make_job

ONE = make_job(1)
ID = ONE.id


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> ClientDouble:
    double = ClientDouble(ONE, make_job(2, "running", progress=0.5))
    monkeypatch.setattr(options, "Client", lambda url, key: double)
    return double


def run(*words: str) -> Result:
    done = CliRunner().invoke(app, list(words))
    assert done.exit_code == 0, done.output
    return done


def test_status_lists_jobs_a_line_each(client: ClientDouble) -> None:
    lines = run("status").stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["00000000", "00000000"]
    assert [job["name"] for job in json.loads(run("status", "--json").stdout)["jobs"]] == ["sample 1", "sample 2"]
    assert len(run("status", "--limit", "1").stdout.splitlines()) == 1


def test_status_tells_all_about_one_job(client: ClientDouble) -> None:
    assert run("status", ID).stdout.startswith(f"job {ID}: sample 1\nstate: completed, 100 %")
    assert json.loads(run("status", ID, "--json").stdout)["id"] == ID


def test_a_service_without_jobs_says_how_to_send_one(client: ClientDouble) -> None:
    client.all.clear()
    assert run("status").stdout == "no jobs yet at http://here: send one with `emstream submit`\n"


def test_cancel_stops_and_only_then_deletes(client: ClientDouble) -> None:
    assert "cancelled" in run("cancel", ID).stdout
    assert json.loads(run("cancel", ID, "--json").stdout)["state"] == "cancelled"
    assert ("delete", ID) not in client.asked
    assert run("cancel", ID, "--delete").stdout == f"job {ID} is deleted\n"
    assert ("delete", ID) in client.asked
    assert json.loads(run("cancel", ID, "--delete", "--json").stdout) == {"deleted": ID}


def test_retry_goes_on(client: ClientDouble) -> None:
    assert "running" in run("retry", ID).stdout
    assert json.loads(run("retry", ID, "--json").stdout)["state"] == "running"


def test_fetch_asks_for_each_format_once_and_prints_the_files(client: ClientDouble, tmp_path: Path) -> None:
    words = ("fetch", ID, "-o", str(tmp_path), "--format", "png", "--format", "h5", "--format", "png")
    assert run(*words).stdout == f"{tmp_path / 'mask.h5'}\n"
    assert client.asked[0] == ("fetch", ID, tmp_path, ("png", "h5"), False)
    assert json.loads(run(*words, "--json").stdout) == {"files": [str(tmp_path / "mask.h5")]}


def test_export_sends_the_wish(client: ClientDouble) -> None:
    words = ("--content", "labels", "--format", "tiff", "--object", "nuclei", "--combined", "--z", "1:4", "--json")
    assert json.loads(run("export", ID, "-o", "a.tif", *words).stdout) == {"file": "a.tif"}
    wish = {"content": "labels", "form": "tiff", "objects": ["nuclei"], "combined": True, "sections": (1, 4)}
    [(_, job, sent)] = [asked for asked in client.asked if asked[0] == "export"]
    assert job == ID
    assert isinstance(sent, dict)
    assert list(sent.values()) == list(wish.values())


def test_the_connection_is_closed(client: ClientDouble) -> None:
    for command in (("status",), ("retry", ID), ("cancel", ID)):
        client.asked.clear()
        run(*command)
        assert client.asked[-1] == ("closed",)
