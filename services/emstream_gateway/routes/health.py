"""Routes of health: the gateway answers, the parts of the service that fail, and metrics."""

from __future__ import annotations

import time
from collections.abc import Iterator

from fastapi import APIRouter
from fastapi.responses import Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from emstream.api.service import Health
from emstream.errors import BrokerUnavailable
from emstream.host import GIGABYTE
from emstream.stages import KINDS
from emstream.work.heartbeat import SUFFIX, beat_folder
from emstream_gateway.auth import ReadKey
from emstream_gateway.context import AppContext, Context
from emstream_gateway.http.openapi import as_json, open_refusals, refusals, returns
from emstream_gateway.jobs.status import state_of

router = APIRouter(tags=["health"])
HEARTBEAT_S = 10.0
"""Seconds after which a worker without a sign of life counts as dead."""


@router.get(
    "/healthz",
    response_class=Response,
    summary="The gateway's process answers",
    responses={**returns(Health, "The process answers"), **open_refusals()},
)
def healthz() -> Response:
    """Answer."""
    return as_json(Health(status="ok"))


@router.get(
    "/readyz",
    response_class=Response,
    summary="Readiness of the service; names the parts that fail",
    responses={
        **returns(Health, "All parts work"),
        **returns(Health, "At least one part fails", 503),
        **open_refusals(),
    },
)
def readyz(context: Context) -> Response:
    """Check each part."""
    failing = failing_parts(context)
    health = Health(status="failing" if failing else "ok", failing=failing)
    return as_json(health, 503 if failing else 200, {"Retry-After": "2"} if failing else {})


def failing_parts(context: AppContext) -> dict[str, str]:
    """Return the failing parts, each with a sentence."""
    failing = {}
    try:
        context.ledger.status("readyz")
    except BrokerUnavailable as error:
        failing["broker"] = f"it does not answer ({type(error.__cause__ or error).__name__})"
    free, least = context.quotas.free_bytes() / GIGABYTE, context.settings.min_free_gb
    if free < least:
        failing["disk"] = f"{free:.1f} GB are free, {least:.1f} GB are kept: no upload and no new slab is accepted"
    failing |= {f"{kind} workers": "no sign of life for 10 s" for kind in KINDS if not has_worker(context, kind)}
    return failing


def has_worker(context: AppContext, kind: str) -> bool:
    """Return True if a worker of this kind touched its heartbeat file in the last 10 s."""
    for path in beat_folder(context.settings).glob(f"{kind}.*{SUFFIX}"):
        try:
            if time.time() - path.stat().st_mtime < HEARTBEAT_S:
                return True
        except FileNotFoundError:
            continue
    return False


@router.get(
    "/metrics",
    response_class=Response,
    summary="Counts for Prometheus",
    responses={
        200: {"description": "Text format", "content": {"text/plain": {"schema": {"type": "string"}}}},
        **refusals(422),
    },
)
def metrics(caller: ReadKey, context: Context) -> Response:
    """Count."""
    registry = CollectorRegistry()
    registry.register(Counts(context))
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


class Counts(Collector):
    """Metrics that are read from ledger and disk at each request, so that the numbers are current."""

    def __init__(self, context: AppContext) -> None:
        self._context = context

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics; the ledger's only while the broker answers."""
        context = self._context
        up = GaugeMetricFamily("emstream_broker_up", "1 while the broker answers.", 1)
        try:
            yield from self._backlog()
        except BrokerUnavailable:
            up = GaugeMetricFamily("emstream_broker_up", "1 while the broker answers.", 0)
        yield up
        free = context.quotas.free_bytes()
        yield GaugeMetricFamily("emstream_disk_free_bytes", "Free disk of the data folder.", free)
        received = context.uploads.received_bytes
        yield GaugeMetricFamily("emstream_upload_bytes", "Uploaded since the gateway started.", received)
        jobs = GaugeMetricFamily("emstream_jobs", "Jobs on disk.", labels=["state"])
        counts: dict[str, int] = {}
        for entry in context.store.entries():
            state = state_of(context, context.store.folder(entry.id))
            counts[state] = counts.get(state, 0) + 1
        for name, count in sorted(counts.items()):
            jobs.add_metric([name], count)
        yield jobs

    def _backlog(self) -> Iterator[Metric]:
        units = GaugeMetricFamily("emstream_units", "Units of work.", labels=["stage", "state"])
        oldest = GaugeMetricFamily(
            "emstream_oldest_lease_seconds", "Until the oldest lease ends; negative: it is overdue.", labels=["stage"]
        )
        for stage, backlog in self._context.ledger.backlog().items():
            for state in ("ready", "hinted", "leased"):
                units.add_metric([stage, state], getattr(backlog, state))
            if backlog.oldest_deadline:
                oldest.add_metric([stage], backlog.oldest_deadline - time.time())
        yield units
        yield oldest
