"""Splitting touching objects in a job: between joining and numbering, where it is asked for.

    objects/whole/<slab>.h5     the labels as joined
    objects/parts/<group>.h5    per object of a group of GROUP ids that came apart: its parts (in its box), their sums
    objects/divided.h5          per object the sums in order of the final ids, and which whole and which part has which

Largest arrays: of an object's box, at most MOST_VOXELS of it; larger objects are left whole, and are counted.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from emstream.jobs.folder import JobFolder
from emstream.jobs.record import Plan
from emstream.volume.files import Check, created, opened, publishing
from emstream.volume.geometry import Box, Slab
from emstream.volume.planes import Planes
from emstream.volume.voxel_size import KnownSize, known_size
from emstream_postprocess.objects.blocks import MARGIN, SIDE, Block, plan_blocks, read_region
from emstream_postprocess.objects.sums import SUMS, Table, sum_block
from emstream_postprocess.objects.surface import NEIGHBOURS

UINT8 = NDArray[np.uint8]
UINT32 = NDArray[np.uint32]
MOST_VOXELS = 1 << 23
GROUP = 256


def groups_of(folder: JobFolder, plan: Plan) -> list[tuple[str, int]]:
    """Return (object, first id) of every group that is to be looked at."""
    with opened(folder.joined_path) as joined:
        counts = {name: len(joined[f"{name}/sums"]) for name in plan.objects if name not in plan.outlines}
    return [(name, first) for name, count in counts.items() for first in range(1, count + 1, GROUP)]


def parts_path(folder: JobFolder, plan: Plan, name: str, first: int) -> Path:
    """Return where a group's parts lie."""
    return folder.path / "objects" / "parts" / f"{plan.objects.index(name)}-{first:010d}.h5"


def write_parts(
    folder: JobFolder, plan: Plan, name: str, first: int, min_voxels: int, with_spread: bool, check: Check
) -> None:
    """Publish the parts of a group's objects: `cut/<id>` (z, y, x) uint16, `sums`, and `whole`, the id of each row."""
    path = parts_path(folder, plan, name, first)
    with opened(folder.joined_path) as joined, publishing(path, check) as part, created(part) as file:
        file.attrs["made_for"] = joined.attrs["made_for"]
        rows = joined[f"{name}/sums"][first - 1 : first - 1 + GROUP]
        tables, whole, left = [np.zeros(0, SUMS)], [], 0
        for number, row in enumerate(rows, first):
            check()
            box = Box(tuple(map(int, row["start"])), tuple(map(int, row["stop"])))  # type: ignore[arg-type]  # three each
            if int(np.prod(box.shape)) > MOST_VOXELS:
                left += 1
                continue
            mask = read_region(folder.whole, plan, f"{name}/labels", box, np.uint32) == number
            parts, count = split(mask, known_size(plan.voxel_size_nm) or (1.0, 1.0, 1.0), min_voxels)
            if count > 1:
                tables.append(_sum_parts(folder, plan, name, box, parts, count, with_spread))
                whole += [number] * count
                file.create_dataset(f"cut/{number}", data=parts.astype(np.uint16), compression="gzip", shuffle=False)
        file.attrs["left_whole"] = left
        file.create_dataset("sums", data=np.concatenate(tables))
        file.create_dataset("whole", data=np.array(whole, np.int64))


def _sum_parts(
    folder: JobFolder, plan: Plan, name: str, box: Box, parts: UINT32, count: int, with_spread: bool
) -> Table:
    """Return the parts' sums. Each is closed where it was cut: a cut counts as surface of both sides."""
    probability: UINT8 = read_region(folder.result, plan, f"{name}/probability/s0", box, np.uint8)
    spread = read_region(folder.result, plan, f"{name}/spread/s0", box, np.uint8) if with_spread else None
    core = Box((0, *box.start[1:]), (box.shape[0], *box.stop[1:]))
    rows = []
    for number in range(1, count + 1):
        inside = parts == number
        margins = [(1, 1), (MARGIN, MARGIN), (MARGIN, MARGIN)]
        block = Block(core, np.pad(inside, margins), inside.astype(np.uint32), 1, probability)
        rows.append(sum_block(block, box.start[0], plan.shape_zyx[1:], spread))
    return np.concatenate(rows)


