"""Conversion of a stack's own grey values to uint8, by one linear range for all sections, and checks on values.

The range is chosen once, from the plan's sample, and never per section: sections keep their brightness relative to
each other, and slabs cleaned by different workers fit together. uint8 stacks are left as they are unless a stretch is
asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from emstream.errors import NotFinite

Grey = NDArray[np.generic]
"""Grey values of any shape and type, as stored."""

RANGE_PERCENTILES = (0.1, 99.9)
"""Percentiles of a stack's values that become 0 and 255."""
STRETCH_PERCENTILES = (0.35, 99.65)
"""Percentiles that become 0 and 255 where a stretch is asked for."""
MAX_SAMPLED_SECTIONS = 64
"""Maximum number of sections sampled to choose a range."""
VALUES_PER_SAMPLE = 2**16
"""Maximum number of values used from one sample."""
BYTE_LEVELS = 192
"""Minimum number of levels, of 256, that 16-bit values within 0..255 span if they are bytes, as mrcfile writes them.
Values that span less are counts, and are scaled as other 16-bit values are."""
BINARY_VOXELS = 4096
"""Minimum number of voxels with two values for a mask: fewer are chance."""
APART = 0.1
"""Minimum distance of padding from the other voxels, as a share of their range. A value this far away, and more
frequent than outliers are, is no tissue."""
MOST_FILL = 0.99
"""Maximum share of padding: a value that more of the voxels have is the stack's content, and the others are rare."""
STRIP_VOXELS = 2**22
"""Number of voxels converted through float at a time, so that a section is never held as float."""


@dataclass(frozen=True, slots=True)
class IntensityRange:
    """The grey values of a stack of type `dtype` that become 0 and 255; values beyond are clipped."""

    low: float
    high: float
    dtype: np.dtype[np.generic]

    def __post_init__(self) -> None:
        if not (np.isfinite(self.low) and np.isfinite(self.high) and self.low < self.high):
            raise ValueError(f"an intensity range must be finite and rise, got {self.low} to {self.high}")

    @property
    def is_identity(self) -> bool:
        """Whether values are used as they are."""
        return self.dtype == np.uint8 and self.low == 0 and self.high == 255


def sampled_sections(depth: int) -> NDArray[np.intp]:
    """Return the sections to sample, (n,) rising indices: all, or 64 evenly spaced ones, first and last included."""
    count = min(depth, MAX_SAMPLED_SECTIONS)
    return np.unique(np.linspace(0, depth - 1, count).round().astype(np.intp))


def thinned(values: Grey, most: int = 2**18) -> Grey:
    """Return at most about `most` evenly spread voxels of (y, x), copied."""
    step = max(1, int(np.ceil(np.sqrt(values.size / most))))
    return values[::step, ::step].copy() if min(values.shape) >= step else values.copy()


def choose_range(
    samples: Iterable[Grey], dtype: np.dtype[np.generic], contrast_stretch: bool = False
) -> IntensityRange:
    """Return the range of a stack from samples of its sections, any shapes, values of `dtype`.

    bool keeps its whole range, and so do bytes (signed ones become v + 128, as IMOD has it) unless `contrast_stretch`
    asks for percentiles 0.35 and 99.65. 16-bit values that are bytes (BYTE_LEVELS) keep 0..255; other types take
    percentiles 0.1 and 99.9 (0.35 and 99.65 with the stretch). At most 65536 voxels of a sample are used.
    Padding and blank sections do not count: voxels of the least or greatest value, where more of them than the
    percentile leaves out have it and it stands apart from the others' range.
    A constant stack gets a range that maps it to 0. Raises NotFinite if no sampled value is finite.
    """
    dtype = np.dtype(dtype)
    if dtype == np.bool_:
        return IntensityRange(0.0, 1.0, dtype)
    if dtype.itemsize == 1 and not contrast_stretch:
        return IntensityRange(-128.0, 127.0, dtype) if dtype.kind == "i" else IntensityRange(0.0, 255.0, dtype)
    values = _subsample(samples)
    if values.size == 0:
        raise NotFinite("no sampled voxel of the stack has a finite value; check the export of the raw data.")
    percentiles = STRETCH_PERCENTILES if contrast_stretch else RANGE_PERCENTILES
    extremes = values.min(), values.max()
    values = _without_fill(values, percentiles)
    low, high = np.percentile(values, percentiles)
    if dtype.str[1:] in ("u2", "i2") and not contrast_stretch and _are_bytes(extremes, high - low):
        return IntensityRange(0.0, 255.0, dtype)
    if low == high:  # nearly constant: rare values must not become black and white
        low, high = values.min(), values.max()
    if low == high:
        high = max(low + 1, np.nextafter(low, np.inf))
    return IntensityRange(float(low), float(high), dtype)


