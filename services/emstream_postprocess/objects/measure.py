"""Measurements of each object, from its sums: one column each, with unit and meaning.

    volume         voxels times the voxel size
    surface area   Cauchy-Crofton over 17 directions, see `surface`
    length         longest axis of the ellipsoid with the object's own second moments (as scikit-image's
                   axis_major_length), each voxel a small box
    sphericity     surface of the ball with the object's volume, over its own surface: pi^(1/3) (6 V)^(2/3) / A
    uncertainty    mean over the object of the spread where the job kept it, else of 4 p (1 - p), 0..1

Of profiles (what an outline encloses in one section) area and perimeter stand for volume and surface, circularity
4 pi A / P^2 for sphericity, and the ellipse for the ellipsoid. Without a voxel size there are no micrometres, and no
shapes. Without the section thickness alone, a body has no volume, surface, length and sphericity, only the sum of its
areas in the sections.

Lines of voxels miss chords shorter than their steps, so the surface of a small or thin object comes out too small: by
30 % where the ball is 3 voxels wide, and its sphericity was up to 1.76. Where the mean chord (4 V / A; of profiles
pi A / P) is shorter than two mean steps of the lattice, or a body is in one section only, surface, perimeter and shape
are therefore not a number.
Beyond that the error is at most about 6 %, and the ball (the disc) is the lower bound, so no shape is above 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emstream.volume.voxel_size import KnownSize, VoxelSize, in_micrometres, known_size
from emstream_postprocess.objects.sums import PRODUCTS, Table
from emstream_postprocess.objects.surface import area_weights, mean_step, perimeter_weights

Shape = tuple[int, int, int]
AXES = "zyx"
LEAST_STEPS = 2.0
"""Shortest mean chord of an object, in mean steps of the lattice, for which a surface is stated."""
SMALL = "; none where the object is too small or thin to say"


@dataclass(frozen=True, slots=True)
class Column:
    """One measurement of all objects, in order of their ids. values: float64, int64 or bool."""

    name: str
    unit: str
    meaning: str
    values: NDArray[Any]


def measure(table: Table, shape: Shape, voxel_nm: VoxelSize | None, is_outline: bool, has_spread: bool) -> list[Column]:
    """Return the columns for objects with these sums in a volume of `shape`."""
    columns = [
        Column("id", "", "number of the object in the labels", np.arange(1, len(table) + 1)),
        Column("volume_voxels", "voxels", "number of voxels", table["voxels"]),
    ]
    if voxel_nm is not None:
        pixel = voxel_nm[1] / 1000, voxel_nm[2] / 1000
        columns += _profile(table, pixel) if is_outline else _body(table, voxel_nm)
    centroid = (table["sums"] + 0.5 * table["voxels"][:, None]) / table["voxels"][:, None]
    columns += [
        Column(f"centroid_{axis}", "voxels", f"mean {axis} of its voxels' middles, from the volume's corner", values)
        for axis, values in zip(AXES, centroid.T, strict=True)
    ]
    for axis, (low, high) in enumerate(zip(table["start"].T, table["stop"].T, strict=True)):
        columns.append(Column(f"box_{AXES[axis]}0", "voxels", f"first {AXES[axis]}", low))
        columns.append(Column(f"box_{AXES[axis]}1", "voxels", f"one past the last {AXES[axis]}", high))
    sides = [1, 2] if is_outline else [0, 1, 2]
    is_cut = (table["start"][:, sides] == 0) | (table["stop"][:, sides] == np.array(shape)[sides])
    kind = "mean spread over variants and checkpoints" if has_spread else "mean of 4 p (1 - p)"
    return [
        *columns,
        Column("touches_border", "", "whether it reaches the border of the volume, and may be cut", is_cut.any(axis=1)),
        Column("mean_probability", "0..1", "mean probability of its voxels", _mean(table, "probability")),
        Column("uncertainty", "0..1", kind, _mean(table, "uncertainty")),
    ]


def _mean(table: Table, name: str) -> NDArray[np.float64]:
    return np.asarray(table[name] / (255.0 * table["voxels"]))


def _body(table: Table, voxel_nm: VoxelSize) -> list[Column]:
    """Return a body's measurements; without the section thickness its area in the sections is all there is."""
    voxel = known_size(in_micrometres(voxel_nm))
    if voxel is None:
        area = table["voxels"] * (voxel_nm[1] * voxel_nm[2] * 1e-6)
        return [
            Column("section_area_um2", "µm²", "its area in all sections together: pixels times the pixel size", area)
        ]
    volume = table["voxels"] * float(np.prod(voxel))
    ball = np.cbrt(np.pi) * (6 * volume) ** (2 / 3)
    depth = table["stop"][:, 0] - table["start"][:, 0]
    crossed = np.where(depth > 1, table["crossings"] @ area_weights(voxel), np.nan)
    area = _surface(crossed, 4 * volume, area_weights(voxel), voxel, ball)
    length = 2 * np.sqrt(5 * largest_moment(table, voxel, (0, 1, 2)))
    return [
        Column("volume_um3", "µm³", "voxels times the voxel size", volume),
        Column("surface_area_um2", "µm²", f"surface area (Cauchy-Crofton, 17 directions){SMALL}", area),
        Column("length_um", "µm", "longest axis of the ellipsoid with the same second moments", length),
        Column("sphericity", "", f"surface of the ball of the same volume, over the surface area{SMALL}", ball / area),
    ]


