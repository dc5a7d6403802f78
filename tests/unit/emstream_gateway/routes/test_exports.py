"""Orders of exports: each once, their states, and the broker that may be away."""

from __future__ import annotations

import pytest

from emstream.jobs.export_order import export_file, note_progress, orders
from emstream.jobs.folder import JobFolder
from emstream.stages import Stage
from tests.unit.emstream_gateway.conftest import Site

WISH = {"content": "mask", "format": "tiff"}


@pytest.fixture
def job(site: Site) -> JobFolder:
    folder = site.finished()
    for slab in range(2):
        for path in (folder.result(slab), folder.stack(slab)):
            path.parent.mkdir(exist_ok=True)
            path.touch()
    return folder


def url(job: JobFolder, export: str = "") -> str:
    return f"/v1/jobs/{job.path.name}/exports{export}"


def order(site: Site, job: JobFolder, **wish: object) -> str:
    answer = site.client.post(url(job), json=WISH | wish)
    assert answer.status_code == 202, answer.text
    return str(answer.headers["location"])


def test_the_same_order_is_the_same_export_and_is_asked_for_once(site: Site, job: JobFolder) -> None:
    assert order(site, job) == order(site, job)
    assert [hint.unit for hint in site.sent.hints if hint.stage is Stage.FINISH] == list(orders(job))
    assert order(site, job, z=[0, 1]) != order(site, job)


def test_a_file_that_is_there_is_not_built_again(site: Site, job: JobFolder) -> None:
    address = order(site, job)
    [number] = orders(job)
    site.do(Stage.FINISH)
    export_file(job, number, orders(job)[number]).write_bytes(b"stack")
    assert order(site, job) == address
    assert not site.do(Stage.FINISH)
    answer = site.client.get(address)
    assert (answer.status_code, answer.content, answer.headers["content-type"]) == (200, b"stack", "image/tiff")
    assert "rat_spots_mask_tiff_z0-1.tif" in answer.headers["content-disposition"]


def test_an_export_waits_works_and_is_done(site: Site, job: JobFolder) -> None:
    address = order(site, job)
    [number] = orders(job)

    def state() -> tuple[str, float]:
        [listed] = site.client.get(url(job)).json()["exports"]
        return listed["state"], listed["progress"]

    assert state() == ("waiting", 0.0)
    note_progress(job, number, 0.25)
    assert state() == ("working", 0.25)
    answer = site.client.get(address)
    assert (answer.status_code, answer.headers["retry-after"]) == (202, "1")
    export_file(job, number, orders(job)[number]).write_bytes(b"x")
    assert state() == ("done", 1.0)


def test_one_that_failed_says_why_until_it_is_ordered_again(site: Site, job: JobFolder) -> None:
    address = order(site, job)
    site.do(Stage.FINISH, fails="the disk was full")
    answer = site.client.get(address)
    assert answer.status_code == 409
    assert "the disk was full. Order it again to try again" in answer.json()["detail"]
    assert order(site, job) == address
    assert site.client.get(address).json()["state"] == "waiting"


def test_asking_for_an_export_that_the_broker_lost_orders_it_again(site: Site, job: JobFolder) -> None:
    address = order(site, job)
    site.ledger.forget(job.path.name)
    site.sent.hints.clear()
    assert site.client.get(address).status_code == 202
    assert len(site.do(Stage.FINISH)) == 1


def test_the_list_needs_no_broker_but_an_order_does(
    site: Site, job: JobFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    order(site, job)
    site.lose_broker(monkeypatch)
    assert [listed["state"] for listed in site.client.get(url(job)).json()["exports"]] == ["waiting"]
    assert site.client.post(url(job), json=WISH | {"z": [0, 1]}).status_code == 503


@pytest.mark.parametrize("export", ["7", "-1", "x", "99999999999", "٣", "1.0"])
def test_an_export_that_there_is_not_is_not_found(site: Site, job: JobFolder, export: str) -> None:
    order(site, job)
    for method in ("GET", "DELETE"):
        answer = site.client.request(method, url(job, f"/{export}"))
        assert answer.status_code == 404
        assert "GET its exports for a list" in answer.json()["detail"]


def test_a_removed_export_is_gone_with_its_file(site: Site, job: JobFolder) -> None:
    address = order(site, job)
    [number] = orders(job)
    path = export_file(job, number, orders(job)[number])
    path.write_bytes(b"x")
    assert site.client.delete(address).status_code == 204
    assert not path.exists()
    assert site.client.get(address).status_code == 404


def test_a_job_that_is_not_completed_has_no_exports(site: Site) -> None:
    answer = site.client.post(url(site.job()), json=WISH)
    assert answer.status_code == 409
    assert "it can be saved once it is completed" in answer.json()["detail"]
