"""Lines that commands print: settings are read first, then jobs and results in words."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

import typer

from emstream.client.replies import Job
from emstream.logs import configure
from emstream.settings import Settings, read_settings
from emstream.volume.voxel_size import voxel_in_words


def start(verbose: bool) -> Settings:
    """Read the settings and configure logs: the first thing each command does."""
    settings = read_settings()
    configure("INFO" if verbose and settings.log_level == "WARNING" else settings.log_level, settings.log_format)
    return settings


def say(text: str = "") -> None:
    """Print a line for the user."""
    typer.echo(text)


def warn(text: str) -> None:
    """Print a line next to the result, on standard error."""
    typer.echo(text, err=True)


SHORT_ID = 8
"""Number of an id's characters that are shown."""


def in_a_line(job: Job) -> str:
    """Return id, name, state and how far it is."""
    made = time.strftime("%Y-%m-%d %H:%M", time.localtime(job.created))
    how_far = "" if job.is_over else f" {100 * job.progress:3.0f} %{_remaining(job)}"
    return f"{job.id[:SHORT_ID]}  {made}  {job.state}{how_far}  {job.name}"


def in_words(job: Job) -> list[str]:
    """Return the lines that tell all about a job."""
    lines = [f"job {job.id}: {job.name}", f"state: {job.state}, {100 * job.progress:.0f} %{_remaining(job)}"]
    if job.shape_zyx is not None:
        lines.append(f"shape (z, y, x): {' x '.join(map(str, job.shape_zyx))}")
    if job.voxel_size_nm is not None:
        lines.append(f"voxel size: {voxel_in_words(job.voxel_size_nm)}")
    if job.objects:
        lines.append(f"objects: {', '.join(job.objects)}")
    lines += [f"{stage}: {done} of {total}" for stage, (done, total) in job.counts.items() if total]
    lines += [f"note: {warning}" for warning in job.warnings]
    lines += [f"failed: {error.stage} {error.unit}: {error.sentence}" for error in job.errors]
    return lines


def _remaining(job: Job) -> str:
    return "" if job.eta_s is None else f", about {_duration(job.eta_s)} left"


def _duration(seconds: float) -> str:
    """Return a length of time in one unit, roundly.

    >>> _duration(42), _duration(600), _duration(9000)
    ('42 s', '10 min', '2.5 h')
    """
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def result_lines(report: Mapping[str, object], output: Path) -> list[str]:
    """Return the lines that say what was found and where it is. report: as in report.json."""
    objects = report["objects"]
    assert isinstance(objects, dict)
    lines: list[str] = []
    for name, facts in objects.items():
        volume = "" if facts["volume_um3"] is None else f", {facts['volume_um3']:.3g} µm³"
        share = f"{100 * facts['fraction']:.2f} % of the voxels"
        lines.append(f"{name}: {share}{volume} (threshold {facts['threshold']:.2f})")
        if facts["measured"] is not None:
            lines.append(f"  {counted_in_words(facts['measured'])}")
        if facts.get("trained_on"):
            lines.append(f"  the networks were trained on {facts['trained_on']}")
    warnings = report.get("warnings")
    lines += [f"note: {warning}" for warning in warnings] if isinstance(warnings, list) else []
    lines.append(f"masks: {output / 'mask.h5'}")
    if (output / "measurements").exists():
        lines.append(f"measurements: {output / 'measurements'}")
    return lines


def counted_in_words(measured: Mapping[str, object]) -> str:
    """Return the number of objects; of outlines, of the profiles that they enclose. measured: of report.json.

    >>> counted_in_words({"count": 3, "min_voxels": 64})
    '3 objects of at least 64 voxels'
    """
    least = measured["min_voxels"]
    if not str(measured.get("counted", "")).startswith("profiles"):
        return f"{measured['count']} objects of at least {least} voxels"
    share = measured.get("volume_fraction", 0.0)
    assert isinstance(share, float)
    return f"{measured['count']} enclosed profiles of at least {least} pixels, which fill {100 * share:.2f} %"
