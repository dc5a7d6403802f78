"""Voxel sizes as files state them: units in nanometres, and the range of plausible values."""

from __future__ import annotations

import math

SMALLEST_NM = 0.1
"""Smallest plausible edge of a voxel."""
LARGEST_NM = 100_000.0
"""Largest plausible edge of a voxel."""

_PER_UNIT_NM = {
    "pm": 1e-3,
    "å": 0.1,
    "a": 0.1,
    "angstrom": 0.1,
    "angstroms": 0.1,
    "nm": 1.0,
    "nanometer": 1.0,
    "nanometers": 1.0,
    "nanometre": 1.0,
    "um": 1e3,
    "µm": 1e3,
    "micron": 1e3,
    "microns": 1e3,
    "micrometer": 1e3,
    "micrometers": 1e3,
    "micrometre": 1e3,
    "mm": 1e6,
    "millimeter": 1e6,
    "cm": 1e7,
    "centimeter": 1e7,
    "m": 1e9,
    "meter": 1e9,
    "inch": 2.54e7,
    "in": 2.54e7,
}


def unit_nm(unit: str) -> float | None:
    """Return the length of a named unit in nanometres, or None if it is no length (as "pixel").

    >>> unit_nm("micron"), unit_nm("µm"), unit_nm("pixel")
    (1000.0, 1000.0, None)
    """
    name = unit.strip().replace("\\u00B5", "µ").replace("\\u00b5", "µ").replace("μ", "µ").replace("\u212b", "å")
    return _PER_UNIT_NM.get(name.lower())


def plausible_voxel_size(
    zyx_nm: tuple[float, float, float], largest_nm: float = LARGEST_NM
) -> tuple[float, float, float] | None:
    """Return the size with implausible components as 0, or None if the pixel itself (y, x) is not known.

    Plausible are 0.1 nm to `largest_nm`, returned to 7 digits, as headers hold no more.
    """
    believed = [
        float(f"{size:.7g}") if math.isfinite(size) and SMALLEST_NM <= size <= largest_nm else 0.0 for size in zyx_nm
    ]
    z, y, x = believed
    return (z, y, x) if y > 0 and x > 0 else None
