"""Result files for the user: one self-contained HDF5, TIFF stacks, PNG folders, an overlay picture.

Each is written section by section under a temporary name and then renamed, so every file under its name is complete.
"""

from __future__ import annotations

import glob
import itertools
import os
import shutil
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Literal, TypeVar

import h5py
import imagecodecs
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from emstream.jobs.folder import JobFolder
from emstream.jobs.record import RAW, Plan
from emstream.volume.colours import colour_of
from emstream.volume.files import Check, created, disk_full_named, opened
from emstream.volume.parallel import mapped
from emstream.volume.planes import Planes, Voxels
from emstream.volume.pyramid import resample
from emstream.volume.voxel_size import VoxelSize, in_micrometres, known_size
from emstream_postprocess.exports.tiff_stack import TILE, TiffStack, write_tiff_stack
from emstream_postprocess.stitch import mask_of

Made = TypeVar("Made")
UINT8 = NDArray[np.uint8]
"""uint8 values, (y, x) unless said otherwise."""
OVERLAY_OPACITY = 0.45
"""Opacity of a structure's colour over the section."""
OVERLAY_PANEL = 1600
"""Longest side of a panel of the overlay picture in pixels."""
MEANINGS = {
    "mask": "255 = structure",
    "probability": "p = v / 255",
    "spread": "2 * standard deviation = v / 255",
    "labels": "number of the object, 0 = none",
}
_counter = itertools.count()


def sections_of(
    folder: JobFolder, plan: Plan, dataset: str, kind: Literal["result", "stack", "labels"] = "result"
) -> Iterator[Voxels]:
    """Yield one data set's planes through all slabs, in order; zeros where a slab could not be stitched.

    Masks follow the plan's thresholds, also where a slab was stitched by other ones.
    """
    for read, depth in _slab_readers(folder, plan, dataset, kind):
        yield from map(read, range(depth))


def made_of_sections(
    make: Callable[[Voxels], Made], folder: JobFolder, plan: Plan, dataset: str, kind: Literal["result", "labels"]
) -> Iterator[Made]:
    """Yield make(plane) for each plane (y, x) of `sections_of`, in order, read and computed in threads."""
    for read, depth in _slab_readers(folder, plan, dataset, kind):
        yield from mapped(partial(_made_of, make, read), range(depth))


def _made_of(make: Callable[[Voxels], Made], read: Callable[[int], Voxels], z: int) -> Made:
    return make(read(z))


def _slab_readers(
    folder: JobFolder, plan: Plan, dataset: str, kind: str
) -> Iterator[tuple[Callable[[int], Voxels], int]]:
    """Yield a function that reads planes of each slab, and their number; to be used before the next is asked for."""
    nothing = np.zeros(plan.shape_zyx[1:], np.uint32 if kind == "labels" else np.uint8)
    for slab in plan.slabs:
        path: Path = getattr(folder, kind)(slab.index)
        if path.exists():
            with opened(path) as file:
                yield section_reader(file, plan, dataset)
        else:
            yield (lambda z: nothing), slab.z_stop - slab.z_start


def section_reader(file: h5py.File, plan: Plan, dataset: str) -> tuple[Callable[[int], Voxels], int]:
    """Return a reader of a data set's sections in a slab's file, and their number; masks as in `sections_of`."""
    planes, (name, _, layer) = Planes.open(file, dataset), dataset.rpartition("/")
    if layer != "mask" or planes.dataset.attrs["threshold"] == plan.thresholds[name]:
        return planes.read, planes.shape[0]
    probability = Planes.open(file, f"{name}/probability/s0")
    return (lambda z: mask_of(probability.read(z), plan.thresholds[name])), planes.shape[0]


