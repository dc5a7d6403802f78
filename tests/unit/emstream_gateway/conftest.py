"""A gateway's context without HTTP: jobs in a temporary folder, the ledger in memory, hints kept in a list."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal

from emstream.api.jobs import JobSettings
from emstream.errors import BrokerUnavailable
from emstream.jobs.folder import JobFolder
from emstream.ledger.hints import Hint
from emstream.ledger.in_memory import MemoryLedger
from emstream.ledger.terms import JobShape, JobStatus, Limits
from emstream.settings import Settings
from emstream.stages import Stage
from emstream_gateway.app import make_app
from emstream_gateway.auth import LOCAL_OWNER
from emstream_gateway.context import AppContext
from emstream_gateway.jobs.actions import start_upload
from emstream_gateway.storage.job_store import JobStore
from emstream_gateway.storage.quotas import Quotas
from emstream_gateway.storage.uploads import UploadLimits, Uploads
from tests.plans import make_plan


@dataclass
class SentHints:
    """A sender that keeps what it sends."""

    hints: list[Hint] = field(default_factory=list)

    def send(self, hints: Iterable[Hint]) -> None:
        self.hints += hints


@dataclass
class Desk:
    """A context with its ledger and its sender, and jobs as workers leave them."""

    context: AppContext
    ledger: MemoryLedger
    sent: SentHints

    def upload(self, *files: str, owner: str = "ann", **settings: object) -> JobFolder:
        """Return a job whose files have arrived."""
        store = self.context.store
        header = store.new(owner, "rat", JobSettings.model_validate(settings))
        upload = self.context.uploads.make(header)
        for name in files:
            content = name.encode()
            with upload.begin(name, 0, len(content), UploadLimits(100, 10**9)) as writer:
                writer.write(content)
            upload.finish(upload.arrival(name))
        return store.folder(header.id)

    def plan(self, folder: JobFolder, slabs: int = 2) -> None:
        """Write the plan of a started job."""
        record = folder.read()
        assert record is not None
        folder.write(record.with_plan(make_plan((slabs, 64, 64), 1)))

    def finish(self, folder: JobFolder, *errors: dict[str, object]) -> None:
        """Write the report of a planned job."""
        folder.report_path.write_text(json.dumps({"errors": list(errors)}))

    def lose_broker(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let every call of the ledger fail from now on."""

        def away(*_: object) -> JobStatus:
            raise BrokerUnavailable("no answer")

        for call in ("status", "enter", "cancel", "forget", "add", "backlog"):
            monkeypatch.setattr(self.ledger, call, away)


@dataclass
class Client:
    """Asks an app without a server between them, from any thread."""

    portal: BlockingPortal
    http: httpx.AsyncClient

    def request(self, method: str, url: str, **options: Any) -> httpx.Response:
        return self.portal.call(partial(self.http.request, method, url, **options))

    def get(self, url: str, **options: Any) -> httpx.Response:
        return self.request("GET", url, **options)

    def post(self, url: str, **options: Any) -> httpx.Response:
        return self.request("POST", url, **options)

    def put(self, url: str, **options: Any) -> httpx.Response:
        return self.request("PUT", url, **options)

    def delete(self, url: str, **options: Any) -> httpx.Response:
        return self.request("DELETE", url, **options)


@dataclass
class Site(Desk):
    """A desk whose context serves an app. client: asks with the token of this start, as the owner "local"."""

    client: Client = field(kw_only=True)

    def job(self, **settings: object) -> JobFolder:
        """Return a job of the caller's whose file has arrived."""
        return self.upload("s1.png", owner=LOCAL_OWNER, **settings)

    def finished(self, *errors: dict[str, object], slabs: int = 2) -> JobFolder:
        """Return a job of the caller's that is over."""
        folder = self.job()
        start_upload(self.context, folder)
        self.plan(folder, slabs)
        self.finish(folder, *errors)
        return folder

    def do(self, stage: Stage, fails: str = "") -> list[Hint]:
        """Do the units of a stage that were handed out, or fail them; return them."""
        mine = [hint for hint in self.sent.hints if hint.stage is stage]
        for hint in mine:
            self.sent.hints.remove(hint)
            token = self.ledger.claim(hint, 0.0).token
            if fails:
                self.ledger.fail(hint, token, fails)
            else:
                self.ledger.complete(hint, token, JobShape(0, 0))
        return mine


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    settings = Settings.model_validate({"data": tmp_path, "min_free_gb": 0.0})
    ledger, sent = MemoryLedger(Limits(window=1000)), SentHints()
    app = make_app(settings, ledger, sent, None, "token")
    http = httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://127.0.0.1", headers={"Authorization": "Bearer token"}
    )
    with start_blocking_portal() as portal:
        yield Site(app.state.context, ledger, sent, client=Client(portal, http))
        portal.call(http.aclose)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    settings = Settings.model_validate({"data": tmp_path, "min_free_gb": 0.0})
    ledger, sent, store = MemoryLedger(Limits(window=1000)), SentHints(), JobStore(tmp_path)
    context = AppContext(settings, ledger, sent, None, "token", store, Uploads(store), Quotas(store, settings))
    return Desk(context, ledger, sent)
