"""`emstream serve` and the commands that ask it, as a user runs them; and that nothing of it is left behind."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import numpy as np
import pytest
import tifffile

from tests.integration.conftest import noise_stack, read_layer, write_pngs
from tests.integration.service import Service, running

KINDS = ("broker", "gateway", "preprocess", "inference", "postprocess")


@pytest.fixture(scope="module")
def environment(service_environment: dict[str, str]) -> dict[str, str]:
    return service_environment


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, environment: dict[str, str]) -> Iterator[Service]:
    with running(tmp_path_factory.mktemp("serve") / "data", **environment) as service:
        yield service


@pytest.fixture(scope="module")
def sections(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pngs(tmp_path_factory.mktemp("source") / "sample", noise_stack((5, 300, 280)))


def emstream(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "emstream_cli", *map(str, arguments)]
    return subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, timeout=180)


def children(service: Service) -> list[int]:
    return [pid for kind in KINDS for pid in service.pids(kind)]


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_until_gone(pids: list[int]) -> None:
    deadline = time.monotonic() + 10
    while any(map(is_alive, pids)):
        assert time.monotonic() < deadline, "left running"
        time.sleep(0.05)


def test_submit_with_fetch_brings_what_predict_makes(
    service: Service, sections: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    here = environment | {"EMSTREAM_DATA": str(service.data)}
    options = ("--object", "spots", "--quality", "fast", "--voxel-size", "50,5,5")
    predicted = emstream("predict", sections, "-o", tmp_path / "predicted", *options, **environment)
    assert predicted.returncode == 0, predicted.stderr
    fetched = tmp_path / "fetched"
    sent = emstream("submit", sections, *options, "--format", "h5", "--format", "tiff", "--fetch", fetched, **here)
    assert sent.returncode == 0, sent.stderr + service.log()
    assert f"masks: {fetched}" in sent.stdout
    assert "postprocess 2/2" in sent.stderr
    for layer in ("spots/probability", "spots/mask"):
        assert np.array_equal(read_layer(fetched, layer), read_layer(tmp_path / "predicted", layer))
    assert {"spots.tif", "report.json", "overlay.png"} <= {path.name for path in fetched.iterdir()}
    tables = [sorted((at / "measurements").iterdir()) for at in (fetched, tmp_path / "predicted")]
    assert [path.name for path in tables[0]] == ["spots.csv", "spots.parquet"]
    assert [path.read_bytes() for path in tables[0]] == [path.read_bytes() for path in tables[1]]
    job = sent.stdout.split()[0]
    told = emstream("status", job, "--json", **here)
    assert json.loads(told.stdout)["state"] == "completed"
    assert f"{job}  " in emstream("status", **here).stdout
    saved = emstream("export", job, "--format", "tiff", "--z", "1:4", "-o", tmp_path / "mask.tif", **here)
    assert saved.returncode == 0, saved.stderr + service.log()
    assert np.array_equal(tifffile.imread(tmp_path / "mask.tif"), read_layer(fetched, "spots/mask")[1:4])
    assert emstream("export", job, "--content", "labels", "--format", "jpeg", **here).returncode == 2


def test_files_are_looked_at_and_used_again_before_their_job_is_started(service: Service, sections: Path) -> None:
    token = json.loads((service.data / "server.json").read_text())["token"]
    with httpx.Client(base_url=service.client.url, headers={"Authorization": f"Bearer {token}"}) as http:
        job = http.post("/v1/jobs", json={"settings": {"quality": "fast"}}).json()["jobs"][0]["id"]
        for path in sections.iterdir():
            http.put(f"/v1/jobs/{job}/files/{path.name}", content=path.read_bytes())
        assert http.post(f"/v1/jobs/{job}/inspect").status_code == 202
        deadline = time.monotonic() + 30
        while (answer := http.get(f"/v1/jobs/{job}/inspection")).status_code == 202:
            assert time.monotonic() < deadline, service.log()
            time.sleep(0.05)
        assert (answer.json()["shape_zyx"], answer.json()["sections"][0]) == ([5, 300, 280], "s0.png")
        settings = {"quality": "fast", "region": [[1, 0, 0], [3, 128, 128]]}
        preview = http.post("/v1/jobs", json={"input_of": job, "settings": settings}).json()["jobs"][0]["id"]
        assert service.client.wait(preview, timeout_s=60).shape_zyx == (2, 128, 128)
        assert service.client.job(job).state == "uploading"
        assert http.get("/v1/estimate?voxels=1000000").json()["seconds"] > 0
        tile = http.get(f"/v1/jobs/{preview}/tiles/spots/1/0/0_0.png")
        assert tile.content.startswith(b"\x89PNG")


def test_refusals_are_sentences_with_exit_codes(service: Service, sections: Path, tmp_path: Path) -> None:
    here = {"EMSTREAM_DATA": str(service.data)}
    unknown = emstream("submit", sections, "--object", "nuclei", **here)
    assert (unknown.returncode, unknown.stdout) == (2, "")
    assert "no recipe finds 'nuclei'; there are: spots" in unknown.stderr
    assert emstream("status", "f" * 32, **here).returncode == 2
    denied = emstream("status", "--key", "ems_wrong", **here)
    assert denied.returncode == 2, denied.stderr
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "notes.txt").write_text("no sections")
    refused = emstream("submit", tmp_path / "text", "--wait", **here)
    assert (refused.returncode, "Traceback" in refused.stderr) == (3, False)
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "s1.png").write_text("no picture")
    failed = emstream("submit", tmp_path / "damaged", "--wait", **here)
    assert failed.returncode == 4
    assert "1 of 1 jobs did not end well" in failed.stderr
    assert "Traceback" not in failed.stderr


def test_a_cancelled_job_can_be_taken_up_again(service: Service, sections: Path) -> None:
    here = {"EMSTREAM_DATA": str(service.data)}
    [job] = json.loads(emstream("submit", sections, "--quality", "fast", "--json", **here).stdout)["jobs"]
    assert emstream("cancel", job["id"], **here).returncode == 0
    again = emstream("retry", job["id"], "--json", **here)
    assert again.returncode in (0, 2)  # 2: it was done before it could be cancelled
    assert service.client.wait(job["id"], timeout_s=60).state == "completed"
    assert emstream("cancel", "--delete", job["id"], **here).stdout.strip() == f"job {job['id']} is deleted"
    assert not (service.data / "jobs" / job["id"]).exists()


def test_only_the_gateway_knows_the_token_and_only_the_user_can_read_it(service: Service) -> None:
    server = service.data / "server.json"
    assert stat.S_IMODE(server.stat().st_mode) == 0o600
    token = json.loads(server.read_text())["token"].encode()
    for kind in KINDS:
        [pid] = service.pids(kind)
        assert (token in (Path("/proc") / str(pid) / "environ").read_bytes()) == (kind == "gateway")


def test_a_second_service_in_the_folder_is_refused(service: Service) -> None:
    second = emstream("serve", "--port", "0", "--data", service.data)
    assert second.returncode == 2
    assert "another emstream serves" in second.stderr
    assert (service.data / "server.json").exists()


def test_a_port_in_use_is_refused(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        refused = emstream("serve", "--port", str(port), "--data", tmp_path / "data")
    assert refused.returncode == 2
    assert f"127.0.0.1:{port} cannot be bound" in refused.stderr


def test_beyond_loopback_a_key_is_needed(tmp_path: Path) -> None:
    refused = emstream("serve", "--port", "0", "--data", tmp_path / "data", EMSTREAM_HOST="0.0.0.0")
    assert refused.returncode == 2
    assert "emstream keys add OWNER" in refused.stderr


def test_stopping_leaves_nothing_running_and_no_file_of_the_run(tmp_path: Path, environment: dict[str, str]) -> None:
    with running(tmp_path / "data", **environment) as service:
        pids = children(service)
        assert len(pids) == len(KINDS)
        options = service.redis().connection_pool.connection_kwargs
        place = Path(options["path"]).parent
        assert place.is_dir()
        began = time.monotonic()
        assert service.stop() == 0
        assert time.monotonic() - began < 15
    wait_until_gone(pids)
    assert not place.exists()
    assert not (tmp_path / "data" / "server.json").exists()
    assert list((tmp_path / "data" / "run").glob("*.alive")) == []


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends children with their parent")
def test_a_killed_service_leaves_nothing_running_and_starts_again(
    tmp_path: Path, environment: dict[str, str], sections: Path
) -> None:
    with running(tmp_path / "data", **environment) as service:
        [job] = service.client.submit(sections, {"quality": "fast"})
        pids = children(service)
        service.process.send_signal(signal.SIGKILL)
        service.process.wait()
        wait_until_gone(pids)
    (tmp_path / "data.log").unlink()
    with running(tmp_path / "data", **environment) as service:
        assert service.client.wait(job.id, timeout_s=60).state == "completed"


def test_a_full_disk_is_no_reason_not_to_start(tmp_path: Path, environment: dict[str, str], sections: Path) -> None:
    with running(tmp_path / "data", **(environment | {"EMSTREAM_MIN_FREE_GB": "1000000"})) as service:
        refused = emstream("submit", sections, EMSTREAM_DATA=str(service.data))
        assert refused.returncode == 4, refused.stdout
        assert "disk" in refused.stderr


def test_the_printed_url_lets_the_browser_in(service: Service) -> None:
    line = next(line for line in service.log().splitlines() if line.startswith("emstream is ready: "))
    parts = urlsplit(line.removeprefix("emstream is ready: "))
    assert f"{parts.scheme}://{parts.netloc}" == service.client.url
    assert (parts.query, parts.fragment[:6]) == ("", "token=")
