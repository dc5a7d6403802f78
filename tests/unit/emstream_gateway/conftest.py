"""A gateway's context without HTTP: jobs in a temporary folder, the ledger in memory, hints kept in a list."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from emstream.api.jobs import JobSettings
from emstream.errors import BrokerUnavailable
from emstream.jobs.folder import JobFolder
from emstream.ledger.hints import Hint
from emstream.ledger.in_memory import MemoryLedger
from emstream.ledger.terms import JobStatus, Limits
from emstream.settings import Settings
from emstream_gateway.context import AppContext
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


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    settings = Settings.model_validate({"data": tmp_path, "min_free_gb": 0.0})
    ledger, sent, store = MemoryLedger(Limits(window=1000)), SentHints(), JobStore(tmp_path)
    context = AppContext(settings, ledger, sent, None, "token", store, Uploads(store), Quotas(store, settings))
    return Desk(context, ledger, sent)
