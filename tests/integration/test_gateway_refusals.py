"""Refusals of the gateway: each with its sentence, the service up, and nothing left behind."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tests.integration.gateway_house import House, gateway_process, make_house, peak_memory_mb, plan_job

MIB = 1 << 20


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with make_house(tmp_path, max_files=8192) as made:
        yield made
        assert made.client.get("/healthz").status_code == 200


def refused(answer: httpx.Response, status: int, *words: str) -> None:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    for word in words:
        assert word in answer.json()["detail"]


NAMES = ["../up.png", "/etc/cron.d/x.png", "a/../../up.png", "x" * 300 + ".png", "bell\x07.png", "a//b.png"]


@pytest.mark.parametrize("name", NAMES)
def test_bad_names(house: House, name: str) -> None:
    body = f'--b\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n\r\nx\r\n--b--\r\n'.encode()
    kind = {"Content-Type": "multipart/form-data; boundary=b"}
    refused(house.client.post("/v1/jobs", content=body, headers=kind), 422, "file name")
    refused(house.client.post("/v1/jobs", json={"files": [{"name": name}]}), 422, "file name")
    assert house.left() == []


@pytest.mark.parametrize(
    "name", ["..%2Fup.png", "%2Fetc%2Fx.png", "x" * 300, "bell%07.png", "nul%00.png", "a/%2E%2E/b"]
)
def test_bad_names_in_the_path(house: House, name: str) -> None:
    job = house.client.post("/v1/jobs", json={}).json()["jobs"][0]["id"]
    answer = raw_put(house, f"/v1/jobs/{job}/files/{name}")
    assert b"422" in answer.splitlines()[0]
    assert b"file name" in answer
    assert list((house.folder(job).path / "incoming").iterdir()) == []


def raw_put(house: House, path: str) -> bytes:
    """Send a path as it is: clients tidy them up."""
    head = f"PUT {path} HTTP/1.1\r\nHost: localhost\r\nX-API-Key: ems_ann\r\nConnection: close\r\nContent-Length: 1\r\n"
    return talk(house.port, head.encode() + b"\r\nx")


def talk(port: int, sent: bytes) -> bytes:
    """Send bytes, and return all that comes back until the server ends the connection."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(sent)
        received = b""
        while chunk := connection.recv(1 << 16):
            received += chunk
        return received


def wait_until(is_so: Callable[[], bool]) -> None:
    for _ in range(500):
        if is_so():
            return
        time.sleep(0.01)
    raise AssertionError("it did not come to be so in 5 s")


def test_names_equal_but_for_case(house: House) -> None:
    refused(house.upload({"a/s1.png": b"1", "a/S1.PNG": b"2"}), 422, "equal but for case")
    twice = [("files", ("s1.png", b"1")), ("files", ("s1.png", b"2"))]
    refused(house.client.post("/v1/jobs", files=twice), 422, "two files")
    assert house.left() == []


def test_too_many_files(house: House) -> None:
    part = '--b\r\nContent-Disposition: form-data; name="files"; filename="{}.png"\r\n\r\nx\r\n'
    body = "".join(part.format(n) for n in range(8193)) + "--b--\r\n"
    kind = {"Content-Type": "multipart/form-data; boundary=b"}
    refused(house.client.post("/v1/jobs", content=body.encode(), headers=kind), 413, "8192 files")
    files = [{"name": f"{n}.png"} for n in range(10_000)]
    refused(house.client.post("/v1/jobs", json={"files": files}), 413, "8192 files")
    assert house.left() == []


def test_a_multipart_bomb(house: House) -> None:
    kind = {"Content-Type": "multipart/form-data; boundary=b"}
    headers = b"--b\r\n" + b"X-Bomb: boom\r\n" * 100_000
    refused(house.client.post("/v1/jobs", content=headers, headers=kind), 400, "cannot be read")
    fields = b'--b\r\nContent-Disposition: form-data; name="name"\r\n\r\nx\r\n' * 50_000
    refused(house.client.post("/v1/jobs", content=fields, headers=kind), 422, "part")
    assert house.left() == []


def test_files_of_two_folders_in_one_job(house: House) -> None:
    body = {"files": [{"name": "a/1.png", "size": 0}, {"name": "b/1.png", "size": 0}]}
    job = house.client.post("/v1/jobs", json=body).json()["jobs"][0]["id"]
    for name in ("a/1.png", "b/1.png"):
        house.client.put(f"/v1/jobs/{job}/files/{name}", content=b"")
    refused(house.client.post(f"/v1/jobs/{job}/start"), 422, "one job is one stack")


