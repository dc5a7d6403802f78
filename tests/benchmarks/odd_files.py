"""Odd but sound files, read and compared voxel by voxel with what was written.

Usage: `python -m tests.benchmarks.odd_files [COUNT]` (1000). A file is right, or refused with a sentence of emstream's;
anything else is a silent difference or a crash, and is printed with the way in which it was written.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import mrcfile
import numpy as np
import tifffile
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from emstream.errors import EmstreamError
from emstream.readers.open_stack import open_stack
from emstream_preprocess.plan import shape_questions

Voxels = NDArray[Any]
DESCRIBED: dict[str, dict[str, Any]] = {
    "bare": {"metadata": None},
    "ome": {"ome": True, "metadata": {"axes": "ZYX"}},
}


@st.composite
def volumes(draw: st.DrawFn, dtypes: tuple[str, ...], least_side: int = 1) -> Voxels:
    """Return noise (z, y, x) of one of the types, over all of its range or a part of it."""
    shape = draw(st.tuples(st.integers(1, 9), st.integers(least_side, 40), st.integers(least_side, 40)))
    dtype: np.dtype[Any] = np.dtype(draw(st.sampled_from(dtypes)))
    random = np.random.default_rng(draw(st.integers(0, 10**6)))
    if dtype.kind == "f":
        return random.normal(0, 50, shape).astype(dtype)
    limits = np.iinfo(dtype)
    part = draw(st.sampled_from([1, 8, 250]))
    low, high = (limits.min // part, limits.max // part) if part > 1 else (limits.min, limits.max)
    return random.integers(low, high, shape, dtype, endpoint=True)


@st.composite
def tiffs(draw: st.DrawFn, folder: Path) -> tuple[Path, Voxels, object]:
    """Write a TIFF of any layout that tifffile writes: kinds, codecs, tiles, byte orders, planes, appended pages.

    Sections are at least 2 pixels wide: (6, 4, 1) and one section of 6 x 4 pixels are the same file.
    """
    volume = draw(volumes(("u1", "i1", "u2", "i2", "u4", "f4", "f8"), least_side=2))
    kind = draw(st.sampled_from(["plain", "guessed", "bare", "imagej", "ome", "appended", "miniswhite", "channels"]))
    options: dict[str, Any] = {
        "compression": draw(st.sampled_from([None, "zlib", "lzw", "zstd", "packbits"])),
        "byteorder": draw(st.sampled_from("<>")),
        "bigtiff": draw(st.booleans()),
        "tile": draw(st.sampled_from([None, (16, 16), (32, 48)])),
    }
    path = folder / "v.tif"
    if kind in ("imagej", "channels"):
        volume = volume if volume.dtype.str[1:] in ("u1", "u2", "f4") else volume.astype(np.float32)
        axes = "ZYX" if kind == "imagej" else draw(st.sampled_from(["CYX", "TYX"]))
        tifffile.imwrite(path, volume, imagej=True, metadata={"axes": axes})
    elif kind == "appended":
        for section in volume:
            tifffile.imwrite(path, section, append=path.exists(), photometric="minisblack", byteorder="<")
    elif kind == "guessed":
        tifffile.imwrite(path, volume, **options)
    elif kind == "miniswhite" and volume.dtype.kind in "u":
        stored = np.iinfo(volume.dtype).max - volume
        tifffile.imwrite(path, stored, photometric="miniswhite", **options)
    else:
        tifffile.imwrite(path, volume, photometric="minisblack", **options, **DESCRIBED.get(kind, {}))
    return path, volume, (kind, options)


@st.composite
def hdf5s(draw: st.DrawFn, folder: Path) -> tuple[Path, Voxels, object]:
    """Write an HDF5 file with any chunks, byte order, extra axes, ilastik's axes in any order, or others' rules."""
    kind = draw(st.sampled_from(["plain", "channel", "axistags", "velox", "bigdataviewer", "imaris", "named"]))
    least = 2 if kind == "channel" else 1  # (1, 4, 20, 1) may be four sections, or one
    volume = draw(volumes(("u1", "i1", "u2", "i2", "u4", "i4", "f4", "f8"), least))
    order = draw(st.permutations("zyx"))
    stored, name, tags = volume, draw(st.sampled_from(["raw", "data", "a/b", "volumes/raw"])), ""
    dataset = None
    if kind == "channel":
        stored = volume[..., None] if draw(st.booleans()) else volume[None]
    elif kind == "axistags":
        stored = volume.transpose(["zyx".index(axis) for axis in order])[..., None]
        name, tags = "exported_data", "".join(order) + "c"
    elif kind == "velox":
        stored, name = np.moveaxis(volume, 0, -1), "Data/Image/0123abcd/Data"
    elif kind == "bigdataviewer":
        volume = volume.astype(np.uint16)
        stored, name = volume.view(np.int16), "t00000/s00/0/cells"
    elif kind == "imaris":
        name = "DataSet/ResolutionLevel 0/TimePoint 0/Channel 0/Data"
    elif kind == "named":
        stored = volume.transpose(["zyx".index(axis) for axis in order])
        dataset = f"{name}:{''.join(order)}"
    chunks = tuple(draw(st.integers(1, length)) for length in stored.shape) if draw(st.booleans()) else None
    compression = draw(st.sampled_from(["gzip", "lzf", None])) if chunks else None
    stored = stored.astype(stored.dtype.newbyteorder(draw(st.sampled_from("<>"))))
    path = folder / "v.h5"
    with h5py.File(path, "w", userblock_size=draw(st.sampled_from([0, 512]))) as file:
        file.create_dataset(name, data=stored, chunks=chunks, compression=compression, shuffle=compression == "gzip")
        if tags:
            file[name].attrs["axistags"] = json.dumps({"axes": [{"key": key, "resolution": 0} for key in tags]})
    return path, volume, (kind, name, stored.shape, chunks, compression, dataset)


@st.composite
def mrcs(draw: st.DrawFn, folder: Path) -> tuple[Path, Voxels, object]:
    """Write an MRC file, its lowest row first, of any mode, with or without an extended header."""
    volume = draw(volumes(("i2", "u2", "f4")))
    extended = draw(st.integers(0, 300))
    path = folder / draw(st.sampled_from(["v.mrc", "v.rec", "v.st", "v.map"]))
    with warnings.catch_warnings(), mrcfile.new(path) as mrc:
        warnings.simplefilter("ignore")
        mrc.set_data(volume)
        mrc.set_extended_header(np.zeros(extended, np.uint8))
    return path, volume, extended


@st.composite
def folders(draw: st.DrawFn, folder: Path) -> tuple[Path, Voxels, object]:
    """Write a folder of PNG, TIFF or JPEG sections, numbered in one of many ways, among other files."""
    volume = draw(volumes(("u1", "u2"), least_side=2))
    wide = volume.dtype == np.uint16
    kind = draw(st.sampled_from(["png", "tif", "palette", "rgb", "alpha", "mixed"]))
    names = draw(st.sampled_from(["s{0}", "s{0:04d}", "{0}_x2", "z{1:g}um", "a.{0}", "S 1-{0}"]))
    first, step = draw(st.sampled_from([(0, 1), (8, 1), (95, 5)]))
    place = folder / "sections"
    place.mkdir()
    for z, section in enumerate(volume):
        number = first + z * step
        suffix = ("png", "tif")[z % 2] if kind == "mixed" else "tif" if kind == "tif" else "png"
        picture = Image.fromarray(section)
        if not wide and kind in ("palette", "rgb", "alpha"):
            picture = picture.convert({"palette": "P", "rgb": "RGB", "alpha": "LA"}[kind])
        picture.save(place / f"{names.format(number, 0.05 * (number + 1))}.{suffix}")
    if draw(st.booleans()):
        (place / "Thumbs.db").write_bytes(b"x")
        (place / "notes.txt").write_text("first section is the lowest")
    return place, volume, (kind, names, first, step, wide)


def outcome(path: Path, volume: Voxels, dataset: str | None) -> str:
    """Return "right", "refused", or what is wrong."""
    try:
        with open_stack(path, dataset) as stack:
            values = np.zeros(stack.facts.shape_zyx, stack.facts.dtype)
            for rows in stack.blocks(0, values.shape[0]):
                values[rows.z : rows.z + rows.values.shape[0], rows.y : rows.y + rows.values.shape[1]] = rows.values
            said = (*stack.facts.warnings, *shape_questions(stack.facts.shape_zyx))
    except EmstreamError as error:
        return f"refused: {error}"
    except Exception as error:
        return f"CRASH {type(error).__name__}: {error}"
    if values.shape == volume.shape and values.dtype == volume.dtype.newbyteorder("=") and (values == volume).all():
        return "right"
    return f"different, with a word: {said}" if said else f"SILENT DIFFERENCE {values.shape} {values.dtype}"


FORMATS: dict[str, Callable[[Path], st.SearchStrategy[tuple[Path, Voxels, object]]]] = {
    "TIFF": tiffs,
    "HDF5": hdf5s,
    "MRC": mrcs,
    "folders": folders,
}


def run(name: str, count: int, counts: Counter[str]) -> None:
    """Write and read `count` files of a format."""

    @seed(0)
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def each(data: st.DataObject) -> None:
        with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            path, volume, written = data.draw(FORMATS[name](Path(folder)))
            dataset = written[-1] if name == "HDF5" and isinstance(written, tuple) else None
            found = outcome(path, volume, dataset)
        counts[found.split(":")[0].split(" (")[0]] += 1
        if found != "right":
            print(f"  {name} {written} {volume.shape} {volume.dtype}: {found[:220]}")

    with contextlib.suppress(KeyboardInterrupt):
        each()


def main() -> None:
    """Run all formats, and print the sums."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("count", nargs="?", type=int, default=1000)
    counts: Counter[str] = Counter()
    count = parser.parse_args().count
    for name in FORMATS:
        run(name, count // len(FORMATS), counts)
    print(f"odd files: {dict(counts)}")


if __name__ == "__main__":
    main()
