"""A package: read with its halo, cut into windows, predicted, its core written.

Largest arrays held: the package's read box with its halo sections, and its probabilities.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from emstream.jobs.folder import JobFolder
from emstream.jobs.record import Grid, Plan
from emstream.volume.files import Check, created, opened, publishing
from emstream.volume.geometry import HALO_SECTIONS, Box, Package
from emstream.volume.intensity import without_impulses
from emstream.volume.planes import Planes
from emstream_inference.batcher import Batcher, Prediction
from emstream_inference.predictor import Predictor, grid_objects

UINT8 = NDArray[np.uint8]
Orders = list[tuple[Future[Prediction] | None, NDArray[np.bool_] | None]]
"""Per section the window's prediction to come (None: not needed), and its flat cells, if any."""


def read_package(stack: Path, names: tuple[str, str], package: Package) -> tuple[UINT8, list[bool]]:
    """Return (HALO_SECTIONS + z + HALO_SECTIONS, y, x) uint8: the read box, zeros where it leaves the section.

    names: the data sets of the package's grid in the slab's file (sections, halo sections). Also returned, for each
    section: whether all of it is blank, not only the part that is read.
    """
    with opened(stack) as file:
        sections, halo = (Planes.open(file, name) for name in names)
        depth, height, width = sections.shape
        _, read_y, read_x = package.read_box.shape
        _, y, x = package.read_box.start
        bottom, right = min(y + read_y, height), min(x + read_x, width)
        voxels = np.zeros((depth + 2 * HALO_SECTIONS, read_y, read_x), np.uint8)
        blank = []
        places = [*((halo, z) for z in range(HALO_SECTIONS)), *((sections, z) for z in range(depth))]
        places += [(halo, z) for z in range(HALO_SECTIONS, 2 * HALO_SECTIONS)]
        for plane, (planes, z) in zip(voxels[:, : bottom - y, : right - x], places, strict=True):
            plane[:] = planes.read_box(Box((z, y, x), (z + 1, bottom, right)))[0]  # no copy of the whole package
            blank.append(is_blank(planes, z, plane))
    return voxels, blank


