"""The gateway over HTTP, with the ledger in memory: jobs from upload to download."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from emstream.errors import BrokerUnavailable
from emstream.jobs.record import JobRecord
from emstream.jobs.retention import Step, drop
from emstream.ledger.hints import Hint
from emstream.ledger.terms import JobStatus
from emstream.stages import Stage
from tests.integration.gateway_house import House, finish_job, make_house, plan_job, work


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with make_house(tmp_path) as made:
        yield made


def new_job(house: House, *files: tuple[str, int], **fields: object) -> str:
    body = {"files": [{"name": name, "size": size} for name, size in files], **fields}
    answer = house.client.post("/v1/jobs", json=body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["jobs"][0]["id"])


def problem(answer: httpx.Response, status: int, code: str) -> dict[str, object]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    found: dict[str, object] = answer.json()
    assert found["code"] == code
    assert found["request_id"] == answer.headers["x-request-id"]
    return found


def test_each_folder_and_each_stack_of_an_upload_becomes_a_job(house: House) -> None:
    files = {"a/s10.png": b"10", "a/s2.png": b"2", "b/1.png": b"b", "c.tif": b"c", "x.png": b"x", "a/.DS_Store": b""}
    answer = house.upload(files, settings='{"quality": "fast", "formats": ["h5", "tiff"]}')
    assert answer.status_code == 202
    jobs = {job["name"]: job for job in answer.json()["jobs"]}
    assert set(jobs) == {"a", "b", "c.tif", "images"}
    assert answer.headers["location"] == f"/v1/jobs/{answer.json()['jobs'][0]['id']}"
    assert answer.headers["retry-after"] == "2"
    assert [file["name"] for file in jobs["a"]["files"]] == ["a/s2.png", "a/s10.png"]
    folder = house.folder(jobs["a"]["id"])
    record = folder.read()
    assert isinstance(record, JobRecord)
    assert (record.owner, record.request.input, record.formats) == ("ann", "input", ("h5", "tiff"))
    assert [f.stored for f in record.files] == ["input/00000.png", "input/00001.png"]
    assert record.files[1].sha256 == hashlib.sha256(b"10").hexdigest()
    assert sorted(path.name for path in folder.path.rglob("*")) == [
        "00000.png",
        "00001.png",
        "input",
        "job.json",
        "upload.json",
    ]
    assert {hint.job for hint in house.sender.sent} == {job["id"] for job in jobs.values()}


def test_an_interrupted_upload_goes_on_where_it_stopped(house: House) -> None:
    job = new_job(house, ("s1.png", 6))
    url = f"/v1/jobs/{job}/files/s1.png"
    assert house.client.put(url, content=b"one").json() == {"name": "s1.png", "size": 6, "received": 3, "sha256": None}
    assert problem(house.client.put(url, content=b"one"), 409, "wrong_offset")["received"] == 3
    assert problem(house.client.post(f"/v1/jobs/{job}/start"), 409, "wrong_state")
    house.app.state.context.uploads.drop(job)  # as if the gateway was started again
    assert house.client.get(url).json()["received"] == 3
    whole = house.client.put(f"{url}?offset=3", content=b"two").json()
    assert whole["sha256"] == hashlib.sha256(b"onetwo").hexdigest()
    assert house.client.post(f"/v1/jobs/{job}/start").json()["state"] == "queued"
    assert house.client.get(url).json() == {**whole, "received": 6}
    problem(house.client.put(f"{url}?offset=6", content=b"x"), 409, "wrong_state")
    assert (house.folder(job).path / "input" / "00000.png").read_bytes() == b"onetwo"
    assert house.client.post(f"/v1/jobs/{job}/start").status_code == 202


def test_the_same_idempotency_key_gives_the_same_job(house: House) -> None:
    first, second, third = (
        house.client.post("/v1/jobs", json={}, headers={"Idempotency-Key": key}).json()["jobs"][0]["id"]
        for key in ("k1", "k1", "k2")
    )
    assert first == second != third
    others = house.client.post("/v1/jobs", json={}, headers={"Idempotency-Key": "k1", **house.as_owner("ems_bob")})
    assert others.json()["jobs"][0]["id"] not in (first, third)


def test_files_on_the_server_are_taken_from_the_allowed_folders_only(tmp_path: Path) -> None:
    stacks, secret = tmp_path / "stacks", tmp_path / "secret"
    for folder in (stacks / "rat", secret):
        folder.mkdir(parents=True)
        (folder / "1.png").write_bytes(b"1")
    (stacks / "link").symlink_to(secret)
    with make_house(tmp_path / "data", input_roots=str(stacks)) as house:
        answer = house.client.post("/v1/jobs", json={"input": str(stacks / "rat")})
        assert answer.status_code == 202
        record = house.folder(answer.json()["jobs"][0]["id"]).read()
        assert record is not None
        assert (record.name, record.request.input) == ("rat", str(stacks / "rat"))
        for path in (secret, stacks / ".." / "secret", stacks / "link", stacks / "none", "rat", "/etc", "/a\0b"):
            problem(house.client.post("/v1/jobs", json={"input": str(path)}), 422, "upload_refused")
        assert len(house.left()) == 1


def test_a_job_shows_its_way_through_the_stages(house: House) -> None:
    job = house.one_job(name="rat", settings='{"voxel_size_nm": [50, 5, 5]}')

    def seen() -> dict[str, object]:
        answer = house.client.get(f"/v1/jobs/{job}")
        assert ("retry-after" in answer.headers) == (answer.json()["state"] in ("queued", "running"))
        found: dict[str, object] = answer.json()
        return found

    assert (seen()["state"], seen()["progress"], seen()["name"]) == ("queued", 0, "rat")
    plan_job(house, job)
    assert (seen()["state"], seen()["objects"], seen()["shape_zyx"]) == ("running", ["spots"], [2, 64, 64])
    assert seen()["warnings"] == ["The voxel size is unusual."]
    for stage in (Stage.PREPROCESS, Stage.INFERENCE):
        work(house.ledger, job, stage)
    line = {"stage": "inference", "unit": 0, "start": 100.0, "stop": 104.0}
    house.folder(job).timeline_path.write_text(json.dumps(line) + "\n")
    assert seen()["stages"]["inference"] == {"done": 1, "total": 2}  # type: ignore[index]  # a dict
    assert (seen()["progress"], seen()["eta_s"]) == (pytest.approx(0.45), 4.0)
    assert seen()["links"]["cancel"] == f"/v1/jobs/{job}/cancel"  # type: ignore[index]  # a dict
    finish_job(house, job)
    assert (seen()["state"], seen()["progress"], seen()["eta_s"]) == ("completed", 1, None)
    lanes = house.client.get(f"/v1/timeline?jobs={job}").json()["lanes"]
    assert lanes == {
        "preprocess": [],
        "inference": [{"job": job, "unit": 0, "start": 100.0, "stop": 104.0}],
        "postprocess": [],
    }
    assert house.client.get(f"/v1/jobs/{job}/timeline").json()["lanes"] == lanes
    assert house.client.get("/v1/timeline?since=105").json()["lanes"]["inference"] == []
    house.ledger.claim(Hint(Stage.PREPROCESS, job, 1), 107.5)
    at_work = house.client.get(f"/v1/jobs/{job}/timeline").json()["at_work"]
    begun = [{"job": job, "unit": 1, "start": 107.5}]
    assert at_work == {"preprocess": begun, "inference": [], "postprocess": []}


def test_failures_show_their_sentences_and_retry_does_the_rest(house: House) -> None:
    job = house.one_job()
    problem(house.client.post(f"/v1/jobs/{job}/retry"), 409, "wrong_state")
    work(house.ledger, job, Stage.PLAN, fails="s1.png is no image: copy it again.")
    found = house.client.get(f"/v1/jobs/{job}").json()
    assert found["state"] == "failed"
    assert found["errors"] == [{"stage": "plan", "unit": 0, "sentence": "s1.png is no image: copy it again."}]
    house.folder(job).failure_path.write_text('{"sentence": "s1.png is no image."}')
    assert house.client.get(f"/v1/jobs/{job}").json()["errors"][0]["sentence"] == "s1.png is no image."
    assert house.client.post(f"/v1/jobs/{job}/retry").json()["state"] == "queued"
    plan_job(house, job)
    finish_job(house, job, errors=[{"stage": "inference", "unit": 1, "sentence": "given up"}])
    found = house.client.get(f"/v1/jobs/{job}").json()
    assert (found["state"], found["errors"][0]["unit"]) == ("completed_with_errors", 1)
    assert house.client.post(f"/v1/jobs/{job}/retry").json()["state"] == "running"
    assert not house.folder(job).report_path.exists()


def test_cancel_and_delete_leave_nothing_running_and_nothing_behind(house: House) -> None:
    started, uploading = house.one_job(), new_job(house, ("s1.png", 1))
    for job in (started, uploading):
        for _ in range(2):
            assert house.client.post(f"/v1/jobs/{job}/cancel").json()["state"] == "cancelled"
    status = house.ledger.status(started)
    assert status is not None
    assert status.is_cancelled
    assert house.client.post(f"/v1/jobs/{started}/retry").json()["state"] == "queued"
    assert house.client.post(f"/v1/jobs/{uploading}/retry").json()["state"] == "uploading"
    for job in (started, uploading):
        assert house.client.delete(f"/v1/jobs/{job}").status_code == 204
        problem(house.client.get(f"/v1/jobs/{job}"), 404, "not_found")
        assert house.ledger.status(job) is None
    assert house.left() == []


def test_jobs_are_listed_newest_first_in_pages(house: House) -> None:
    jobs = [new_job(house) for _ in range(5)]
    listed = [job["id"] for job in house.client.get("/v1/jobs").json()["jobs"]]
    assert listed == jobs[::-1]
    page = house.client.get(f"/v1/jobs?limit=2&after={listed[1]}").json()["jobs"]
    assert [job["id"] for job in page] == listed[2:4]
    problem(house.client.get("/v1/jobs?limit=0"), 422, "wrong_fields")
    problem(house.client.get(f"/v1/jobs?after={'0' * 32}"), 404, "not_found")


def test_masks_come_whole_in_ranges_or_not_at_all_if_known(house: House) -> None:
    job = house.one_job(name="rat 7/left")
    url = f"/v1/jobs/{job}/mask"
    problem(house.client.get(url), 409, "wrong_state")
    problem(house.client.get(f"/v1/jobs/{job}/report"), 409, "wrong_state")
    plan_job(house, job)
    finish_job(house, job)
    whole = house.client.get(url)
    assert (whole.status_code, whole.content) == (200, b"0123456789")
    assert whole.headers["content-disposition"] == 'attachment; filename="rat_7_left_mask.h5"'
    etag = whole.headers["etag"]
    assert house.client.get(url, headers={"If-None-Match": etag}).status_code == 304
    assert house.client.get(url, headers={"If-None-Match": '"other"'}).status_code == 200
    for header, content in (("bytes=2-4", b"234"), ("bytes=7-", b"789"), ("bytes=-2", b"89"), ("bytes=8-99", b"89")):
        part = house.client.get(url, headers={"Range": header})
        assert (part.status_code, part.content) == (206, content)
    assert house.client.get(url, headers={"Range": "bytes=2-4"}).headers["content-range"] == "bytes 2-4/10"
    for header in ("bytes=4-2", "lines=1-2", "bytes=0-1,4-5"):
        assert house.client.get(url, headers={"Range": header}).content == b"0123456789"
    assert house.client.get(url, headers={"Range": "bytes=2-4", "If-Range": '"other"'}).status_code == 200
    outside = house.client.get(url, headers={"Range": "bytes=10-"})
    problem(outside, 416, "no_such_range")
    assert outside.headers["content-range"] == "bytes */10"
    problem(house.client.get(f"{url}?format=tiff&object=cats"), 404, "not_found")
    problem(house.client.get(f"{url}?format=bmp"), 422, "wrong_fields")
    assert house.client.get(f"/v1/jobs/{job}/overlay").content == b"\x89PNG"
    assert house.client.get(f"/v1/jobs/{job}/report").json() == {"errors": []}


def test_masks_in_other_formats_are_made_when_asked_for(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emstream_gateway.routes.masks.WAIT_S", 0.3)
    job = house.one_job()
    plan_job(house, job)
    finish_job(house, job)
    house.ledger.forget(job)
    house.sender.sent.clear()
    answer = house.client.get(f"/v1/jobs/{job}/mask?format=tiff&object=spots")
    assert (answer.status_code, answer.headers["retry-after"]) == (202, "2")
    hint = Hint(Stage.FINISH, job, 1)
    assert hint in house.sender.sent
    (house.folder(job).exports / "spots.tif").write_bytes(b"II*")
    assert house.client.get(f"/v1/jobs/{job}/mask?format=tiff").content == b"II*"
    lease = house.ledger.claim(Hint(Stage.FINISH, job, 2), time.time())
    assert not lease.token  # nobody asked for PNG


def test_events_begin_with_a_snapshot_and_end_with_the_job(house: House) -> None:
    job = house.one_job()
    states = []
    with house.client.stream("GET", f"/v1/jobs/{job}/events") as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        lines = (line for line in stream.iter_lines() if line.startswith("data: "))
        states.append(json.loads(next(lines)[6:])["state"])
        plan_job(house, job)
        states.append(json.loads(next(lines)[6:])["state"])
        finish_job(house, job)
        states += [json.loads(line[6:])["state"] for line in lines]
    assert states[0] == "queued"
    assert states[-1] == "completed"
    assert "running" in states


def test_a_job_is_shown_and_started_while_the_broker_is_away(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object) -> JobStatus:
        raise BrokerUnavailable("no answer")

    with monkeypatch.context() as broken:
        for call in ("status", "enter", "cancel", "backlog"):
            broken.setattr(house.ledger, call, away)
        job = house.one_job()
        found = house.client.get(f"/v1/jobs/{job}").json()
        assert found["state"] == "queued"
        assert "broker" in found["warnings"][0]
        refused = house.client.post(f"/v1/jobs/{job}/cancel")
        problem(refused, 503, "broker_unavailable")
        assert refused.headers["retry-after"] == "2"
        house.folder(job).cancelled_path.unlink()
        assert "broker" in house.client.get("/readyz").json()["failing"]
        assert "emstream_broker_up 0.0" in house.client.get("/metrics").text
    house.sender.sent.clear()
    found = house.client.get(f"/v1/jobs/{job}").json()
    assert (found["state"], found["warnings"]) == ("queued", [])
    assert (house.ledger.status(job), house.sender.sent) == (None, [])  # a read leaves everything as it is
    for _ in range(2):
        assert house.client.post(f"/v1/jobs/{job}/start").json()["state"] == "queued"
        assert [hint.job for hint in house.sender.sent] == [job]


def test_health_names_what_fails(house: House) -> None:
    anybody = httpx.Client(base_url=house.client.base_url)
    assert anybody.get("/healthz").json()["status"] == "ok"
    answer = anybody.get("/readyz")
    assert answer.status_code == 503
    assert set(answer.json()["failing"]) == {"preprocess workers", "inference workers", "postprocess workers"}
    run = house.data / "run"
    run.mkdir()
    for kind in ("preprocess", "inference", "postprocess"):
        (run / f"{kind}.host-1.alive").touch()
    assert anybody.get("/readyz").json() == {"status": "ok", "failing": {}}
    anybody.close()


def test_metrics_count_units_jobs_and_bytes(house: House) -> None:
    plan_job(house, house.one_job())
    families = {family.name: family for family in text_string_to_metric_families(house.client.get("/metrics").text)}
    states = {s.labels["state"]: s.value for s in families["emstream_jobs"].samples}
    assert states == {"running": 1}
    assert families["emstream_upload_bytes"].samples[0].value > 2
    units = {(s.labels["stage"], s.labels["state"]): s.value for s in families["emstream_units"].samples}
    assert units["preprocess", "ready"] == 2
    assert {"emstream_disk_free_bytes", "emstream_broker_up"} <= set(families)


def test_the_page_loads_nothing_from_elsewhere(house: House) -> None:
    anybody = httpx.Client(base_url=house.client.base_url)
    page = anybody.get("/")
    assert page.status_code == 200
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert anybody.get("/web/main.js").headers["content-type"].startswith("text/javascript")
    head = anybody.head("/web/main.js")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["etag"] == anybody.get("/web/main.js").headers["etag"]
    viewer = anybody.get("/web/vendor/openseadragon/openseadragon.min.js")
    kept = {"If-None-Match": viewer.headers["etag"]}
    assert anybody.get("/web/vendor/openseadragon/openseadragon.min.js", headers=kept).status_code == 304
    assert anybody.get("/web/vendor/openseadragon/SHA256SUMS").status_code == 404
    assert anybody.get("/web/../app.py").status_code == 404
    anybody.close()


def test_models_say_what_can_be_found(house: House) -> None:
    models = house.client.get("/v1/models").json()["models"]
    assert {"mitochondria"} <= {model["object"] for model in models}
    assert {model["quality"] for model in models} == {"fast", "balanced", "accurate"}


def test_a_killed_gateway_s_leftovers_are_cleared(tmp_path: Path) -> None:
    import os

    jobs = tmp_path / "jobs"
    for name in (".upload-1", ".deleted-2", "0" * 32):
        (jobs / name / "incoming").mkdir(parents=True)
    os.utime(jobs / ".upload-1" / "incoming", (0, 0))
    os.utime(jobs / ".upload-1", (0, 0))
    with make_house(tmp_path) as house:
        assert house.left() == ["0" * 32]  # young: somebody may be at work there
        assert not (jobs / ".deleted-2").exists()


def test_what_was_deleted_after_some_days_is_told(house: House) -> None:
    job = house.one_job()
    plan_job(house, job)
    finish_job(house, job, errors=[{"stage": "inference", "unit": 0, "sentence": "no"}])
    folder = house.folder(job)
    base = f"/v1/jobs/{job}"
    for path in (folder.stack(0), folder.result(0)):
        path.parent.mkdir()
        path.touch()
    assert drop(folder, Step.INTERMEDIATES)
    assert "EMSTREAM_KEEP_INTERMEDIATES_DAYS" in str(problem(house.client.post(f"{base}/retry"), 409, "wrong_state"))
    changed = house.client.put(f"{base}/thresholds", json={"spots": 0.4})
    assert "EMSTREAM_KEEP_INTERMEDIATES_DAYS" in str(problem(changed, 409, "wrong_state"))
    assert drop(folder, Step.INPUT)
    assert not drop(folder, Step.INPUT)
    for call in (f"{base}/retry", "/v1/jobs"):
        body = {"input_of": job} if call == "/v1/jobs" else None
        assert "EMSTREAM_KEEP_INPUT_DAYS" in str(problem(house.client.post(call, json=body), 409, "wrong_state"))