def to_uint8(values: Grey, intensity: IntensityRange) -> NDArray[np.uint8]:
    """Return values of any shape, of `intensity.dtype` and finite, as uint8: linear, rounded, clipped.

    uint8 under an identity range comes back uncopied; bool becomes 0 and 255.
    """
    if intensity.is_identity and values.dtype == np.uint8:
        return values.astype(np.uint8, copy=False)
    contiguous = np.ascontiguousarray(values).reshape(-1)
    grey = np.empty(contiguous.shape, np.uint8)
    scale = 255.0 / (intensity.high - intensity.low)
    for part in _parts(contiguous.size):
        wide = np.clip(contiguous[part].astype(np.float64), intensity.low, intensity.high)
        grey[part] = np.rint((wide - intensity.low) * scale)
    return grey.reshape(values.shape)


def check_finite(values: Grey, where: str) -> None:
    """Raise NotFinite, naming `where` (as "section 12"), if floating values have NaN or infinities."""
    if values.dtype.kind != "f":
        return
    wrong = int(values.size - np.count_nonzero(np.isfinite(values)))
    if wrong:
        raise NotFinite(
            f"{where}: {wrong} of {values.size} voxels are NaN or infinite; every voxel must be a finite number. "
            "Replace them (for example by 0) and export the stack again."
        )


def is_binary(samples: Iterable[Grey]) -> bool:
    """Return whether samples of any shapes have exactly two values over at least 4096 voxels: a mask, not raw data."""
    found: set[object] = set()
    voxels = 0
    for sample in samples:
        if sample.size == 0:
            continue
        low, high = sample.min(), sample.max()
        found |= {low.item(), high.item()}
        if len(found) > 2 or np.any((sample != low) & (sample != high)):
            return False
        voxels += sample.size
    return len(found) == 2 and voxels >= BINARY_VOXELS


def _are_bytes(extremes: tuple[float, float], span: float) -> bool:
    return extremes[0] >= 0 and extremes[1] <= 255 and span >= BYTE_LEVELS


def _without_fill(values: NDArray[np.float64], percentiles: tuple[float, float]) -> NDArray[np.float64]:
    """Return the values without those of padding, as aligned stacks have it at their edges: black, white, or both."""
    for fill in (values.min(), values.max()):
        others = values[values != fill]
        share = 1 - others.size / values.size
        if not percentiles[0] / 100 < share < MOST_FILL:
            continue
        low, high = np.percentile(others, percentiles)
        if max(low - fill, fill - high) > APART * (high - low) > 0:
            values = others
    return values


def _subsample(samples: Iterable[Grey]) -> NDArray[np.float64]:
    """Return finite values at fixed pseudo-random places: even steps could fall on a periodic structure."""
    random = np.random.default_rng(0)
    parts = []
    for sample in samples:
        flat = sample.reshape(-1)
        if flat.size > VALUES_PER_SAMPLE:
            flat = flat[random.integers(0, flat.size, VALUES_PER_SAMPLE)]
        parts.append(flat[np.isfinite(flat)].astype(np.float64))
    return np.concatenate(parts) if parts else np.empty(0)