def write_divided(folder: JobFolder, plan: Plan, check: Check) -> None:
    """Publish objects/divided.h5, once all parts are there: `<object>/sums`, `numbers` of wholes, `parts/<group>`."""
    with opened(folder.joined_path) as joined, publishing(folder.divided_path, check) as part, created(part) as file:
        file.attrs["made_for"] = joined.attrs["made_for"]
        groups = groups_of(folder, plan)
        for name in plan.objects:
            wholes, left = joined[f"{name}/sums"][()], 0
            tables, counts = [wholes], []
            for first in (f for n, f in groups if n == name):
                with opened(parts_path(folder, plan, name, first)) as parts:
                    wholes["voxels"][parts["whole"][()] - 1] = 0  # what came apart is no object itself
                    tables.append(parts["sums"][()])
                    counts.append((first, len(parts["whole"])))
                    left += int(parts.attrs["left_whole"])
            table = np.concatenate(tables)
            kept = np.flatnonzero(table["voxels"])
            kept = kept[np.argsort(table["first"][kept])]
            ids = np.zeros(len(table), np.uint32)
            ids[kept] = np.arange(1, len(kept) + 1)
            group = file.create_group(name)
            group.attrs["dropped"], group.attrs["left_whole"] = joined[name].attrs["dropped"], left
            group.create_dataset("sums", data=table[kept])
            group.create_dataset("numbers", data=np.concatenate([[0], ids[: len(wholes)]]).astype(np.uint32))
            start = len(wholes)
            for first, count in counts:
                group.create_dataset(f"parts/{first}", data=ids[start : start + count])
                start += count


def write_divided_labels(folder: JobFolder, plan: Plan, slab: Slab, check: Check, side: int = SIDE) -> None:
    """Publish labels/<slab>.h5 from the labels as joined, with the parts instead of what came apart."""
    with (
        opened(folder.whole(slab.index)) as wholes,
        opened(folder.divided_path) as divided,
        publishing(folder.labels(slab.index), check) as part,
        created(part) as file,
    ):
        file.attrs["made_for"] = divided.attrs["made_for"]
        for name in plan.objects:
            whole = Planes.open(wholes, f"{name}/labels")
            planes = Planes.create(file, f"{name}/labels", whole.shape, "zstd", np.uint32)
            numbers = divided[f"{name}/numbers"][()]
            cuts = list(_cuts(folder, plan, name, divided, slab))
            for core in plan_blocks(whole.shape, side):
                check()
                before = whole.read_box(core)
                block = numbers[before]
                for number, box, ids in cuts:
                    _paste(folder, plan, name, number, box, ids, slab, core, before, block)
                for z, plane in enumerate(block):
                    planes.put(z, planes.encode_block(core.start[1:], plane))


def _cuts(
    folder: JobFolder, plan: Plan, name: str, divided: h5py.File, slab: Slab
) -> Iterator[tuple[int, Box, UINT32]]:
    """Yield number, box and the parts' ids (0 before them) of what came apart and reaches into the slab."""
    with opened(folder.joined_path) as joined:
        table = joined[f"{name}/sums"][()]
    for first in (f for n, f in groups_of(folder, plan) if n == name):
        with opened(parts_path(folder, plan, name, first)) as parts:
            whole = parts["whole"][()]
        ids = divided[f"{name}/parts/{first}"][()]
        for number in np.unique(whole):
            row = table[number - 1]
            if row["start"][0] < slab.z_stop and row["stop"][0] > slab.z_start:
                box = Box(tuple(map(int, row["start"])), tuple(map(int, row["stop"])))  # type: ignore[arg-type]
                yield int(number), box, np.concatenate([[0], ids[whole == number]]).astype(np.uint32)


def _paste(
    folder: JobFolder,
    plan: Plan,
    name: str,
    number: int,
    box: Box,
    ids: UINT32,
    slab: Slab,
    core: Box,
    before: UINT32,
    block: UINT32,
) -> None:
    """Write an object's parts into a block. before: the block's labels as joined."""
    place = Box((slab.z_start, *core.start[1:]), (slab.z_stop, *core.stop[1:]))
    start = tuple(max(a, b) for a, b in zip(box.start, place.start, strict=True))
    stop = tuple(min(a, b) for a, b in zip(box.stop, place.stop, strict=True))
    if any(a >= b for a, b in zip(start, stop, strict=True)):
        return
    shared = Box(start, stop)  # type: ignore[arg-type]  # three each
    first = (number - 1) // GROUP * GROUP + 1
    with opened(parts_path(folder, plan, name, first)) as parts:
        cut = parts[f"cut/{number}"][shared.within(box).slices]
    inner = shared.within(place).slices
    block[inner] = np.where(before[inner] == number, ids[cut], block[inner])


