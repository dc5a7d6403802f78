"""Warnings where a stack is unlike the sections that the networks were trained on, as far as its sample shows.

A result cannot say by itself that it is wrong: a network that has not seen such an image marks nothing, or anything.
Largest arrays held: the middles of a few sections, float32 (y, x), one at a time.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from emstream.jobs.record import Request, Voxel
from emstream.models.checkpoint import Header
from emstream.models.recipes import Choice
from emstream.readers.stack import StackFacts
from emstream.volume.intensity import Grey, choose_range

LOW_CONTRAST = 0.75
"""Share of the grey levels that a network was trained on, below which a warning is due. With 0.6 of them F1 of
mitochondria falls from 0.77 to 0.68, and stretching brings it back; stretching what spans enough costs up to 0.03."""
MOST_BLUR = 0.5
"""Share of the detail that a network was trained on, below which a warning is due. A blur of 2 pixels, which leaves a
third of it, takes F1 of mitochondria from 0.77 to 0.70."""
COARSE = 2.0
"""Ratio of pixel sizes from which sections are too coarse for a network, which sees them enlarged."""
MOST_CROPS = 8
CROP = 1024
"""Number of sections whose detail is looked at, and the side in pixels of what is looked at of each."""


def contrast_warnings(
    samples: Sequence[Grey], request: Request, facts: StackFacts, choices: Sequence[Choice]
) -> list[str]:
    """Return a warning about bytes of low contrast, which are used as they are; wider types are scaled anyway."""
    are_bytes = facts.dtype.itemsize == 1 and facts.dtype != np.bool_
    if not are_bytes or request.contrast_stretch or request.region:  # a part of a section may well be all of one tissue
        return []
    stretched = choose_range(samples, facts.dtype, contrast_stretch=True)
    levels = round(stretched.high - stretched.low)
    worse = [choice for choice in choices if levels < LOW_CONTRAST * choice.grey_levels]
    if not worse:
        return []
    return [
        f"the grey values span {levels} of 256 levels, and the networks for {', '.join(c.object for c in worse)} were "
        f"trained on {min(c.grey_levels for c in worse)} and more: they will find less. Compare with the contrast "
        "stretched (--contrast-stretch; More settings on the page; contrast_stretch over REST)"
    ]


def thickness_warnings(voxel_size: Voxel | None, choices: Sequence[Choice]) -> list[str]:
    """Return a warning for each network that was trained on another thickness, or one where it is not known."""
    if voxel_size is None:
        return []
    thickness = voxel_size[0]
    if thickness is None:
        return [_unknown_thickness(choices)]
    warnings = []
    for header in _headers(choices):
        low, high = header.z_range_nm
        if header.sections > 1 and not low <= thickness <= high:
            warnings.append(
                f"sections are {thickness:g} nm apart and {header.name} was trained on {low:g} to {high:g} nm: "
                "check some results by eye"
            )
    return warnings


def _unknown_thickness(choices: Sequence[Choice]) -> str:
    trained = "".join(
        f". {header.name} was trained on sections of {header.z_range_nm[0]:g} to {header.z_range_nm[1]:g} nm: check "
        "some results by eye"
        for header in _headers(choices)
        if header.sections > 1
    )
    return (
        "the section thickness is not in the file: there are areas, no volumes and no surfaces. Give it with "
        f"--section-thickness 40 (in nm; z of the voxel size on the page and over REST){trained}"
    )


def pixel_warnings(voxel_size: Voxel | None, choices: Sequence[Choice]) -> list[str]:
    """Return a warning for each network that was trained on much finer pixels."""
    if voxel_size is None:
        return []
    pixel = max(voxel_size[1:])
    return [
        f"pixels are {pixel:g} nm, and {header.name} was trained on {header.pixel_size_nm:g} nm: sections are enlarged "
        "for it and show less than it was trained to see. Check the voxel size, and some results by eye"
        for header in _headers(choices)
        if header.pixel_size_nm is not None and pixel >= COARSE * header.pixel_size_nm
    ]


def blur_warnings(crops: Sequence[Grey], voxel_size: Voxel | None, choices: Sequence[Choice]) -> list[str]:
    """Return a warning about the structures whose networks were trained on sharper sections. crops: see `middle_of`."""
    worse = []
    for choice in choices:
        wanted = next((h.pixel_size_nm for h in _headers([choice]) if h.pixel_size_nm is not None), None)
        factor = int(max(1.0, wanted / max(voxel_size[1:]))) if voxel_size is not None and wanted is not None else 1
        found = [detail for crop in crops if (detail := detail_of(crop, factor)) is not None]
        if found and float(np.median(found)) < MOST_BLUR * choice.detail:
            worse.append(choice.object)
    if not worse:
        return []
    return [
        f"the sections look blurred next to the ones that the networks for {', '.join(worse)} were trained on: "
        "they will find less. Check the focus, and give the sections as they were recorded, not enlarged or smoothed"
    ]


def middle_of(values: Grey) -> Grey:
    """Return a copy of the middle of a section (y, x), at most 1024 pixels a side."""
    height, width = values.shape
    top, left = max(0, (height - CROP) // 2), max(0, (width - CROP) // 2)
    return values[top : top + CROP, left : left + CROP].copy()


def detail_of(section: Grey, factor: int = 1) -> float | None:
    """Return how much of a section's contrast is finer than three pixels; None if it is too small, or blank.

    section: (y, x). factor: pixels are averaged over squares of this side before. 0 = smooth, about 0.94 = noise alone.
    """
    grey = _averaged(section.astype(np.float32), factor)
    spread = float(grey.std()) if grey.size else 0.0
    if min(grey.shape) < 3 or spread == 0:
        return None
    rows = grey[:-2] + grey[1:-1] + grey[2:]
    smooth = (rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]) / 9
    return float((grey[1:-1, 1:-1] - smooth).std()) / spread


def _averaged(grey: NDArray[np.float32], factor: int) -> NDArray[np.float32]:
    height, width = (side // factor for side in grey.shape)
    squares = grey[: height * factor, : width * factor].reshape(height, factor, width, factor)
    return np.asarray(squares.mean(axis=(1, 3)))


def _headers(choices: Sequence[Choice]) -> list[Header]:
    """Return the headers of all checkpoints, each once."""
    return list({c.header.name: c.header for choice in choices for c in choice.checkpoints}.values())