def flat_core(window: UINT8, halo: int, cell: int) -> NDArray[np.bool_]:
    """Return, per cell of the window (y / cell, x / cell), whether it and all within the halo are of one grey value.

    window: (sections, y, x) uint8, the part inside the section; one value in all sections. Cells are on the section's
    own lattice, so whether one is flat does not depend on how the section was cut: there the probability is 0 without
    the network, in tiled and untiled runs alike. Beyond the window's edge the outermost cells count as repeated, which
    matters at the section's border only.
    """
    _, rows, columns = window.shape
    if rows % cell or columns % cell:
        window = np.pad(window, [(0, 0), (0, -rows % cell), (0, -columns % cell)], mode="edge")
    low, high = (_in_cells(pick(window, axis=0), cell, pick) for pick in (np.min, np.max))
    if not (low == high).any():
        return np.zeros(low.shape, bool)
    reach = -(-halo // cell)
    return np.asarray(_around(low, reach, np.min) == _around(high, reach, np.max))


def _in_cells(plane: UINT8, cell: int, pick: Callable[..., UINT8]) -> UINT8:
    """Return the least or greatest value in each cell; one axis at a time, which is ten times as fast as both."""
    height, width = plane.shape
    rows = pick(plane.reshape(height // cell, cell, width), axis=1)
    return pick(rows.reshape(height // cell, width // cell, cell), axis=2)


def _around(values: UINT8, reach: int, pick: Callable[..., UINT8]) -> UINT8:
    """Return the least or greatest value within `reach` cells of each, along both axes."""
    for axis in (0, 1):
        padding = [(reach, reach) if a == axis else (0, 0) for a in (0, 1)]
        padded = np.pad(values, padding, mode="edge")
        values = pick(sliding_window_view(padded, 2 * reach + 1, axis), axis=-1)
    return values


def make_package(
    folder: JobFolder,
    plan: Plan,
    index: int,
    predictor_of: Callable[[int], Predictor],
    batcher: Batcher,
    check: Check = lambda: None,
) -> int | None:
    """Make a unit of inference: publish probability/<index>.h5. Return the windows that the network saw.

    predictor_of: returns the predictor of a grid, by the grid's position in the plan; called only if the package must
    be made. Returns None if the package is there already.
    """
    final = folder.probability(index)
    if final.exists():
        return None
    slab, package = plan.package(index)
    predictor = predictor_of(package.grid)
    predictor.prepare(plan.tilings[package.grid].read_yx)
    names = plan.grid_datasets[package.grid]
    return predict_package(
        folder.stack(slab.index), plan.grids[package.grid], names, package, predictor, batcher, final, check
    )


def predict_package(
    stack: Path,
    grid: Grid,
    names: tuple[str, str],
    package: Package,
    predictor: Predictor,
    batcher: Batcher,
    final: Path,
    check: Check = lambda: None,
) -> int:
    """Predict a package and publish its probabilities at `final`; return how many windows the network saw.

    check: called before each section; what it raises ends the package, and its windows that wait are dropped.

    Data sets: `<object>/probability` and, if the predictor gives it, `<object>/spread`, each (z, y, x) of the core.
    """
    orders = _submit_windows(*read_package(stack, names, package), grid, package, predictor, batcher)
    objects = grid_objects(grid)
    _, core_y, core_x = package.core_box.within(package.read_box).slices
    shape = package.core_box.shape
    with publishing(final) as part, created(part) as file, _dropped_if_unfinished(orders):
        planes: dict[str, Planes] = {}
        seen = sum(future is not None for future, _ in orders)
        for z, (future, flat) in enumerate(orders):
            check()
            mean, spread = _empty(objects, shape) if future is None else _cut(future.result(), core_y, core_x)
            orders[z] = (None, None)  # a written window's prediction is not kept until the package ends
            if flat is not None:
                mean[:, _pixels(flat, grid.alignment)[core_y, core_x]] = 0
            layers = {"probability": mean} if spread is None else {"probability": mean, "spread": spread}
            for layer, values in layers.items():
                for name, plane in zip(objects, values, strict=True):
                    key = f"{name}/{layer}"
                    if key not in planes:
                        planes[key] = Planes.create(file, key, shape, "zstd-fast")
                    planes[key].write(z, plane)
    return seen


@contextmanager
def _dropped_if_unfinished(orders: Orders) -> Iterator[None]:
    try:
        yield
    finally:
        for future, _ in orders:
            if future is not None:
                future.cancel()


def _submit_windows(
    voxels: UINT8, blank: list[bool], grid: Grid, package: Package, predictor: Predictor, batcher: Batcher
) -> Orders:
    """Queue a window per section; None where the section is blank or the whole core is flat.

    With it the flat pixels of the window, if any. blank: of each section in `voxels`, whether all of it is.
    """
    _, core_y, core_x = package.core_box.within(package.read_box).slices
    half = predictor.sections // 2
    rows, columns = (size - start for size, start in zip(grid.size_yx, package.read_box.start[1:], strict=True))
    inside = voxels[:, :rows, :columns]
    places = range(HALO_SECTIONS, voxels.shape[0] - HALO_SECTIONS)
    flats = [flat_core(inside[z - half : z + half + 1], grid.halo, grid.alignment) for z in places]
    if not grid.is_resampled:  # else it was done before resampling
        _remove_impulses(inside)
    orders: Orders = []
    for z, flat in zip(places, flats, strict=True):
        has_flat = bool(flat.any())
        if blank[z] or (has_flat and _pixels(flat, grid.alignment)[core_y, core_x].all()):
            orders.append((None, None))
            continue
        has_gap = any(blank[z - half : z + half + 1])
        window = voxels[seen_from(z, half, blank)] if has_gap else voxels[z - half : z + half + 1]
        orders.append((batcher.submit(predictor, window), flat if has_flat else None))
    return orders


def _remove_impulses(sections: UINT8) -> None:
    """In place, once it is known what is flat: that must not depend on where a window ends."""
    for section in sections:
        cleaned = without_impulses(section)
        if cleaned is not section:
            section[:] = cleaned


def _pixels(cells: NDArray[np.bool_], side: int) -> NDArray[np.bool_]:
    return np.kron(cells, np.ones((side, side), bool))


def _cut(prediction: Prediction, core_y: slice, core_x: slice) -> Prediction:
    mean, spread = prediction
    return mean[:, core_y, core_x].copy(), None if spread is None else spread[:, core_y, core_x].copy()


def _empty(objects: list[str], shape: tuple[int, int, int]) -> Prediction:
    zeros = np.zeros((len(objects), *shape[1:]), np.uint8)
    return zeros, zeros


STRIP_ROWS = 512
"""Rows read at once when a section is searched: the rows of the files' chunks."""


def is_blank(planes: Planes, z: int, part: NDArray[np.uint8]) -> bool:
    """Return whether all of section z has one grey value. part: what has been read of it, (y, x).

    Of a section with tissue in that part no more is read, else of most no more than a strip: the answer is the whole
    section's, and does not depend on how it was cut.
    """
    value = part[0, 0]
    if not (part == value).all():
        return False
    _, height, width = planes.shape
    strips = (Box((z, y, 0), (z + 1, min(y + STRIP_ROWS, height), width)) for y in range(0, height, STRIP_ROWS))
    return all((planes.read_box(strip) == value).all() for strip in strips)


def seen_from(z: int, reach: int, blank: Sequence[bool]) -> list[int]:
    """Return the sections that stand in a window for z - reach to z + reach. blank: of each section, if it is.

    >>> seen_from(2, 2, [False, True, False, False, True])
    [0, 2, 2, 3, 3]
    """
    return [*reversed(_side(z, reach, -1, blank)), z, *_side(z, reach, 1, blank)]


def _side(z: int, reach: int, step: int, blank: Sequence[bool]) -> list[int]:
    seen, nearest = [], z
    for distance in range(1, reach + 1):
        neighbour = z + step * distance
        nearest = nearest if blank[neighbour] else neighbour
        seen.append(nearest)
    return seen