def write_mask_file(
    folder: JobFolder,
    plan: Plan,
    attributes: Mapping[str, str],
    with_spread: bool,
    final: Path,
    check: Check = lambda: None,
) -> None:
    """Write the HDF5 for the user: `/<object>/mask` (0, 255) and `/<object>/probability`, (z, y, x) uint8, gzip.

    Opens in any HDF5 reader. Voxel size as `element_size_um` (z, y, x; ilastik family) and `resolution` with `units`
    (CREMI family); its provenance is in the attributes of the file.
    """
    layers = ["mask", "probability", *(["spread"] if with_spread else [])]
    sources = {"mask": "mask", "probability": "probability/s0", "spread": "spread/s0"}
    with _whole(final, check) as part, created(part) as file:
        file.attrs.update(attributes)
        for name, threshold in plan.thresholds.items():
            for layer in layers:
                planes = Planes.create(file, f"{name}/{layer}", plan.shape_zyx, "gzip")
                _describe(planes.dataset, plan, layer, threshold)
                source = f"{name}/{sources[layer]}"
                for z, encoded in enumerate(made_of_sections(planes.encode, folder, plan, source, "result")):
                    planes.put(z, encoded)


def write_label_file(folder: JobFolder, plan: Plan, attributes: Mapping[str, str], final: Path) -> None:
    """Write the HDF5 of numbered objects for the user: `/<object>/labels`, (z, y, x) uint32, 0 = none, gzip."""
    with _whole(final) as part, created(part) as file:
        file.attrs.update(attributes)
        for name, threshold in plan.thresholds.items():
            planes = Planes.create(file, f"{name}/labels", plan.shape_zyx, "gzip", np.uint32)
            _describe(planes.dataset, plan, "labels", threshold)
            sections = made_of_sections(planes.encode, folder, plan, f"{name}/labels", "labels")
            for z, encoded in enumerate(sections):
                planes.put(z, encoded)


def copy_tables(folder: JobFolder, final: Path) -> None:
    """Write the tables of measurements, CSV and Parquet, into the folder `final`."""
    with _whole(final) as part:
        part.mkdir()
        for path in sorted(folder.measurements.iterdir()):
            if path.suffix in (".csv", ".parquet"):
                shutil.copyfile(path, part / path.name)


def _describe(dataset: h5py.Dataset, plan: Plan, layer: str, threshold: float) -> None:
    dataset.attrs["axes"] = "zyx"
    dataset.attrs.update(size_attributes(plan.voxel_size_nm, plan.offset_zyx))
    dataset.attrs["meaning"] = MEANINGS[layer]
    if layer in ("mask", "labels"):
        dataset.attrs["threshold"] = threshold


def size_attributes(size: VoxelSize | None, first_zyx: tuple[int, int, int]) -> dict[str, object]:
    """Return the attributes of a data set that state its voxel size, and the place of its first voxel.

    `element_size_um` is that of ilastik's family, `resolution`, `units` and `offset` (nm) of CREMI's. Neither has a
    way to leave the section thickness open: without it the pixel is stated alone.
    """
    known = known_size(size)
    if known is not None:
        edges = np.array(known)
        named = {"resolution": edges, "units": "nm", "offset": edges * first_zyx}
        return {"element_size_um": edges / 1000, **named}
    return {} if size is None else {"pixel_size_nm": np.array(size[1:]), "section_thickness": "unknown"}


def write_png_masks(folder: JobFolder, plan: Plan, name: str, final: Path) -> None:
    """Write one PNG (0, 255) per section into the folder `final`, named by section number."""
    digits = max(4, len(str(plan.shape_zyx[0] - 1)))
    with _whole(final) as part:
        part.mkdir()
        for z, image in enumerate(made_of_sections(_png, folder, plan, f"{name}/mask", "result")):
            (part / f"{name}_{z:0{digits}d}.png").write_bytes(image)


def write_zipped_masks(folder: JobFolder, plan: Plan, name: str, final: Path, check: Check = lambda: None) -> None:
    """Write a ZIP of one PNG (0, 255) per section, named by section number; the same job gives the same bytes."""
    digits = max(4, len(str(plan.shape_zyx[0] - 1)))
    with _whole(final, check) as part, zipfile.ZipFile(part, "w", zipfile.ZIP_STORED) as archive:  # PNG is compressed
        for z, image in enumerate(made_of_sections(_png, folder, plan, f"{name}/mask", "result")):
            archive.writestr(zipfile.ZipInfo(f"{name}_{z:0{digits}d}.png"), image)


