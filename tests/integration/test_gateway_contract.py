"""The OpenAPI document against the gateway: no error of ours, and no answer that is not written down."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from emstream_postprocess.objects.measure import measure
from emstream_postprocess.objects.sums import empty_table
from emstream_postprocess.objects.tables import write_tables
from tests.integration.gateway_house import House, finish_job, make_house, plan_job

EXAMPLES = 25
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("emstream_gateway.routes.masks.WAIT_S", 0.05)
        patch.setattr("emstream_gateway.routes.meshes.WAIT_S", 0.05)
        patch.setattr("emstream_gateway.http.bodies.IDLE_S", 5.0)
        with make_house(tmp_path_factory.mktemp("data")) as made:
            yield made


OPERATIONS = [
    ("POST", "/v1/jobs"),
    ("GET", "/v1/jobs"),
    ("GET", "/v1/jobs/{job}"),
    ("DELETE", "/v1/jobs/{job}"),
    ("POST", "/v1/jobs/{job}/start"),
    ("POST", "/v1/jobs/{job}/cancel"),
    ("POST", "/v1/jobs/{job}/retry"),
    ("GET", "/v1/jobs/{job}/events"),
    ("GET", "/v1/jobs/{job}/mask"),
    ("GET", "/v1/jobs/{job}/overlay"),
    ("GET", "/v1/jobs/{job}/report"),
    ("GET", "/v1/jobs/{job}/timeline"),
    ("GET", "/v1/jobs/{job}/measurements"),
    ("GET", "/v1/jobs/{job}/uncertain"),
    ("GET", "/v1/jobs/{job}/at"),
    ("PUT", "/v1/jobs/{job}/thresholds"),
    ("GET", "/v1/jobs/{job}/meshes/{name}/{label}.{form}"),
    ("GET", "/v1/jobs/{job}/files/{name}"),
    ("PUT", "/v1/jobs/{job}/files/{name}"),
    ("POST", "/v1/jobs/{job}/inspect"),
    ("GET", "/v1/jobs/{job}/inspection"),
    ("GET", "/v1/jobs/{job}/inspection/sections/{z}.png"),
    ("GET", "/v1/estimate"),
    ("POST", "/v1/jobs/{job}/exports"),
    ("GET", "/v1/jobs/{job}/exports"),
    ("GET", "/v1/jobs/{job}/exports/{export}"),
    ("DELETE", "/v1/jobs/{job}/exports/{export}"),
    ("GET", "/v1/jobs/{job}/view"),
    ("GET", "/v1/jobs/{job}/tiles/{layer}/{z}/{level}/{x}_{y}.{picture}"),
    ("GET", "/v1/timeline"),
    ("GET", "/v1/models"),
    ("GET", "/v1/formats"),
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("GET", "/metrics"),
]


def test_every_route_is_in_the_document_and_here(house: House) -> None:
    paths = house.client.get("/openapi.json").json()["paths"]
    there = {(verb.upper(), path) for path, verbs in paths.items() for verb in verbs}
    assert there == set(OPERATIONS)


def jobs_in_every_state(house: House) -> list[str]:
    """Make some jobs for the calls to meet; ids that do not exist come from the generator itself."""
    uploading = house.client.post("/v1/jobs", json={"files": [{"name": "s1.png"}]}).json()["jobs"][0]["id"]
    queued, planned, done, cancelled = (house.one_job() for _ in range(4))
    plan_job(house, planned)
    plan_job(house, done)
    finish_job(house, done)
    measure_two_objects(house, done)
    house.client.post(f"/v1/jobs/{cancelled}/cancel")
    return [uploading, queued, planned, done, cancelled]


def measure_two_objects(house: House, job: str) -> None:
    table = empty_table(2)
    table["voxels"], table["crossings"], table["start"], table["stop"] = 1, 2, 0, 1
    columns = measure(table, (2, 64, 64), (50, 5, 5), False, False)
    facts = {"object": "spots", "voxel_size_nm": (50, 5, 5), "volume_fraction": 0.1, "dropped": 0}
    write_tables(house.folder(job).measurements, "spots", columns, facts)


def give_signs_of_life(house: House) -> None:
    for kind in ("preprocess", "inference", "postprocess"):
        path = house.data / "run" / f"{kind}.host.alive"
        path.parent.mkdir(exist_ok=True)
        path.touch()


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_answers_are_as_documented(house: House, method: str, path: str) -> None:
    schema = schemathesis.openapi.from_dict(house.client.get("/openapi.json").json())
    schema.config.update(base_url=str(house.client.base_url))
    operation = schema[path][method]
    known = jobs_in_every_state(house)
    give_signs_of_life(house)

    @given(case=operation.as_strategy(), job=st.sampled_from([*known, None]), may=st.sampled_from([True] * 5 + [False]))
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def ask(case: Any, job: str | None, may: bool) -> None:
        if job is not None and "job" in (case.path_parameters or {}):
            case.path_parameters["job"] = job
        if path.endswith("/events"):
            house.client.post(f"/v1/jobs/{job}/cancel")  # else the stream goes on
        key = "ems_ann" if may else "wrong"
        case.call_and_validate(checks=CHECKS, headers={"X-API-Key": key, "Authorization": ""}, timeout=20)

    ask()
