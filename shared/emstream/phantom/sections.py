"""Volumes that look like electron microscopy of brain tissue, of any size, with the mitochondria's true labels.

A section is painted tile by tile on a grid that is fixed in the volume, from the content of that place in an endless
tissue that depends on the seed alone. So a section costs the memory of its own arrays (uint8 + uint32) and one tile,
it is the same whether made alone or with the others, and a larger volume holds the smaller one unchanged.
Otsu's threshold fails on it (myelin, membranes, lysosomes and chromatin are dark too); a trained network does not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from emstream.errors import UsageError
from emstream.phantom.bodies import BLOCK_SIDE, PROPOSED_MITOCHONDRIA
from emstream.phantom.noise import Field, Plane, uniforms
from emstream.phantom.texture import paint
from emstream.volume.geometry import Shape3

Progress = Callable[[int, int], None]
"""Called with the sections done and the sections in all."""

REFERENCE_NM = 5.5
"""Length of a reference pixel, the unit in which tissue is described, on all three axes."""
TILE = 512
"""Side of a painted tile in pixels."""
MARGIN = 4
"""Number of pixels painted around a tile for the blur."""
NOISE_SD, BLUR_SD = 31.0, 0.98
"""Standard deviations of the noise, in grey levels before the blur, and of the blur, in pixels. Together they give the
spectrum of real SBEM above 0.2 cycles per pixel."""
_LARGEST_EXTENT = (31_000, 260_000, 260_000)
"""Maximum extent in reference pixels (z, y, x): beyond, the bodies' ids would no longer be unique."""


