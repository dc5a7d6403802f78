"""Names of files inside of exports: made of structures' names, which may hold any characters."""

from __future__ import annotations

import re

from emstream_postprocess.exports.volumes import ExportedVolume

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


def file_name(volume: ExportedVolume) -> str:
    """Return a volume's name as a file name."""
    return _UNSAFE.sub("_", volume.name).strip("._") or "volume"


def section_name(volume: ExportedVolume, z: int) -> str:
    """Return a section's name: its number in the job with leading zeros, so that names sort as sections do."""
    digits = max(4, len(str(volume.plan.shape_zyx[0] - 1)))
    return f"{file_name(volume)}_{z:0{digits}d}"