def _parts(size: int) -> Iterator[slice]:
    for start in range(0, size, STRIP_VOXELS):
        yield slice(start, start + STRIP_VOXELS)


UINT8 = NDArray[np.uint8]

FAR = 24
"""Minimum difference in grey levels between an impulse and its neighbours."""
LEAST_NEIGHBOURS = 4
"""Minimum number of grey neighbours: of the eight around a pixel, those neither black nor white."""
MOST_ALIKE = 1
"""Maximum number of neighbours with the pixel's own value: a saturated line stays, two adjacent pixels are removed."""
BAND = 256
"""Number of rows examined together, so that memory does not grow with the section."""
AROUND = tuple((y, x) for y in range(3) for x in range(3) if (y, x) != (1, 1))


def without_impulses(section: UINT8) -> UINT8:
    """Return the section with each impulse replaced by the lower median of its neighbours that are none.

    section: (y, x) uint8; not changed, and returned as it is where there are no impulses. Each pixel depends on the
    eight around it only. A median for the impulses alone: Sun and Neuvo, "Detail-preserving median based filters in
    image processing", Pattern Recognition Letters 15 (1994).

    >>> without_impulses(np.uint8([[90, 90, 91], [91, 255, 92], [0, 90, 90]]))
    array([[90, 90, 91],
           [91, 90, 92],
           [90, 90, 90]], dtype=uint8)
    """
    cleaned = section
    for top in range(0, section.shape[0], BAND):
        y, x, values = _impulses(section, top)
        if y.size:
            cleaned = section.copy() if cleaned is section else cleaned
            cleaned[y, x] = values
    return cleaned


def _impulses(section: UINT8, top: int) -> tuple[NDArray[np.intp], NDArray[np.intp], UINT8]:
    """Return the rows (n,) and columns (n,) of a band's impulses, and the values (n,) that replace them."""
    places = np.flatnonzero(_candidates(section[top : top + BAND]))  # 30 times as fast as np.nonzero
    y, x = np.divmod(places, section.shape[1])
    if not y.size:
        return y, x, np.empty(0, np.uint8)
    around = _around(section, top, y, x)
    values = section[y + top, x]
    alike = np.count_nonzero(around == values[:, None], axis=1)
    around[around == 0] = 255
    around.sort(axis=1)
    known = np.count_nonzero(around < 255, axis=1)
    least, greatest = around[:, 0], np.take_along_axis(around, np.maximum(known - 1, 0)[:, None], 1)[:, 0]
    distance = np.where(values == 0, least, 255 - greatest)
    found = (known >= LEAST_NEIGHBOURS) & (alike <= MOST_ALIKE) & (distance > FAR)
    middle = (known[found] - 1) // 2
    return y[found] + top, x[found], np.take_along_axis(around[found], middle[:, None], 1)[:, 0]


def _around(section: UINT8, top: int, y: NDArray[np.intp], x: NDArray[np.intp]) -> UINT8:
    """Return the eight neighbours of each place of a band, (n, 8); at a section's border the inner ones count twice."""
    first, stop = max(top - 1, 0), min(top + BAND + 1, section.shape[0])
    rows = np.pad(section[first:stop], ((int(top == 0), int(stop == section.shape[0])), (1, 1)), mode="reflect")
    return np.stack([rows[y + dy, x + dx] for dy, dx in AROUND], axis=1)


def _candidates(band: UINT8) -> NDArray[np.bool_]:
    """Return a mask (y, x) of black and white pixels that are not between two of their kind, as in saturated areas."""
    found: NDArray[np.bool_] = (band == 0) | (band == 255)
    if found.any():
        middle = band[:, 1:-1]
        found[:, 1:-1] &= (band[:, :-2] != middle) | (band[:, 2:] != middle)
    return found
