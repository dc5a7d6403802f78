"""Inputs that cannot be segmented: what makes each in a folder, and what its sentence must say."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import tifffile
from PIL import Image

from tests.integration.conftest import noise_stack, write_pngs

Make = Callable[[Path], Path]


def empty_folder(path: Path) -> Path:
    (path / "empty").mkdir()
    return path / "empty"


def mixed_sizes(path: Path) -> Path:
    folder = write_pngs(path / "mixed", noise_stack((2, 50, 60)))
    Image.fromarray(noise_stack((1, 50, 61))[0]).save(folder / "s2.png")
    return folder


def truncated(name: str) -> Callable[[Path], Path]:
    def make(path: Path) -> Path:
        stack = noise_stack((3, 200, 200))
        target = path / name
        if name.endswith(".png"):
            target = write_pngs(path / "cut", stack) / "s1.png"
        elif name.endswith(".tif"):
            tifffile.imwrite(target, stack, photometric="minisblack")
        elif name.endswith(".h5"):
            with h5py.File(target, "w") as file:
                file["raw"] = stack
        else:
            import mrcfile

            with mrcfile.new(target) as mrc:
                mrc.set_data(stack)
        content = target.read_bytes()
        target.write_bytes(content[: len(content) // 2])
        return target.parent if name.endswith(".png") else target

    return make


def renamed_text(path: Path) -> Path:
    (path / "in").mkdir()
    (path / "in" / "a.png").write_text("these are no pixels")
    return path / "in"


def colour_photograph(path: Path) -> Path:
    (path / "in").mkdir()
    pixels = np.random.default_rng(0).integers(0, 255, (80, 80, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path / "in" / "holiday.png")
    return path / "in"


def binary_stack(path: Path) -> Path:
    return write_pngs(path / "in", np.where(noise_stack((2, 80, 80)) > 120, 255, 0).astype(np.uint8))


def nan_floats(path: Path) -> Path:
    stack = noise_stack((2, 80, 80)).astype(np.float32)
    stack[1, 5, 5] = np.nan
    tifffile.imwrite(path / "nan.tif", stack, photometric="minisblack")
    return path / "nan.tif"


def no_3d_dataset(path: Path) -> Path:
    with h5py.File(path / "flat.h5", "w") as file:
        file["table"] = np.arange(5)
    return path / "flat.h5"


def external_link(path: Path) -> Path:
    with h5py.File(path / "secret.h5", "w") as file:
        file["raw"] = noise_stack((2, 40, 40))
    with h5py.File(path / "link.h5", "w") as file:
        file["raw"] = h5py.ExternalLink("secret.h5", "/raw")
    return path / "link.h5"


def missing_filter(path: Path) -> Path:
    with h5py.File(path / "filter.h5", "w") as file:
        properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        properties.set_chunk((1, 64, 64))
        properties.set_filter(32001, h5py.h5z.FLAG_OPTIONAL, (0,) * 7)  # blosc
        space = h5py.h5s.create_simple((2, 64, 64))
        dataset = h5py.h5d.create(file.id, b"raw", h5py.h5t.NATIVE_UINT8, space, properties)
        dataset.write_direct_chunk((0, 0, 0), b"x" * 100)
    return path / "filter.h5"


def liar(path: Path) -> Path:
    header = b"IHDR" + struct.pack(">IIBBBBB", 10**6, 10**6, 8, 0, 0, 0, 0)
    content = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    (path / "in").mkdir()
    (path / "in" / "big.png").write_bytes(content)
    return path / "in"


BAD_INPUTS: list[tuple[Make, str]] = [
    (empty_folder, "empty"),
    (mixed_sizes, "61 x 50"),
    (truncated("a.png"), "s1.png"),
    (truncated("a.tif"), "a.tif"),
    (truncated("a.h5"), "a.h5"),
    (truncated("a.mrc"), "a.mrc"),
    (renamed_text, "a.png"),
    (colour_photograph, "colour"),
    (binary_stack, "two grey values"),
    (nan_floats, "NaN"),
    (no_3d_dataset, "three axes"),
    (external_link, "other files"),
    (missing_filter, "filter"),
    (liar, "1000000"),
]
