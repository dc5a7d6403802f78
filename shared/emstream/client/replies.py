"""Answers of the service as the client gives them: the classes of `emstream.api`, and jobs that show themselves."""

from __future__ import annotations

from collections.abc import Callable

from pydantic import PrivateAttr

from emstream.api.jobs import FileState, ListedJob
from emstream.api.schemas import OVER, WITH_RESULT, Reply
from emstream.client.notebook import as_html
from emstream.stages import Stage


class Job(ListedJob):
    """A job as it stands. A notebook shows it with its picture."""

    settings: dict[str, object]  # type: ignore[assignment]  # as sent: a newer service may have further settings
    files: tuple[FileState, ...] = ()
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
        """Nothing more happens to the job by itself."""
        return self.state in OVER

    @property
    def has_result(self) -> bool:
        """The job has masks to fetch."""
        return self.state in WITH_RESULT

    @property
    def counts(self) -> dict[Stage, tuple[int, int]]:
        """(done, total) per stage."""
        found = {stage: self.stages.get(stage.value) for stage in Stage}
        return {stage: (count.done, count.total) if count else (0, 0) for stage, count in found.items()}


class Jobs(Reply):
    """Several jobs."""

    jobs: tuple[Job, ...]
