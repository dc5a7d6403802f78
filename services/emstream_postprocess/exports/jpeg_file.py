"""JPEG: a picture per section, in a ZIP, for looking at."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import imagecodecs
import numpy as np

from emstream_postprocess.exports.archive import archive, file_name, section_name
from emstream_postprocess.exports.provenance import Provenance
from emstream_postprocess.exports.volumes import Advance, ExportedVolume

QUALITY = 90
MASK_QUALITY = 100
"""Quality of masks: the best, so that values above 127 are still exactly the mask."""


def write(part: Path, volumes: Sequence[ExportedVolume], provenance: Provenance, advance: Advance) -> None:
    """Write a JPEG per section. Largest array held: a section, three times as large in colour."""
    with archive(part, provenance) as made:
        for volume in volumes:
            quality = MASK_QUALITY if volume.name.endswith("/mask") else QUALITY
            for z in volume.sections:
                picture = np.empty(volume.shape[1:], np.uint8)
                for y, rows in volume.strips(z):
                    advance()
                    picture[y : y + len(rows)] = rows
                name = f"{file_name(volume)}/{section_name(volume, z)}.jpg"
                made.add(name, bytes(imagecodecs.jpeg8_encode(picture, level=quality)))
