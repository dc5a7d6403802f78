"""Appearance of a phantom's tissue: grey levels, textures and borders of one tile of a section.

The grey levels are those of contrast-stretched SBEM brain tissue: light cytoplasm, dark membranes, mitochondria of an
even dark grey, and myelin and lysosomes darker still. The largest arrays are a few tens of float32 images of a tile.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from emstream.phantom.bodies import BEND_REACH, MEMBRANE_REACH, Bodies, Kind, bodies_within
from emstream.phantom.noise import Field, Plane, cell_borders, smooth_noise

CYTOPLASM, MEMBRANE, MITOCHONDRION = 166.0, 70.0, 72.0
MYELIN, LYSOSOME, CHROMATIN, EUCHROMATIN = 42.0, 22.0, 119.0, 172.0
MEMBRANE_WIDTH = 3.4
"""Half width in reference pixels, where a membrane stands upright in the section."""
FAR = np.float32(1e4)
T = TypeVar("T", bound=np.generic)


@dataclass(frozen=True, slots=True)
class Nearest:
    """For each pixel: distance to the nearest body's surface and to the second, the row of the nearest, and the place
    along its centre line in pixels."""

    distance: Field
    second: Field
    row: NDArray[np.int16]
    along: Field

    def enlarged(self) -> Nearest:
        """Return the same for twice as many rows and columns."""
        row = self.row.repeat(2, axis=0).repeat(2, axis=1)
        return Nearest(_enlarged(self.distance), _enlarged(self.second), row, _enlarged(self.along))


def paint(seed: int, plane: Plane) -> tuple[Field, NDArray[np.uint32]]:
    """Return the grey values, before the microscope's blur and noise, and the ids of mitochondria (0: none).

    The plane has even numbers of rows and columns: shapes are computed at every second pixel, textures at all.
    """
    coarse = _halved(plane)
    low = np.array([plane.z, plane.ys[0] - BEND_REACH, plane.xs[0] - BEND_REACH])
    high = np.array([plane.z, plane.ys[-1] + BEND_REACH, plane.xs[-1] + BEND_REACH])
    bodies = bodies_within(seed, low, high)
    bent = _bend(seed, coarse, 500, (50.0, 4.5), (160.0, 8.0))
    tubes = bodies.where(bodies.kind != Kind.NUCLEUS)
    nearest = _nearest(coarse, bent, tubes).enlarged()
    nuclei = _nearest(coarse, bent, bodies.where(bodies.kind == Kind.NUCLEUS))
    lumps = _enlarged(nuclei.distance + 14 * smooth_noise(coarse, seed, 32, 110.0))
    border, shade = _cells(seed, coarse)
    border = np.where(lumps < 10, np.maximum(np.abs(lumps), border * (lumps > 0)), border)
    grain = smooth_noise(plane, seed, 10, 5.0, 11.0)
    cytoplasm, border = _with_neurites(border, _cytoplasm(seed, plane, shade, grain), nearest, tubes)
    image = _draw_membranes(seed, plane, cytoplasm, border)
    image = _draw_nuclei(seed, plane, image, lumps, grain)
    image = _draw_bodies(seed, plane, image, nearest, tubes, grain)
    is_mitochondrion = _take(tubes.kind == Kind.MITOCHONDRION, nearest.row, False) & (nearest.distance < 0)
    return image, np.where(is_mitochondrion, _take(tubes.ident, nearest.row, 0), 0).astype(np.uint32)


def _bend(seed: int, plane: Plane, stream: int, *waves: tuple[float, float]) -> tuple[Field, Field]:
    """Return the rows' and columns' coordinates, (h, w) each, shifted by smooth noise of (period, sd in pixels)."""
    y = plane.ys[:, None].astype(np.float32) + np.zeros(plane.xs.size, np.float32)
    x = plane.xs[None].astype(np.float32) + np.zeros((plane.ys.size, 1), np.float32)
    for period, amount in waves:
        y += np.float32(amount) * smooth_noise(plane, seed, stream, period, 2 * period)
        x += np.float32(amount) * smooth_noise(plane, seed, stream + 1, period, 2 * period)
        stream += 2
    return y, x


def _nearest(plane: Plane, bent: tuple[Field, Field], bodies: Bodies) -> Nearest:
    shape = bent[0].shape
    distance, second = np.full(shape, FAR), np.full(shape, FAR)
    found = Nearest(distance, second, np.full(shape, -1, np.int16), np.zeros(shape, np.float32))
    for row in range(bodies.kind.size):
        reach = bodies.gap[row] + bodies.sheath[row] + np.float32(MEMBRANE_REACH)
        box = _box(plane, bodies.low[row], bodies.high[row])
        distance, along = _tube_distance(plane, bent, box, bodies.nodes[row], bodies.radii[row], reach)
        np.copyto(distance, FAR, where=distance > reach)
        nearest, second = found.distance[box], found.second[box]
        np.minimum(second, np.maximum(nearest, distance), out=second)
        closer = distance < nearest
        np.copyto(nearest, distance, where=closer)
        np.copyto(found.along[box], along, where=closer)
        np.copyto(found.row[box], np.int16(row), where=closer)
    return found


def _box(plane: Plane, low: NDArray[np.float32], high: NDArray[np.float32]) -> tuple[slice, slice]:
    rows, columns = np.searchsorted(plane.ys, (low[1], high[1])), np.searchsorted(plane.xs, (low[2], high[2]))
    return slice(int(rows[0]), int(rows[1])), slice(int(columns[0]), int(columns[1]))


def _tube_distance(
    plane: Plane, bent: tuple[Field, Field], box: tuple[slice, slice], nodes: Field, radii: Field, reach: np.float32
) -> tuple[Field, Field]:
    """Return the signed distance to a tube's surface and the place along it, over all its pieces of round cone.

    Pixels of the box that are further away than `reach` may be FAR.
    """
    best = np.full((box[0].stop - box[0].start, box[1].stop - box[1].start), FAR)
    best_along, start = np.zeros_like(best), np.float32(0)
    for first, last, r0, r1 in zip(nodes[:-1], nodes[1:], radii[:-1], radii[1:], strict=True):
        piece, dz = last - first, np.float32(plane.z) - first[0]
        squared_length = np.float32((piece**2).sum())
        length, margin = np.sqrt(squared_length), max(r0, r1) + reach + np.float32(BEND_REACH)
        start += length
        if not min(first[0], last[0]) - margin < plane.z < max(first[0], last[0]) + margin:
            continue
        rows, columns = _box(plane, np.minimum(first, last) - margin, np.maximum(first, last) + margin)
        y, x = bent[0][rows, columns] - first[1], bent[1][rows, columns] - first[2]
        t = (dz * piece[0] + y * piece[1] + x * piece[2]) / squared_length
        np.clip(t, 0, 1, out=t)
        distance = np.sqrt((dz - t * piece[0]) ** 2 + (y - t * piece[1]) ** 2 + (x - t * piece[2]) ** 2)
        distance -= r0 + t * (r1 - r0)
        inner = (
            slice(rows.start - box[0].start, rows.stop - box[0].start),
            slice(columns.start - box[1].start, columns.stop - box[1].start),
        )
        closer = distance < best[inner]
        np.copyto(best[inner], distance, where=closer)
        np.copyto(best_along[inner], start + (t - 1) * length, where=closer)
    return best, best_along


def _cells(seed: int, coarse: Plane) -> tuple[Field, Field]:
    """Return, enlarged, the distance to the nearest cell border and a shade [0, 1) per cell; some cells are large."""
    y, x = _bend(seed, coarse, 520, (40.0, 4.5), (100.0, 16.0), (260.0, 50.0))
    border, shade = cell_borders(coarse.z, y, x, 210.0, seed, 600)
    fine_border, fine_shade = cell_borders(coarse.z, y, x, 62.0, seed, 610)
    is_divided = shade < 0.76
    border = np.where(is_divided, np.minimum(border, fine_border), border)
    shade = np.where(is_divided, fine_shade, shade)
    slope = np.hypot(*np.gradient(border, coarse.ys[1] - coarse.ys[0], coarse.xs[1] - coarse.xs[0]))
    border /= np.clip(slope, 0.35, 3.0).astype(np.float32)
    return _enlarged(border), shade.repeat(2, axis=0).repeat(2, axis=1)


def _slow_noise(plane: Plane, seed: int, stream: int, period: float) -> Field:
    """Return `smooth_noise` for periods so long that every second pixel is enough."""
    return _enlarged(smooth_noise(_halved(plane), seed, stream, period))


def _halved(plane: Plane) -> Plane:
    return Plane(plane.z, (plane.ys[::2] + plane.ys[1::2]) / 2, (plane.xs[::2] + plane.xs[1::2]) / 2)


def _enlarged(field: Field) -> Field:
    """Return the field of twice as many rows and columns, interpolated linearly."""
    size = (2 * field.shape[1], 2 * field.shape[0])
    return np.asarray(Image.fromarray(field).resize(size, Image.Resampling.BILINEAR), np.float32)


def _cytoplasm(seed: int, plane: Plane, shade: Field, grain: Field) -> Field:
    """Return light cytoplasm: a shade for each cell, clouds, vesicles and specks of reticulum, denser in some cells."""
    clouds = _slow_noise(plane, seed, 11, 28.0)
    specks = smooth_noise(plane, seed, 12, 7.0, 14.0)
    busy = np.clip(0.5 + 0.9 * _slow_noise(plane, seed, 13, 110.0), 0, 2)
    grey = CYTOPLASM + 56 * (shade - 0.5) + 6 * clouds + (4 + 11 * busy) * grain
    dark = np.clip((np.abs(specks) - 2.3 + 0.55 * busy) * 1.6, 0, 1)
    painted: Field = (grey - 75 * dark - 14 * busy).astype(np.float32)
    return painted


def _with_neurites(border: Field, cytoplasm: Field, nearest: Nearest, tubes: Bodies) -> tuple[Field, Field]:
    """Return the cytoplasm and the border distance with the neurites that hold bodies laid over the cells."""
    outside = nearest.distance - _take(tubes.gap + tubes.sheath, nearest.row, 0)
    has_rim = _take(tubes.has_rim, nearest.row, False)
    is_inside = (outside < 0) & (nearest.row >= 0)
    rim = np.where(has_rim, np.minimum(np.abs(outside), (nearest.second - nearest.distance) / 2), FAR)
    own = CYTOPLASM + 50 * (_take(tubes.shade, nearest.row, 0) - 0.4)
    cytoplasm = np.where(is_inside & has_rim, 0.35 * cytoplasm + 0.65 * own, cytoplasm)
    return cytoplasm, np.where(is_inside, rim, np.minimum(border, rim)).astype(np.float32)


def _draw_membranes(seed: int, plane: Plane, image: Field, border: Field) -> Field:
    """Darken the borders; where a membrane is aslant in the section it is a wide, pale smear."""
    slant = np.clip(_slow_noise(plane, seed, 20, 60.0) - 0.9, 0, 1.5)
    width = MEMBRANE_WIDTH * (1 + 2.5 * slant) + 0.5 * _slow_noise(plane, seed, 21, 25.0)
    strength = np.exp(-((border / width) ** 2)) * (1 - 0.22 * slant)
    smear = np.clip((_slow_noise(plane, seed, 22, 55.0) - 1.5) * 1.2, 0, 0.75)
    strength = 1 - (1 - strength) * (1 - smear)
    painted: Field = image + (MEMBRANE - image) * strength
    return painted


def _draw_nuclei(seed: int, plane: Plane, image: Field, distance: Field, grain: Field) -> Field:
    """Fill nuclei with mottled euchromatin and even, darker chromatin, mostly along the dark envelope."""
    inside = np.clip(0.5 - distance, 0, 1)
    if not inside.any():
        return image
    mottle = smooth_noise(plane, seed, 30, 9.0, 18.0)
    patches = _slow_noise(plane, seed, 31, 75.0) + np.clip(1.3 + distance / 24, -0.9, 2)
    chromatin = np.clip(0.5 + 2.5 * (patches - 0.1), 0, 1)
    light = EUCHROMATIN + 24 * mottle + 8 * grain
    grey = light + (CHROMATIN + 3 * grain - light) * chromatin
    envelope = np.exp(-(((distance + 3) / 4) ** 2))
    grey += (70 - grey) * envelope
    painted: Field = image + (grey - image) * inside
    return painted


def _draw_bodies(seed: int, plane: Plane, image: Field, nearest: Nearest, tubes: Bodies, grain: Field) -> Field:
    """Draw myelin, lysosomes and mitochondria over the cytoplasm."""
    distance, row = nearest.distance, nearest.row
    shade = _take(tubes.shade, row, 0)
    gap, sheath = _take(tubes.gap, row, 0), _take(tubes.sheath, row, 0)
    lamellae = 5 * np.sin(distance * 1.3)
    myelin = np.clip(0.5 + distance - gap, 0, 1) * np.clip(0.5 + gap + sheath - distance, 0, 1) * (sheath > 0)
    image = image + (MYELIN + 6 * (shade - 0.5) + lamellae + 4 * grain - image) * myelin
    kind = _take(tubes.kind, row, -1)
    within = np.clip(0.5 - distance, 0, 1)
    image += (LYSOSOME + 14 * shade + 4 * grain - image) * within * (kind == Kind.LYSOSOME)
    folds = _slow_noise(plane, seed, 40, 30.0)
    cristae = np.sin(nearest.along * 0.5 + 2.2 * folds) * np.clip(4 + 4 * folds, 0, 9)
    coat = 16 * np.exp(-(((distance + 2.5) / 2.2) ** 2))
    grey = MITOCHONDRION + 34 * (shade - 0.5) + cristae + 6 * grain - coat
    drawn: Field = image + (grey - image) * within * (kind == Kind.MITOCHONDRION)
    return drawn.astype(np.float32)


def _take(values: NDArray[T], row: NDArray[np.int16], otherwise: float) -> NDArray[T]:
    """Look up each pixel's body; pixels without one (row -1) get `otherwise`."""
    return np.append(values, np.array([otherwise], values.dtype))[row]
