"""What the service answers, as clients see it. Fields that a newer service adds are left out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from pydantic import BaseModel, ConfigDict, PrivateAttr

from emstream.client.notebook import as_html
from emstream.jobs.record import Voxel
from emstream.stages import Stage

State = Literal["uploading", "queued", "running", "completed", "completed_with_errors", "failed", "cancelled"]
OVER: frozenset[State] = frozenset({"completed", "completed_with_errors", "failed", "cancelled"})
WITH_RESULT: frozenset[State] = frozenset({"completed", "completed_with_errors"})


class Reply(BaseModel):
    """Base of what the service answers."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class FileState(Reply):
    """An uploaded file. sha256: once it is whole."""

    name: str
    size: int | None = None
    received: int = 0
    sha256: str | None = None


class StageCount(Reply):
    """Units of a stage; total 0 while it is not known."""

    done: int = 0
    total: int = 0


class UnitError(Reply):
    """A unit that failed for good."""

    stage: str
    unit: int
    sentence: str


class Job(Reply):
    """A job as it stands. created: seconds since the epoch; eta_s: seconds still needed, once there is a rate."""

    id: str
    name: str = ""
    state: State
    created: float = 0.0
    owner: str = ""
    settings: dict[str, object] = {}
    files: tuple[FileState, ...] = ()
    stages: dict[str, StageCount] = {}
    progress: float = 0.0
    eta_s: float | None = None
    warnings: tuple[str, ...] = ()
    errors: tuple[UnitError, ...] = ()
    shape_zyx: tuple[int, int, int] | None = None
    voxel_size_nm: Voxel | None = None
    objects: tuple[str, ...] = ()
    links: dict[str, str] = {}
    _picture: Callable[[], bytes | None] | None = PrivateAttr(default=None)

    def with_picture(self, picture: Callable[[], bytes | None]) -> Job:
        """Return the job, which asks for its picture when a notebook shows it."""
        self._picture = picture
        return self

    def _repr_png_(self) -> bytes | None:
        return self._picture() if self._picture and self.has_result else None

    def _repr_html_(self) -> str:
        lines = [f"{self.state}, {100 * self.progress:.0f} %"]
        if self.shape_zyx is not None:
            lines.append(f"{' x '.join(map(str, self.shape_zyx))} voxels (z, y, x)")
        lines += [f"finds {', '.join(self.objects)}"] if self.objects else []
        lines += [f"note: {warning}" for warning in self.warnings]
        lines += [f"failed: {error.sentence}" for error in self.errors]
        return as_html(f"job {self.id[:8]}: {self.name}", lines, self._repr_png_())

    @property
    def is_over(self) -> bool:
        """Nothing more happens unless somebody asks for it."""
        return self.state in OVER

    @property
    def has_result(self) -> bool:
        """There are masks to fetch."""
        return self.state in WITH_RESULT

    @property
    def counts(self) -> dict[Stage, tuple[int, int]]:
        """(done, total) per stage."""
        found = {stage: self.stages.get(stage.value, StageCount()) for stage in Stage}
        return {stage: (count.done, count.total) for stage, count in found.items()}


class Export(Reply):
    """A file that was ordered of a job. name: to save it under; sentence: why it failed."""

    id: str
    state: str
    progress: float = 0.0
    name: str
    size: int | None = None
    sentence: str | None = None
    links: dict[str, str] = {}


class Jobs(Reply):
    """Several jobs."""

    jobs: tuple[Job, ...] = ()
