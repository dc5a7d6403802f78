"""Uploads over their routes: announced and appended, or whole by multipart; nothing of a refused one stays."""

from __future__ import annotations

import pytest

from emstream_gateway.routes import uploads
from tests.unit.emstream_gateway.conftest import Site


def announced(site: Site, *files: dict[str, object], **body: object) -> str:
    answer = site.client.post("/v1/jobs", json={"files": list(files), **body})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["jobs"][0]["id"])


def left(site: Site) -> list[str]:
    """Return the names in the folder of jobs."""
    return [path.name for path in site.context.store.path.iterdir() if not path.name.startswith(".deleted")]


def test_a_file_arrives_in_parts_and_says_how_far_it_is(site: Site) -> None:
    job = announced(site, {"name": "a/s1.png", "size": 6})
    address = f"/v1/jobs/{job}/files/a/s1.png"
    first = site.client.put(address, content=b"abc")
    assert (first.json()["received"], first.json()["sha256"]) == (3, None)
    wrong = site.client.put(f"{address}?offset=5", content=b"f")
    assert (wrong.status_code, wrong.json()["received"]) == (409, 3)
    last = site.client.put(f"{address}?offset=3", content=b"def")
    assert last.json()["received"] == 6
    assert last.json()["sha256"] == site.client.get(address).json()["sha256"] is not None


def test_files_of_a_started_job_are_known_and_others_are_not(site: Site) -> None:
    job = site.finished().path.name
    assert site.client.get(f"/v1/jobs/{job}/files/s1.png").json()["received"] == 6
    answer = site.client.get(f"/v1/jobs/{job}/files/s2.png")
    assert (answer.status_code, answer.json()["detail"]) == (
        404,
        "the job has no file 's2.png': GET the job for a list",
    )


def test_a_multipart_upload_starts_a_job_for_each_folder(site: Site) -> None:
    files = [("files", (f"{sample}/s{z}.png", b"x", "image/png")) for sample in ("one", "two") for z in (1, 2)]
    answer = site.client.post("/v1/jobs", files=files, data={"settings": '{"quality": "fast"}'})
    assert answer.status_code == 202
    jobs = answer.json()["jobs"]
    assert sorted(job["name"] for job in jobs) == ["one", "two"]
    assert {job["settings"]["quality"] for job in jobs} == {"fast"}
    assert answer.headers["location"] == f"/v1/jobs/{jobs[0]['id']}"
    assert len(site.sent.hints) == 2


@pytest.mark.parametrize("settings", ['{"objects": ["spines"]}', '{"colour": 1}', "no json"])
def test_nothing_of_a_refused_multipart_upload_stays(site: Site, settings: str) -> None:
    files = [("files", ("s1.png", b"x", "image/png"))]
    assert site.client.post("/v1/jobs", files=files, data={"settings": settings}).status_code in (400, 422)
    assert left(site) == []
    assert not site.sent.hints


def test_the_same_idempotency_key_is_the_same_job(site: Site) -> None:
    ask = {"json": {"files": [{"name": "s1.png", "size": 6}]}, "headers": {"Idempotency-Key": "one"}}
    answers = [site.client.post("/v1/jobs", **ask) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert len({answer.json()["jobs"][0]["id"] for answer in answers}) == 1
    assert len([name for name in left(site) if not name.startswith(".")]) == 1
    other = site.client.post("/v1/jobs", json={"files": [{"name": "s2.png", "size": 6}]}, headers=ask["headers"])
    assert (other.status_code, other.json()["code"]) == (409, "conflict")


def test_announced_files_that_cannot_be_leave_no_job(site: Site) -> None:
    twice = [{"name": "s1.png"}, {"name": "s1.png"}]
    assert site.client.post("/v1/jobs", json={"files": twice}).status_code == 422
    assert [name for name in left(site) if not name.startswith(".")] == []


def test_another_content_type_is_refused_with_the_two_that_are_taken(site: Site) -> None:
    answer = site.client.post("/v1/jobs", content=b"x", headers={"Content-Type": "text/plain"})
    assert answer.status_code == 415
    assert "send multipart/form-data with files, or application/json" in answer.json()["detail"]


def test_a_job_may_begin_with_the_files_of_another(site: Site) -> None:
    job = site.finished().path.name
    answer = site.client.post("/v1/jobs", json={"input_of": job, "settings": {"quality": "fast"}})
    assert answer.status_code == 202
    [copy] = answer.json()["jobs"]
    assert (copy["name"], copy["file_totals"]["count"]) == ("rat", 1)
    assert site.client.post("/v1/jobs", json={"input_of": "nothing"}).status_code == 404


def test_paths_on_the_server_are_taken_only_under_its_roots(site: Site) -> None:
    answer = site.client.post("/v1/jobs", json={"input": "/etc/passwd"})
    assert answer.status_code == 422
    assert "this server takes no paths as input" in answer.json()["detail"]


def test_the_quota_is_checked_while_a_body_arrives(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "CHECK_EVERY_BYTES", 10)
    checked: list[int] = []
    monkeypatch.setattr(type(site.context.quotas), "check_bytes", lambda *_: checked.append(1))
    taken: list[bytes] = []
    meter = uploads.BodyMeter(site.context, "ann", taken.append)
    for block in ([b"1234"], [b"56", b"7890"], [b"1"]):
        meter(block)
    assert taken == [b"1234", b"56", b"7890", b"1"]
    assert len(checked) == 1
    assert site.context.uploads.received_bytes == 11
