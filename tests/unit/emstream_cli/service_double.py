"""A client that talks to no service, and jobs as the service describes them."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Self

from emstream.api.jobs import FileTotals
from emstream.client.replies import Job


def make_job(number: int = 1, state: str = "completed", **changes: object) -> Job:
    """Return a job whose id is its number, 32 digits; `changes` to it."""
    job = Job(
        id=f"{number:032d}",
        name=f"sample {number}",
        state=state,
        created=0.0,
        owner="ana",
        settings={},
        input=None,
        file_totals=FileTotals(count=0, size=0, received=0),
        stages={},
        progress=1.0,
        eta_s=None,
        warnings=(),
        errors=(),
        shape_zyx=None,
        voxel_size_nm=None,
        objects=(),
        links={},
    )
    return job.model_copy(update=changes)


class ClientDouble:
    """Stands for `emstream.client.client.Client`; remembers what it was asked."""

    url = "http://here"

    def __init__(self, *jobs: Job) -> None:
        self.all = {job.id: job for job in jobs}
        self.asked: list[tuple[object, ...]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self.asked.append(("closed",))

    def jobs(self, limit: int | None = None) -> list[Job]:
        return list(self.all.values())[:limit]

    def job(self, job_id: str) -> Job:
        self.asked.append(("job", job_id))
        return self.all[job_id]

    def cancel(self, job_id: str) -> Job:
        return self.all[job_id].model_copy(update={"state": "cancelled"})

    def retry(self, job_id: str) -> Job:
        return self.all[job_id].model_copy(update={"state": "running"})

    def delete(self, job_id: str) -> None:
        self.asked.append(("delete", job_id))

    def fetch(self, job_id: str, output: Path, formats: list[str], progress: object, overwrite: bool) -> list[Path]:
        self.asked.append(("fetch", job_id, output, tuple(formats), overwrite))
        return [output / "mask.h5"]

    def export(self, job_id: str, output: Path, **wish: object) -> Path:
        wish.pop("on_progress")
        wish.pop("overwrite")
        self.asked.append(("export", job_id, wish))
        return output

    def submit(
        self, sources: list[Path], settings: dict[str, object], progress: object, name: str | None, made: object,
        once: bool,
    ) -> list[Job]:  # fmt: skip
        self.asked.append(("submit", tuple(map(str, sources)), settings, name, once))
        return list(self.all.values())

    def resume(self, job_id: str, source: Path, progress: object) -> Job:
        self.asked.append(("resume", job_id, str(source)))
        return self.all[job_id]
