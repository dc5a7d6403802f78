"""Answers of the service as the client gives them: the classes of `emstream.api`, and jobs that show themselves."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from html import escape

from pydantic import PrivateAttr

from emstream.api.jobs import FileState, ListedJob
from emstream.api.schemas import OVER, WITH_RESULT, Reply
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


def as_html(title: str, lines: Sequence[str], picture: bytes | None) -> str:
    """Return a title, lines, and a PNG as HTML that needs nothing else."""
    shown = "".join(f"<li>{escape(line)}</li>" for line in lines)
    image = ""
    if picture is not None:
        source = f"data:image/png;base64,{base64.b64encode(picture).decode()}"
        image = f'<img alt="{escape(title)}: a section with its masks" style="max-width:100%" src="{source}">'
    return f"<div><strong>{escape(title)}</strong><ul>{shown}</ul>{image}</div>"
