"""Endless random fields: smooth noise and cell borders, the same at a place whatever else is computed.

Every value comes from hashing (seed, stream, lattice node), so nothing is stored and nothing depends on the size of
the volume. Lengths are in reference pixels (5.5 nm) on all three axes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.float32]

_SPLINE_NODES = 4
_UNIT_SD = 10.43
"""Factor that brings uniform nodes under a cubic B-spline to standard deviation 1: (12 / (151/315)^3)^0.5."""


@dataclass(frozen=True, slots=True)
class Plane:
    """Sample points of one piece of a section: one z, rows `ys`, columns `xs`, in reference pixels."""

    z: float
    ys: NDArray[np.float64]
    xs: NDArray[np.float64]


def uniforms(seed: int, stream: int, *nodes: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return numbers in [0, 1), one for each lattice node; `nodes` are integer coordinates that broadcast together.

    The mixing is the finaliser of splitmix64 (Steele, Lea and Flood 2014), once for each coordinate.
    """
    mixed = _mix(
        np.array([seed], np.int64).astype(np.uint64) + np.array([stream], np.uint64) * np.uint64(0x632BE59BD9B4E019)
    )
    for node in nodes:
        mixed = _mix(mixed ^ node.astype(np.uint64))
    return (mixed >> np.uint64(11)).astype(np.float64) * 2.0**-53


def smooth_noise(plane: Plane, seed: int, stream: int, period: float, period_z: float | None = None) -> Field:
    """Return (len(ys), len(xs)) noise of mean 0 and standard deviation about 1, whose grains measure `period`."""
    z, y, x = (_spline(at) for at in (np.array([plane.z]) / (period_z or period), plane.ys / period, plane.xs / period))
    nodes = uniforms(seed, stream, z.nodes[:, None, None], y.nodes[None, :, None], x.nodes[None, None, :])
    layers = ((nodes - 0.5) * _UNIT_SD).astype(np.float32)
    layer = sum(weight * part for weight, part in zip(z.weights[:, 0], layers, strict=True))
    rows = sum(weights[:, None] * layer[y.first + k] for k, weights in enumerate(y.weights))
    noise: Field = x.weights[0] * rows.take(x.first, axis=1)
    for k in range(1, _SPLINE_NODES):
        part = rows.take(x.first + k, axis=1)
        part *= x.weights[k]
        noise += part
    return noise


def cell_borders(z: float, ys: Field, xs: Field, period: float, seed: int, stream: int) -> tuple[Field, Field]:
    """Cut the plane into the cells of jittered points, one for each cube of side `period` (a Voronoi tessellation).

    ys, xs: (h, w), coordinates of the samples, bent as the caller likes.
    Returns two (h, w) arrays: the distance to the nearest border, in pixels of the given coordinates, and a number in
    [0, 1) that is the same all over a cell.
    """
    v, u = ys / np.float32(period), xs / np.float32(period)
    row, column, layer = np.floor(v).astype(np.int64), np.floor(u).astype(np.int64), int(np.floor(z / period))
    top, left = int(row.min()) - 1, int(column.min()) - 1
    points, shades = _cell_points(seed, stream, layer, (top, int(row.max()) + 2), (left, int(column.max()) + 2))
    width = points[0].shape[2]
    first_index, layer_size = (row - top) * width + (column - left), points[0].shape[1] * width
    tables = [p.reshape(-1) for p in points]
    steps = np.array([dz * layer_size + (dy - 1) * width + (dx - 1) for dz, dy, dx in np.ndindex(3, 3, 3)])
    nearest, second = (np.full(v.shape, np.iinfo(np.int32).max, np.int32) for _ in range(2))
    for number, step in enumerate(steps):
        squared = _squared_distance(tables, first_index + step, z / period, v, u)
        # A positive float orders as its bits do: the lowest five carry which of the 27 neighbours this is.
        tagged = (squared.view(np.int32) & ~np.int32(31)) | np.int32(number)
        np.minimum(second, np.maximum(nearest, tagged), out=second)
        np.minimum(nearest, tagged, out=nearest)
    winner, runner_up = (first_index + steps[tagged & 31] for tagged in (nearest, second))
    apart = np.sqrt(sum((table[winner] - table[runner_up]) ** 2 for table in tables))
    border = (second.view(np.float32) - nearest.view(np.float32)) / (2 * apart) * np.float32(period)
    return border, shades.reshape(-1)[winner]


def _squared_distance(tables: list[Field], index: NDArray[np.int64], w: float, v: Field, u: Field) -> Field:
    dy, dx, dz = tables[1].take(index), tables[2].take(index), tables[0].take(index)
    dy -= v
    dx -= u
    dz -= np.float32(w)
    squared: Field = dy * dy + dx * dx + dz * dz
    return squared


def _cell_points(
    seed: int, stream: int, layer: int, rows: tuple[int, int], columns: tuple[int, int]
) -> tuple[list[Field], Field]:
    nodes = np.meshgrid(
        np.arange(layer - 1, layer + 2), np.arange(*rows), np.arange(*columns), indexing="ij", sparse=True
    )
    jitter = [0.1 + 0.8 * uniforms(seed, stream + axis, *nodes) for axis in range(3)]
    points = [(node + shift).astype(np.float32) for node, shift in zip(nodes, jitter, strict=True)]
    return points, uniforms(seed, stream + 3, *nodes).astype(np.float32)


@dataclass(frozen=True, slots=True)
class _Spline:
    """Cubic B-spline: the nodes' coordinates, each sample's first node, and its weights, (4, samples)."""

    nodes: NDArray[np.int64]
    first: NDArray[np.int64]
    weights: Field


def _spline(at: NDArray[np.float64]) -> _Spline:
    cell = np.floor(at).astype(np.int64)
    t = at - cell
    weights = np.stack([(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3]) / 6
    nodes = np.arange(cell.min() - 1, cell.max() + 3)
    return _Spline(nodes, cell - cell.min(), weights.astype(np.float32))


def _mix(value: NDArray[np.uint64]) -> NDArray[np.uint64]:
    value = value + np.uint64(0x9E3779B97F4A7C15)
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: NDArray[np.uint64] = value ^ (value >> np.uint64(31))
    return mixed