Mask = NDArray[np.bool_]
Labels = NDArray[np.uint32]
NECK = 0.65
"""Of the narrower summit's distance: mitochondria keep their own waists, touching ones come apart."""


def split(mask: Mask, voxel: KnownSize, min_voxels: int) -> tuple[Labels, int]:
    """Return the parts of one object (z, y, x), numbered by first voxel from 1, and how many there are."""
    from scipy import ndimage
    from skimage.morphology import local_maxima
    from skimage.segmentation import watershed

    padded = np.pad(mask, 1)
    distance = ndimage.distance_transform_edt(padded, sampling=voxel)
    summits, count = ndimage.label(local_maxima(distance, connectivity=3) & padded, np.ones((3, 3, 3)))
    if count < 2:
        return mask.astype(np.uint32), 1
    basins = watershed(-distance, summits, connectivity=np.ones((3, 3, 3)), mask=padded)
    parent = _closed(distance, basins, count, min_voxels)
    return _by_first_voxel(parent[basins][1:-1, 1:-1, 1:-1])


def _closed(distance: NDArray[np.float64], basins: NDArray[np.int32], count: int, min_voxels: int) -> NDArray[np.int64]:
    """Return each basin's part, once all necks that are too wide are closed; 0 stays 0."""
    necks = _necks(distance, basins)
    flat, sizes = basins.ravel(), np.bincount(basins.ravel(), minlength=count + 1)
    peaks = np.zeros(count + 1)
    np.maximum.at(peaks, flat, distance.ravel())
    parent = np.arange(count + 1)
    for one, other, width in necks:
        a, b = _root(parent, one), _root(parent, other)
        if a == b:
            continue
        if width >= NECK * min(peaks[a], peaks[b]) or min(sizes[a], sizes[b]) < min_voxels:
            parent[max(a, b)] = min(a, b)
            sizes[min(a, b)] = sizes[a] + sizes[b]
            peaks[min(a, b)] = max(peaks[a], peaks[b])
    return np.array([_root(parent, k) for k in range(count + 1)])


def _root(parent: NDArray[np.int64], k: int) -> int:
    while parent[k] != k:
        k = int(parent[k])
    return k


def _necks(distance: NDArray[np.float64], basins: NDArray[np.int32]) -> list[tuple[int, int, float]]:
    """Return (one, other, width) of each two basins that touch, widest first; ties in order of numbers."""
    widths: dict[int, float] = {}
    count = int(basins.max()) + 1
    for direction in NEIGHBOURS:
        here = tuple(slice(max(-d, 0), n - max(d, 0)) for d, n in zip(direction, basins.shape, strict=True))
        there = tuple(slice(max(d, 0), n - max(-d, 0)) for d, n in zip(direction, basins.shape, strict=True))
        one, other = basins[here], basins[there]
        touch = (one != other) & (one > 0) & (other > 0)
        low, high = np.minimum(one[touch], other[touch]), np.maximum(one[touch], other[touch])
        codes, which = np.unique(low.astype(np.int64) * count + high, return_inverse=True)
        widest = np.zeros(len(codes))
        np.maximum.at(widest, which, np.minimum(distance[here][touch], distance[there][touch]))
        for code, width in zip(codes.tolist(), widest.tolist(), strict=True):
            widths[code] = max(widths.get(code, 0.0), width)
    order = sorted(widths, key=lambda code: (-widths[code], code))
    return [(*divmod(code, count), widths[code]) for code in order]


def _by_first_voxel(parts: NDArray[np.int64]) -> tuple[Labels, int]:
    names, first = np.unique(parts, return_index=True)
    names = names[np.argsort(first)]
    names = names[names > 0]
    numbers = np.zeros(int(parts.max()) + 1, np.uint32)
    numbers[names] = np.arange(1, len(names) + 1)
    return numbers[parts], len(names)