def test_objects_and_settings_that_do_not_exist(house: House) -> None:
    refused(house.client.post("/v1/jobs", json={"settings": {"objects": ["cats"]}}), 422, "cats", "mitochondria")
    refused(house.upload({"1.png": b"1"}, settings='{"objects": ["cats"]}'), 422, "cats", "mitochondria")
    answer = house.client.post("/v1/jobs", json={"settings": {"quality": "best", "voxel_size_nm": [1, 2]}})
    refused(answer, 422, "quality", "voxel_size_nm")
    assert {e["field"] for e in answer.json()["errors"]} == {"settings.quality", "settings.voxel_size_nm.2"}
    refused(house.client.post("/v1/jobs", content=b"{", headers={"Content-Type": "application/json"}), 400, "JSON")
    refused(house.client.post("/v1/jobs", content=b"x", headers={"Content-Type": "text/plain"}), 415, "multipart")
    refused(house.client.post("/v1/jobs", json={"input": "/etc"}), 422, "EMSTREAM_INPUT_ROOTS")
    assert house.left() == []


@pytest.mark.parametrize("secret", ["x", "wrong", "ems_", "\u00e9"])
def test_wrong_keys(house: House, secret: str) -> None:
    bearer, header = [(b"Authorization", f"Bearer {secret}".encode())], [(b"X-API-Key", secret.encode())]
    for headers in (bearer, [(b"Authorization", b""), *header]):
        for method, path in (("GET", "/v1/jobs"), ("POST", "/v1/jobs"), ("GET", "/metrics")):
            answer = house.client.request(method, path, headers=headers)
            refused(answer, 401, "Authorization: Bearer")
            assert answer.headers["www-authenticate"].startswith("Bearer")


def test_a_key_that_may_only_read(house: House) -> None:
    reads = house.as_owner("ems_ann_reads")
    job = house.one_job()
    assert house.client.get(f"/v1/jobs/{job}", headers=reads).status_code == 200
    for method, path in (("POST", "/v1/jobs"), ("DELETE", f"/v1/jobs/{job}"), ("POST", f"/v1/jobs/{job}/cancel")):
        refused(house.client.request(method, path, headers=reads), 403, "may not write")


def test_another_owners_job(house: House) -> None:
    job, bob = house.one_job(), house.as_owner("ems_bob")
    plan_job(house, job)
    base = f"/v1/jobs/{job}"
    calls = [("GET", ""), ("DELETE", ""), ("POST", "/start"), ("POST", "/cancel"), ("POST", "/retry"), ("GET", "/mask")]
    calls += [("GET", "/events"), ("GET", "/report"), ("GET", "/overlay"), ("GET", "/timeline")]
    calls += [("GET", "/files/s1.png"), ("PUT", "/files/s1.png")]
    for method, path in calls:
        refused(house.client.request(method, base + path, headers=bob), 404, "no job")
    refused(house.client.get(f"/v1/timeline?jobs={job}", headers=bob), 404)
    assert house.client.get("/v1/jobs", headers=bob).json() == {"jobs": []}
    for strange in ("0" * 32, "..", "x", ".upload-1", job.upper()):
        assert house.client.get(f"/v1/jobs/{strange}").status_code in (404, 405)


