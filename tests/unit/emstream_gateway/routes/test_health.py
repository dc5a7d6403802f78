"""Health: each failing part with a sentence; counts that are read when they are asked for."""

from __future__ import annotations

import os
import time
from dataclasses import replace

import pytest
from prometheus_client import Metric

from emstream.stages import KINDS
from emstream.work.heartbeat import beat_folder
from emstream_gateway.routes.health import HEARTBEAT_S, Counts, failing_parts, has_worker
from emstream_gateway.storage.quotas import Quotas
from tests.unit.emstream_gateway.conftest import Desk


def beat(desk: Desk, kind: str, seconds_ago: float = 0.0) -> None:
    path = beat_folder(desk.context.settings) / f"{kind}.host-1.alive"
    path.parent.mkdir(exist_ok=True)
    path.touch()
    os.utime(path, (time.time() - seconds_ago,) * 2)


def value(metrics: list[Metric], name: str, **labels: str) -> float:
    [sample] = [
        s for metric in metrics for s in metric.samples if s.name == name and labels.items() <= s.labels.items()
    ]
    return sample.value


def test_a_worker_lives_as_long_as_its_heartbeat_is_young(desk: Desk) -> None:
    assert not has_worker(desk.context, "inference")
    beat(desk, "inference", HEARTBEAT_S + 5)
    assert not has_worker(desk.context, "inference")
    beat(desk, "inference")
    assert has_worker(desk.context, "inference")
    assert not has_worker(desk.context, "preprocess")


def test_each_failing_part_is_named(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    assert set(failing_parts(desk.context)) == {f"{kind} workers" for kind in KINDS}
    for kind in KINDS:
        beat(desk, kind)
    assert failing_parts(desk.context) == {}
    settings = desk.context.settings.model_copy(update={"min_free_gb": 1e9})
    full = replace(desk.context, settings=settings, quotas=Quotas(desk.context.store, settings))
    assert "GB are free" in failing_parts(full)["disk"]
    desk.lose_broker(monkeypatch)
    assert "BrokerUnavailable" in failing_parts(desk.context)["broker"]


def test_counts_are_those_of_now(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    counts = Counts(desk.context)
    assert value(list(counts.collect()), "emstream_broker_up") == 1
    folder = desk.upload("s1.png")
    desk.context.uploads.received_bytes = 6
    desk.ledger.enter(folder.path.name, "ann")
    found = list(counts.collect())
    assert value(found, "emstream_upload_bytes") == 6
    assert value(found, "emstream_jobs", state="uploading") == 1
    assert value(found, "emstream_units", stage="plan", state="ready") == 1
    desk.lose_broker(monkeypatch)
    found = list(counts.collect())
    assert value(found, "emstream_broker_up") == 0
    assert not [metric for metric in found if metric.name == "emstream_units"]
