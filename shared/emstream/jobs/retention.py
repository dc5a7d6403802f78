"""Deletion of a job's files some days after its end; by default nothing is deleted.

    keep_input_days           input/: the uploaded files. Afterwards the job cannot be done again, nor its files reused.
    keep_intermediates_days   stack/, probability/, meshes/, objects/whole/: the sections as the networks saw them, and
                              what can be made again. Afterwards masks, objects and measurements are there, the original
                              is not shown or exported any more, and thresholds stay as they are.
    keep_results_days         the whole job.

A job has ended once it is marked as finished, failed or cancelled; the newest mark's time counts, so a job that is
done again begins to count again. What runs, or is being uploaded, is never touched. A file that others link to
(`input_of`) stays with them.
"""

from __future__ import annotations

import logging
import shutil
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from emstream.jobs.folder import JobFolder
from emstream.settings import Settings

logger = logging.getLogger(__name__)

DAY_S = 86400.0
INPUT = ("input", "incoming")
INTERMEDIATES = ("stack", "probability", "meshes", "objects/whole")


class Step(StrEnum):
    """Parts of a job that can be deleted, from the least to all of it."""

    INPUT = "input"
    INTERMEDIATES = "intermediates"
    RESULTS = "results"


@dataclass(frozen=True, slots=True)
class Retention:
    """Days after a job's end; 0 = for ever."""

    input_days: float = 0.0
    intermediates_days: float = 0.0
    results_days: float = 0.0

    @classmethod
    def of(cls, settings: Settings) -> Retention:
        """Return what the settings say."""
        return cls(settings.keep_input_days, settings.keep_intermediates_days, settings.keep_results_days)

    def due(self, ended: float | None, now: float) -> list[Step]:
        """Return what to delete of a job that ended then (seconds since the epoch; None: it has not).

        >>> Retention(input_days=1, results_days=30).due(ended=0, now=2 * DAY_S)
        [<Step.INPUT: 'input'>]
        >>> Retention(input_days=1, results_days=30).due(ended=0, now=30 * DAY_S)
        [<Step.RESULTS: 'results'>]
        """
        if ended is None:
            return []
        days = {
            Step.INPUT: self.input_days,
            Step.INTERMEDIATES: self.intermediates_days,
            Step.RESULTS: self.results_days,
        }
        due = [step for step, kept in days.items() if kept and now - ended >= kept * DAY_S]
        return [Step.RESULTS] if Step.RESULTS in due else due


def ended_at(folder: JobFolder) -> float | None:
    """Return when a job ended, or None if it has not."""
    marks = (folder.report_path, folder.failure_path, folder.cancelled_path)
    return max((mark.stat().st_mtime for mark in marks if mark.exists()), default=None)


def drop(folder: JobFolder, step: Step) -> bool:
    """Delete files of a job that has ended; False if there were none. Its results are not dropped here."""
    names = {Step.INPUT: INPUT, Step.INTERMEDIATES: INTERMEDIATES}[step]
    there = [path for name in names if (path := folder.path / name).exists()]
    for path in there:
        gone = path.with_name(f".{path.name}.gone")
        shutil.rmtree(gone, ignore_errors=True)
        path.rename(gone)  # in one step: no reader sees half of it
        shutil.rmtree(gone, ignore_errors=True)
    return bool(there)


def set_aside(folder: JobFolder) -> Path:
    """Move a job aside in one step; return the folder in which its files wait for deletion."""
    gone = folder.path.with_name(f".deleted-{folder.path.name}")
    folder.path.rename(gone)
    return gone


def has_sections(folder: JobFolder) -> bool:
    """Return whether the sections of a job that has results still exist."""
    return bool(folder.done_units("stack")) or not folder.done_units("result")


SECTIONS_GONE = "the job's sections were deleted after EMSTREAM_KEEP_INTERMEDIATES_DAYS"
INPUT_GONE = "the job's input was deleted after EMSTREAM_KEEP_INPUT_DAYS: upload it again, as a new job"
