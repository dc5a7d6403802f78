"""A finished job in words."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


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
            measured = facts["measured"]
            lines.append(f"  {measured['count']} objects of at least {measured['min_voxels']} voxels")
    lines.append(f"masks: {output / 'mask.h5'}")
    if (output / "measurements").exists():
        lines.append(f"measurements: {output / 'measurements'}")
    return lines