@dataclass(frozen=True, slots=True)
class Phantom:
    """An EM-like volume with known truth; nothing is computed until a section is asked for.

    shape_zyx: voxels, each at least 1. voxel_size_nm: (z, y, x); objects keep their size in nanometres.
    Raises UsageError for a shape, voxel size or seed that is not allowed.
    """

    shape_zyx: Shape3
    voxel_size_nm: tuple[float, float, float] = (50.0, 5.5, 5.5)
    seed: int = 0

    def __post_init__(self) -> None:
        if len(self.shape_zyx) != 3 or min(self.shape_zyx) < 1:
            raise UsageError(f"a phantom needs a shape (z, y, x) of at least 1 voxel each, got {self.shape_zyx}")
        if not 0 <= self.seed < 2**31:
            raise UsageError(f"the seed must be from 0 to {2**31 - 1}, got {self.seed}; choose another")
        z, y, x = self.voxel_size_nm
        if not (1 <= z <= 500 and 1 <= y <= 50 and 1 <= x <= 50):
            raise UsageError(
                f"voxel sizes (z, y, x) must be 1-500, 1-50 and 1-50 nm, got {self.voxel_size_nm}; "
                "5.5 nm with sections of 50 nm is what SBEM of brain has"
            )
        extent = [n * size / REFERENCE_NM for n, size in zip(self.shape_zyx, self.voxel_size_nm, strict=True)]
        if any(e > most for e, most in zip(extent, _LARGEST_EXTENT, strict=True)):
            most_um = [round(most * REFERENCE_NM / 1000) for most in _LARGEST_EXTENT]
            raise UsageError(f"a phantom may measure up to {most_um} µm (z, y, x); {self.shape_zyx} voxels are more")

    def section(self, z_index: int) -> tuple[NDArray[np.uint8], NDArray[np.uint32]]:
        """Return grey values and instance labels (0 = background), both (y, x), of one section.

        A mitochondrion has one label in all sections, and in all volumes of the same seed.
        Raises IndexError if the volume has no such section.
        """
        if not 0 <= z_index < self.shape_zyx[0]:
            raise IndexError(f"section {z_index} is not in a phantom of {self.shape_zyx[0]} sections")
        height, width = self.shape_zyx[1:]
        raw, labels = np.empty((height, width), np.uint8), np.empty((height, width), np.uint32)
        for top in range(0, height, TILE):
            for left in range(0, width, TILE):
                box = slice(top, min(top + TILE, height)), slice(left, min(left + TILE, width))
                grey, ids = self._tile(z_index, top, left)
                raw[box] = grey[: box[0].stop - top, : box[1].stop - left]
                labels[box] = ids[: box[0].stop - top, : box[1].stop - left]
        return raw, labels

    def _tile(self, z_index: int, top: int, left: int) -> tuple[NDArray[np.uint8], NDArray[np.uint32]]:
        """Return a whole tile: always of TILE x TILE, so that its bytes do not depend on the volume's size."""
        z_nm, y_nm, x_nm = self.voxel_size_nm
        offsets: NDArray[np.float64] = np.arange(-MARGIN, TILE + MARGIN, dtype=np.float64) + 0.5
        plane = Plane(
            (z_index + 0.5) * z_nm / REFERENCE_NM,
            (top + offsets) * y_nm / REFERENCE_NM,
            (left + offsets) * x_nm / REFERENCE_NM,
        )
        tissue, labels = paint(self.seed, plane)
        drift = 6 * (uniforms(self.seed, 1, np.array([z_index]))[0] - 0.5)
        noise = np.random.Generator(np.random.SFC64([self.seed, z_index, top // TILE, left // TILE]))
        tissue += np.float32(drift) + np.float32(NOISE_SD) * noise.standard_normal(tissue.shape, np.float32)
        inner = slice(MARGIN, MARGIN + TILE)
        grey = np.clip(_blurred(_blurred(tissue).T).T[inner, inner] + 0.5, 0, 255)
        return grey.astype(np.uint8), labels[inner, inner]


def write_sections(phantom: Phantom, folder: Path, progress: Progress | None = None, instances: bool = True) -> None:
    """Write PNG sections: `images/section_0000.png`, the masks 0/255 in `labels/`, and 16-bit `instances/`.

    Instance numbers count from 1 in order of appearance. Raises UsageError if the volume could hold more
    mitochondria than 16 bits can number; without `instances`, any size is written.
    """
    if instances and _most_mitochondria(phantom) > np.iinfo(np.uint16).max:
        raise UsageError(
            f"a phantom of {phantom.shape_zyx} voxels may hold more mitochondria than a 16-bit PNG can number (65535); "
            "write HDF5, or leave out the instances"
        )
    for name in ("images", "labels", *(["instances"] if instances else [])):
        (folder / name).mkdir(parents=True, exist_ok=True)
    numbers: dict[int, int] = {}
    sections = phantom.shape_zyx[0]
    for z_index in range(sections):
        raw, labels = phantom.section(z_index)
        name = f"section_{z_index:04d}.png"
        Image.fromarray(raw).save(folder / "images" / name, compress_level=1)
        Image.fromarray(np.where(labels > 0, 255, 0).astype(np.uint8)).save(folder / "labels" / name)
        if instances:
            Image.fromarray(_renumbered(labels, numbers)).save(folder / "instances" / name)
        if progress:
            progress(z_index + 1, sections)


def write_hdf5(phantom: Phantom, path: Path, progress: Progress | None = None) -> None:
    """Write datasets `raw` (uint8) and `labels` (uint32, gzip) of axes (z, y, x), with their voxel size."""
    sections, height, width = phantom.shape_zyx
    chunks = (1, min(512, height), min(512, width))
    with h5py.File(path, "w") as file:
        raw = file.create_dataset("raw", phantom.shape_zyx, np.uint8, chunks=chunks)
        labels = file.create_dataset(
            "labels", phantom.shape_zyx, np.uint32, chunks=chunks, compression="gzip", compression_opts=1
        )
        for dataset in (raw, labels):
            dataset.attrs["element_size_um"] = np.array(phantom.voxel_size_nm) / 1000
            dataset.attrs["resolution"] = np.array(phantom.voxel_size_nm)
            dataset.attrs["units"] = ["nm", "nm", "nm"]
        for z_index in range(sections):
            raw[z_index], labels[z_index] = phantom.section(z_index)
            if progress:
                progress(z_index + 1, sections)


def _renumbered(labels: NDArray[np.uint32], numbers: dict[int, int]) -> NDArray[np.uint16]:
    """Return labels as small numbers; `numbers` keeps them from section to section, and grows."""
    ids, inverse = np.unique(labels, return_inverse=True)
    small = [numbers.setdefault(int(i), len(numbers) + 1) if i else 0 for i in ids]
    return np.array(small, np.uint16)[inverse].reshape(labels.shape)


def _most_mitochondria(phantom: Phantom) -> int:
    extents = zip(phantom.shape_zyx, phantom.voxel_size_nm, strict=True)
    blocks = [int(n * size / REFERENCE_NM / BLOCK_SIDE) + 3 for n, size in extents]
    return PROPOSED_MITOCHONDRIA * int(np.prod(blocks))


def _blurred(image: Field) -> Field:
    """Blur along the rows (axis 0) with a Gaussian of BLUR_SD; the ends within MARGIN are not meaningful."""
    weights = np.exp(-0.5 * (np.arange(MARGIN + 1) / BLUR_SD) ** 2).astype(np.float32)
    weights /= weights[0] + 2 * weights[1:].sum()
    blurred: Field = weights[0] * image
    for step in range(1, MARGIN + 1):
        blurred[step:-step] += weights[step] * (image[2 * step :] + image[: -2 * step])
    return blurred
