"""Jobs over their routes: lists page by page, start, cancel, retry, delete; recipes and estimates."""

from __future__ import annotations

import pytest

from emstream.models.recipes import shipped_books
from emstream_gateway.jobs.actions import start_upload
from tests.unit.emstream_gateway.conftest import Site


def test_pages_of_the_list_hold_every_job_of_the_caller_once_newest_first(site: Site) -> None:
    made = [site.job().path.name for _ in range(5)]
    site.upload("s1.png")  # of another owner
    pages: list[list[str]] = []
    after = ""
    while True:
        page = [job["id"] for job in site.client.get(f"/v1/jobs?limit=2{after}").json()["jobs"]]
        if not page:
            break
        pages.append(page)
        after = f"&after={page[-1]}"
    assert [len(page) for page in pages] == [2, 2, 1]
    assert sorted(job for page in pages for job in page) == sorted(made)


@pytest.mark.parametrize(("query", "status"), [("limit=0", 422), ("limit=101", 422), ("after=nothing", 404)])
def test_a_page_that_there_is_not_is_refused(site: Site, query: str, status: int) -> None:
    assert site.client.get(f"/v1/jobs?{query}").status_code == status


def test_a_job_says_when_to_ask_again_until_it_is_over(site: Site) -> None:
    waiting, over = site.job(), site.finished()
    assert site.client.get(f"/v1/jobs/{waiting.path.name}").headers["retry-after"] == "1"
    assert "retry-after" not in site.client.get(f"/v1/jobs/{over.path.name}").headers


def test_starting_is_safe_to_repeat_and_refused_for_a_cancelled_job(site: Site) -> None:
    job = site.job().path.name
    for _ in range(2):
        answer = site.client.post(f"/v1/jobs/{job}/start")
        assert (answer.status_code, answer.json()["state"]) == (202, "queued")
        assert answer.headers["location"] == f"/v1/jobs/{job}"
    assert len(site.sent.hints) == 1
    assert site.client.post(f"/v1/jobs/{job}/cancel").json()["state"] == "cancelled"
    answer = site.client.post(f"/v1/jobs/{job}/start")
    assert (answer.status_code, answer.json()["detail"]) == (
        409,
        "the job is cancelled: retry it, or make a new one",
    )
    assert site.client.post(f"/v1/jobs/{job}/retry").json()["state"] == "queued"


def test_a_job_that_is_over_stays_as_it_is_when_it_is_cancelled(site: Site) -> None:
    job = site.finished().path.name
    assert site.client.post(f"/v1/jobs/{job}/cancel").json()["state"] == "completed"


def test_a_deleted_job_is_gone_from_disk_ledger_and_list(site: Site) -> None:
    folder = site.job()
    start_upload(site.context, folder)
    assert site.client.delete(f"/v1/jobs/{folder.path.name}").status_code == 204
    assert not folder.path.exists()
    assert site.ledger.status(folder.path.name) is None
    assert site.client.get("/v1/jobs").json() == {"jobs": []}
    assert site.client.delete(f"/v1/jobs/{folder.path.name}").status_code == 404


@pytest.mark.parametrize("action", ["start", "cancel", "retry"])
def test_jobs_of_others_are_not_there(site: Site, action: str) -> None:
    folder = site.upload("s1.png")
    assert site.client.post(f"/v1/jobs/{folder.path.name}/{action}").status_code == 404
    assert site.client.delete(f"/v1/jobs/{folder.path.name}").status_code == 404
    assert folder.path.exists()


def test_without_a_key_nothing_is_shown(site: Site) -> None:
    answer = site.client.get("/v1/jobs", headers={"Authorization": ""})
    assert (answer.status_code, answer.headers["content-type"]) == (401, "application/problem+json")


def test_recipes_come_for_each_object_and_quality(site: Site) -> None:
    models = site.client.get("/v1/models").json()["models"]
    assert {(m["object"], m["quality"]) for m in models} == {
        (name, quality) for name in shipped_books() for quality in ("fast", "balanced", "accurate")
    }
    assert {m["object"] for m in models if m["is_default"]} == {"mitochondria"}


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("voxels=1000", 200),
        ("voxels=1000&objects=nuclei,membranes&quality=fast&voxel_size_nm=50,5.5,5.5", 200),
        ("voxels=0", 422),
        ("voxels=1000&voxel_size_nm=50,5", 422),
        ("voxels=1000&voxel_size_nm=50,-5,5", 422),
        ("voxels=1000&objects=spines", 422),
    ],
)
def test_estimates_are_for_inputs_that_can_be(site: Site, query: str, status: int) -> None:
    assert site.client.get(f"/v1/estimate?{query}").status_code == status
