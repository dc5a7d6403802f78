"""Voxel sizes: units in nanometres, the range of plausible values, doubtful ones, and all of them in words.

The pixel of a section (y, x) is known, or there is no voxel size; the section thickness z alone may be unknown (None).
Without it there are areas, no volumes, no surfaces and no lengths across sections.
"""

from __future__ import annotations

import math

VoxelSize = tuple[float | None, float, float]
"""Edges of a voxel (z, y, x) in nanometres; z is None where the section thickness is not known."""
KnownSize = tuple[float, float, float]
"""Edges of a voxel (z, y, x), all known."""

SMALLEST_NM = 0.1
"""Smallest plausible edge of a voxel."""
LARGEST_NM = 100_000.0
"""Largest plausible edge of a voxel."""
MOST_UNEQUAL = 1.5
"""Largest ratio of a pixel's sides that is believed unasked."""

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


def plausible_voxel_size(zyx_nm: VoxelSize, largest_nm: float = LARGEST_NM) -> VoxelSize | None:
    """Return the size with an implausible thickness as None, or None if the pixel itself (y, x) is not known.

    Plausible are 0.1 nm to `largest_nm`, returned to 7 digits, as headers hold no more.
    """
    z, y, x = (_believed(edge, largest_nm) for edge in zyx_nm)
    return None if y is None or x is None else (z, y, x)


def _believed(edge: float | None, largest_nm: float) -> float | None:
    is_plausible = edge is not None and math.isfinite(edge) and SMALLEST_NM <= edge <= largest_nm
    return float(f"{edge:.7g}") if is_plausible else None


def voxel_size_given(edges: tuple[float | None, float | None, float | None] | None) -> VoxelSize | None:
    """Return the edges (z, y, x) that a user gave as a voxel size, or None if the pixel is not among them."""
    z, y, x = edges or (None, None, None)
    return None if y is None or x is None else (z, y, x)


def known_size(size: VoxelSize | None) -> KnownSize | None:
    """Return the size if all of it is known, else None: there are no volumes then."""
    if size is None or size[0] is None:
        return None
    return size[0], size[1], size[2]


def in_micrometres(size: VoxelSize | None) -> VoxelSize | None:
    """Return a size in micrometres; what is unknown stays so."""
    if size is None:
        return None
    z, y, x = size
    return None if z is None else z / 1000, y / 1000, x / 1000


def are_unequal(y: float, x: float) -> bool:
    """Return whether the sides of a pixel differ more than microscopes make them: the order is likely another one."""
    return max(y, x) > MOST_UNEQUAL * min(y, x)


def voxel_in_words(size: VoxelSize | None) -> str:
    """Return a voxel size in words, as the web page has it (`voxelInWords` in web/kit/words.js).

    >>> voxel_in_words((40, 5.9, 5.9)), voxel_in_words((None, 4, 8)), voxel_in_words(None)
    ('5.9 nm pixels, 40 nm sections', '8 x 4 nm pixels, sections of unknown thickness', 'voxel size unknown')
    """
    if size is None:
        return "voxel size unknown"
    z, y, x = size
    pixels = f"{x:.4g} nm pixels" if f"{x:.4g}" == f"{y:.4g}" else f"{x:.4g} x {y:.4g} nm pixels"
    return f"{pixels}, {'sections of unknown thickness' if z is None else f'{z:.4g} nm sections'}"


def doubt_about(size: VoxelSize) -> str | None:
    """Return a question where y and x differ more than 1.5 times, with both readings and how to say either."""
    z, y, x = size
    if not are_unequal(y, x):
        return None
    stated = ",".join("?" if edge is None else f"{edge:g}" for edge in size)
    thickness = "" if z is None else f" --section-thickness {z:g}"
    other = ""
    if z is not None and not are_unequal(z, y):
        other = (
            f"If these are x, y, z, so {voxel_in_words((x, y, z))}, give --pixel-size {y:g} --section-thickness {x:g} "
            f"(over REST: voxel_size_nm [{x:g}, {y:g}, {z:g}]). "
        )
    return (
        f"a voxel size of {stated} (z, y, x in nm) means {voxel_in_words(size)}, and pixels are hardly ever so "
        f"unequal. {other}If it is right, confirm it with --pixel-size {y:g},{x:g}{thickness} (y, x; over REST: "
        "unequal_pixels true; on the page: the box below the voxel size)"
    )