def test_a_page_of_another_site(house: House) -> None:
    for headers in ({"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}):
        refused(house.client.post("/v1/jobs", json={}, headers=headers), 403, "page")
        assert house.client.get("/v1/jobs", headers=headers).status_code == 200
    own = {"Origin": str(house.client.base_url)}
    assert house.client.post("/v1/jobs", json={}, headers=own).status_code == 201


def test_a_foreign_host(house: House) -> None:
    for host in ("evil.example", f"evil.example:{house.port}", "127.0.0.1.evil.example"):
        refused(house.client.get("/v1/jobs", headers={"Host": host}), 421, "EMSTREAM_ALLOWED_HOSTS")
    assert house.client.get("/v1/jobs", headers={"Host": f"localhost:{house.port}"}).status_code == 200


def test_limits_of_a_key_and_of_the_disk(tmp_path: Path) -> None:
    with make_house(tmp_path / "jobs", max_running_jobs=2) as house:
        files = {"a/1.png": b"1", "b/1.png": b"1", "c/1.png": b"1"}
        refused(house.upload(files), 429, "at most 2")
        assert house.left() == []
        house.one_job()
        done = house.one_job()
        answer = house.client.post("/v1/jobs", json={})
        refused(answer, 429, "2 unfinished jobs")
        assert int(answer.headers["retry-after"]) > 0
        house.client.post(f"/v1/jobs/{done}/cancel")
        assert house.client.post("/v1/jobs", json={}).status_code == 201
    with make_house(tmp_path / "stored", max_stored_gb=0.001) as house:
        refused(house.upload({"1.png": bytes(2 * MIB)}), 507, "at most 0.0 GB")
        refused(house.client.post("/v1/jobs", json={"files": [{"name": "1.png", "size": 2 * MIB}]}), 507, "Delete")
        assert house.left() == []
    with make_house(tmp_path / "disk", min_free_gb=1e9) as house:
        answer = house.client.post("/v1/jobs", json={})
        refused(answer, 507, "free")
        assert "retry-after" in answer.headers
        assert "disk" in house.client.get("/readyz").json()["failing"]
    with make_house(tmp_path / "file", max_file_gb=0.001) as house:
        refused(house.upload({"1.png": bytes(2 * MIB)}), 413, "1000000 bytes")
        assert house.left() == []
        job = house.client.post("/v1/jobs", json={}).json()["jobs"][0]["id"]
        refused(house.client.put(f"/v1/jobs/{job}/files/1.png", content=bytes(2 * MIB)), 413, "1000000")
        chunks = (bytes(MIB) for _ in range(2))
        refused(house.client.put(f"/v1/jobs/{job}/files/1.png", content=chunks), 413, "1000000")
        assert house.client.get(f"/v1/jobs/{job}/files/1.png").json()["received"] == 0


def test_a_content_length_that_lies(house: House) -> None:
    job = house.client.post("/v1/jobs", json={"files": [{"name": "1.png", "size": 10}]}).json()["jobs"][0]["id"]
    head = f"PUT /v1/jobs/{job}/files/1.png HTTP/1.1\r\nHost: localhost\r\nX-API-Key: ems_ann\r\nConnection: close\r\n"
    with socket.create_connection(("127.0.0.1", house.port)) as connection:
        connection.sendall(f"{head}Content-Length: 10\r\n\r\nabc".encode())  # too few, then the connection ends
        time.sleep(0.3)
    wait_until(lambda: house.client.get(f"/v1/jobs/{job}/files/1.png").json()["received"] == 3)
    talk(house.port, f"{head}Content-Length: 2\r\n\r\nmuch more than two".replace("1.png ", "1.png?offset=3 ").encode())
    assert house.client.get(f"/v1/jobs/{job}/files/1.png").json()["received"] == 5  # the rest is no part of the body
    for length in ("-1", "1e3", "99999999999999999999999"):
        answer = talk(house.port, f"{head}Content-Length: {length}\r\n\r\nabc".encode())
        assert answer.split()[1][:1] == b"4" or answer.split()[1] == b"507", answer
    both = f"{head}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    assert talk(house.port, both.encode()).split()[1][:1] in (b"4",)
    assert house.client.get(f"/v1/jobs/{job}/files/1.png").json()["received"] == 5


def test_a_multipart_upload_cut_off(house: House) -> None:
    body = b'--b\r\nContent-Disposition: form-data; name="files"; filename="1.png"\r\n\r\nxxx'
    head = b"POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nX-API-Key: ems_ann\r\nConnection: close\r\n"
    head += b"Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 1000000\r\n\r\n"
    with socket.create_connection(("127.0.0.1", house.port)) as connection:
        connection.sendall(head + body)
        connection.sendall(b"x" * 600_000)
        wait_until(lambda: any(name.startswith(".upload-") for name in house.left()))
    wait_until(lambda: house.left() == [])


def test_memory_stays_small_while_a_big_file_passes(tmp_path: Path) -> None:
    """300 MB by PUT and by multipart; the process stays under 200 MB."""
    block, count = bytes(range(256)) * 4096, 286
    with gateway_process(tmp_path) as (port, process):
        headers = {"X-API-Key": "ems_ann"}
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=60) as client:
            job = client.post("/v1/jobs", json={"files": [{"name": "big.tif"}]}).json()["jobs"][0]["id"]
            sent = client.put(f"/v1/jobs/{job}/files/big.tif", content=(block for _ in range(count))).json()
            assert sent["received"] == count * MIB
            answer = client.post("/v1/jobs", content=multipart(block, count), headers=MULTIPART)
            assert answer.status_code == 202, answer.text
            assert answer.json()["jobs"][0]["files"][0]["sha256"] == sent["sha256"]
        assert peak_memory_mb(process.pid) < 200
        written = sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file())
        assert written < 2 * count * MIB + 100_000, "uploaded bytes lie on the disk once"


MULTIPART = {"Content-Type": "multipart/form-data; boundary=b"}


def multipart(block: bytes, count: int) -> Iterator[bytes]:
    yield b'--b\r\nContent-Disposition: form-data; name="files"; filename="big.tif"\r\n\r\n'
    for _ in range(count):
        yield block
    yield b"\r\n--b--\r\n"


def test_problems_are_rfc_9457(house: House) -> None:
    for answer in (house.client.get("/v1/nothing"), house.client.patch("/v1/jobs"), house.client.get("/v1/jobs/x")):
        assert answer.headers["content-type"] == "application/problem+json"
        found = json.loads(answer.text)
        assert {"type", "title", "status", "detail", "instance", "code", "request_id"} <= found.keys()
        assert found["status"] == answer.status_code