def _png(mask: UINT8) -> bytes:
    return bytes(imagecodecs.png_encode(mask, level=1))


def write_tiff_masks(folder: JobFolder, plan: Plan, name: str, final: Path, check: Check = lambda: None) -> None:
    """Write a TIFF stack (0, 255): ImageJ with voxel size up to 4 GB, OME BigTIFF above."""
    stack = TiffStack(plan.shape_zyx, np.dtype(np.uint8), in_micrometres(plan.voxel_size_nm))
    with _whole(final, check) as part:
        write_tiff_stack(part, stack, _strips(sections_of(folder, plan, f"{name}/mask")))


def _strips(sections: Iterable[Voxels]) -> Iterator[Voxels]:
    for section in sections:
        for top in range(0, len(section), TILE):
            yield section[top : top + TILE]


def write_overlay(folder: JobFolder, plan: Plan, final: Path, check: Check = lambda: None) -> None:
    """Write the middle section (of what could be stitched) as a PNG: original left, objects highlighted right."""
    middle = plan.slabs[plan.shape_zyx[0] // 2 // plan.slab_sections]
    stitched = [slab for slab in plan.slabs if folder.result(slab.index).exists()]
    slab = min(stitched, key=lambda slab: abs(slab.index - middle.index))
    z = plan.shape_zyx[0] // 2 if slab == middle else slab.z_start
    with opened(folder.stack(slab.index)) as file:
        raw = Planes.open(file, RAW).read(z - slab.z_start)
    with opened(folder.result(slab.index)) as file:
        masks = {name: section_reader(file, plan, f"{name}/mask")[0](z - slab.z_start) for name in plan.objects}
    with _whole(final, check) as part:
        side_by_side(raw, masks).save(part, format="PNG")


def side_by_side(raw: UINT8, masks: Mapping[str, UINT8]) -> Image.Image:
    """Return original and highlighted section next to each other, RGB; each panel's longest side at most 1600 pixels.

    raw: (y, x) uint8; masks: (y, x) uint8 0 or 255 each, by structure.
    """
    share = min(1.0, OVERLAY_PANEL / max(raw.shape))
    size = max(1, round(raw.shape[0] * share)), max(1, round(raw.shape[1] * share))
    grey = resample(raw, size)
    colour = np.repeat(grey[:, :, None], 3, axis=2).astype(np.float32)
    for name, mask in masks.items():
        cover = resample(mask, size, smooth=True).astype(np.float32)[:, :, None] / 255 * OVERLAY_OPACITY
        paint = np.array(colour_of(name), np.float32)
        colour += cover * (paint - colour)
    gap = np.full((size[0], 8, 3), 255, np.uint8)
    panels = [np.repeat(grey[:, :, None], 3, axis=2), gap, np.rint(colour).astype(np.uint8)]
    return Image.fromarray(np.concatenate(panels, axis=1))


@contextmanager
def _whole(final: Path, check: Check = lambda: None) -> Iterator[Path]:
    """Give a temporary path (file or folder) that replaces `final` when everything is written.

    The latest writer wins: it removes what others have begun, killed or frozen ones; if a frozen one continues, its own
    replacing fails. check: called last before the replacing; what it raises leaves `final` as it is.
    """
    final.parent.mkdir(parents=True, exist_ok=True)
    for begun in final.parent.glob(f".{glob.escape(final.name)}.*.part"):
        _remove(begun)
    part = final.with_name(f".{final.name}.{os.getpid()}-{next(_counter)}.part")
    try:
        with disk_full_named(final):
            yield part
            check()
            if part.is_dir():
                _remove(final)
            part.replace(final)
    finally:
        _remove(part)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
