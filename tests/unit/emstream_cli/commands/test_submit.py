"""emstream submit: what is sent, what is waited for, and what is said of jobs that did not end well."""

from __future__ import annotations

import json
from pathlib import Path
from typing import cast

import pytest
from typer.testing import CliRunner

from emstream.api.jobs import StageCount, UnitError
from emstream.client.client import Client
from emstream.errors import Interrupted, JobFailed, UsageError
from emstream.stages import Stage
from emstream_cli import options
from emstream_cli.commands import submit
from emstream_cli.main import app
from emstream_cli.options import FindOptions, TuneOptions
from tests.unit.emstream_cli.service_double import ClientDouble, make_job

ID = make_job(1).id


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> ClientDouble:
    double = ClientDouble(make_job(1))
    monkeypatch.setattr(options, "Client", lambda url, key: double)
    monkeypatch.setattr(submit, "POLL_S", 0.0)
    return double


def test_what_is_not_given_is_left_to_the_service() -> None:
    assert submit.job_settings(FindOptions(), TuneOptions(), ["h5"]) == {
        "quality": "balanced",
        "min_voxels": 64,
        "formats": ["h5"],
    }


def test_what_is_given_is_sent() -> None:
    find = FindOptions(["spots"], "fast", "50,5,5", "/raw")
    tune = TuneOptions("0:2,0:8,0:8", "fast", 1, 0.5, True, True, False, 5, True)
    assert submit.job_settings(find, tune, ["png", "h5", "png"]) == {
        "objects": ["spots"],
        "quality": "fast",
        "voxel_size_nm": (50, 5, 5),
        "dataset": "/raw",
        "region": ((0, 0, 0), (2, 8, 8)),
        "halo": "fast",
        "variants": 1,
        "threshold": 0.5,
        "contrast_stretch": True,
        "spread": True,
        "measure": False,
        "min_voxels": 5,
        "split_touching": True,
        "formats": ["png", "h5"],
    }


def test_jobs_are_sent_and_listed(client: ClientDouble) -> None:
    done = CliRunner().invoke(app, ["submit", "a", "b", "--name", "brain", "--once"])
    assert done.exit_code == 0, done.output
    assert "sample 1" in done.stdout
    _, sources, _, name, once = client.asked[0]
    assert (sources, name, once) == (("a", "b"), "brain", True)


def test_masks_are_fetched_when_the_jobs_are_over(client: ClientDouble, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["submit", "a", "--fetch", str(tmp_path), "--format", "png"])
    assert f"masks: {tmp_path}" in done.stdout
    assert ("fetch", ID, tmp_path, ("png",), True) in client.asked


def test_json_is_all_that_is_printed(client: ClientDouble, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["submit", "a", "--fetch", str(tmp_path), "--json"])
    assert [job["id"] for job in json.loads(done.stdout)["jobs"]] == [ID]
    assert done.stderr == ""


def test_an_upload_goes_on(client: ClientDouble) -> None:
    assert CliRunner().invoke(app, ["submit", "a", "--resume", ID]).exit_code == 0
    assert ("resume", ID, "a") in client.asked


def test_an_upload_goes_on_with_one_source_only(client: ClientDouble) -> None:
    refused = CliRunner().invoke(app, ["submit", "a", "b", "--resume", ID])
    assert isinstance(refused.exception, UsageError)
    assert "--resume goes on with one job: give the one folder or file it began with, got 2" in str(refused.exception)


def test_waiting_asks_until_every_job_is_over(client: ClientDouble) -> None:
    states = iter(("running", "completed"))
    client.job = lambda job_id: make_job(1, next(states))  # type: ignore[method-assign]
    found = submit.wait_for(cast(Client, client), [make_job(1, "running"), make_job(2)], is_quiet=True)
    assert [job.state for job in found] == ["completed", "completed"]


def test_an_interrupted_wait_says_that_the_jobs_go_on(client: ClientDouble) -> None:
    def interrupt(job_id: str) -> None:
        raise KeyboardInterrupt

    client.job = interrupt  # type: ignore[assignment,method-assign]
    with pytest.raises(Interrupted, match="the jobs go on in the service"):
        submit.wait_for(cast(Client, client), [make_job(1, "running")], is_quiet=True)


def test_counts_of_several_jobs_are_added() -> None:
    jobs = [make_job(n, stages={"inference": StageCount(done=n, total=5)}) for n in (1, 2)]
    assert submit._counts(jobs)[Stage.INFERENCE] == (3, 10)
    assert submit._counts(jobs)[Stage.PREPROCESS] == (0, 0)


def test_a_job_that_did_not_end_well_is_named_with_its_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    error = UnitError(stage="inference", unit=1, sentence="no memory")
    bad = make_job(2, "failed", errors=(error,), warnings=("pale",))
    with pytest.raises(JobFailed) as failed:
        submit.report_failures([make_job(1, warnings=("pale",)), bad, make_job(3, "cancelled")])
    assert str(failed.value) == (
        "2 of 3 jobs did not end well. sample 2 (00000000) failed: no memory; "
        "sample 3 (00000000) cancelled: see `emstream status`"
    )
    assert capsys.readouterr().err == "note: pale\n"
    submit.report_failures([make_job(1), make_job(2, "running")])


def test_folders_of_jobs_have_safe_names_that_differ() -> None:
    assert submit.folder_name(make_job(name="brain / left (1)")) == "brain_left_1-00000000"
    assert submit.folder_name(make_job(name="../..")) == "job-00000000"