def _profile(table: Table, pixel: tuple[float, float]) -> list[Column]:
    voxel = 1.0, *pixel  # nothing is measured across sections
    area = table["voxels"] * voxel[1] * voxel[2]
    weights, circle = perimeter_weights(voxel), 2 * np.sqrt(np.pi * area)
    perimeter = _surface(table["crossings"] @ weights, np.pi * area, weights, voxel, circle)
    length = 4 * np.sqrt(largest_moment(table, voxel, (1, 2)))
    return [
        Column("area_um2", "µm²", "pixels times the pixel size", area),
        Column("perimeter_um", "µm", f"perimeter (Cauchy-Crofton, 4 directions){SMALL}", perimeter),
        Column("length_um", "µm", "longest axis of the ellipse with the same second moments", length),
        Column("circularity", "", f"4 pi area / perimeter^2{SMALL}", 4 * np.pi * area / perimeter**2),
    ]


def _surface(
    crossed: NDArray[np.float64],
    chords: NDArray[np.float64],
    weights: NDArray[np.float64],
    voxel: KnownSize,
    least: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return surfaces, nan for the objects that the lattice is too coarse for; see the module's text.

    crossed: by counting. chords: the mean chord times the surface. least: of the ball, or the disc, of that size.
    """
    is_sure = chords >= LEAST_STEPS * mean_step(voxel, weights) * crossed
    return np.where(is_sure, np.maximum(crossed, least), np.nan)


def largest_moment(table: Table, voxel: KnownSize, axes: tuple[int, ...]) -> NDArray[np.float64]:
    """Return the largest eigenvalue of each object's covariance over `axes`, in the square of voxel's unit."""
    count = len(table)
    voxels = table["voxels"].astype(float)
    # coordinates are taken from the box's corner: the difference of the large numbers far from the origin loses digits
    start, sums = table["start"], table["sums"] - table["start"] * table["voxels"][:, None]
    covariance = np.zeros((count, 3, 3))
    for k, (i, j) in enumerate(PRODUCTS):
        shifted = (
            table["products"][:, k]
            - start[:, i] * table["sums"][:, j]
            - start[:, j] * table["sums"][:, i]
            + start[:, i] * start[:, j] * table["voxels"]
        )
        value = shifted / voxels - (sums[:, i] / voxels) * (sums[:, j] / voxels) + (1 / 12 if i == j else 0)
        covariance[:, i, j] = covariance[:, j, i] = value * voxel[i] * voxel[j]
    chosen = covariance[:, list(axes)][:, :, list(axes)]
    return np.asarray(np.linalg.eigvalsh(chosen)[:, -1]) if count else np.zeros(0)
