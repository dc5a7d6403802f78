"""Guards around format libraries."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile
from PIL import Image

from emstream.errors import DamagedFile, MixedSizes, TooLarge
from emstream.readers import limits
from emstream.readers.hdf5 import reader
from emstream.readers.limits import DEFLATE_RATIO, SECTION_PIXELS, SECTIONS, check_claim, check_depth, decoding
from emstream.readers.open_stack import open_stack


@pytest.mark.parametrize(("width", "height"), [(0, 5), (5, 0), (-1, 5)])
def test_sections_without_pixels_are_damaged(width: int, height: int) -> None:
    with pytest.raises(DamagedFile, match=f"a.png claims sections of {width} x {height} pixels"):
        check_claim("a.png", width, height, 0, 100, DEFLATE_RATIO)


def test_a_section_up_to_the_limit_passes_and_one_beyond_is_too_large() -> None:
    side = 65536
    check_claim("a.png", side, side, 10, 10, 1)
    with pytest.raises(TooLarge, match=f"at most {SECTION_PIXELS} pixels are read"):
        check_claim("a.png", side + 1, side, 10, 10, 1)


def test_more_bytes_than_a_codec_can_make_are_refused() -> None:
    check_claim("a.png", 10, 10, DEFLATE_RATIO * 3, 3, DEFLATE_RATIO)
    with pytest.raises(TooLarge, match="holds only 3 bytes"):
        check_claim("a.png", 10, 10, DEFLATE_RATIO * 3 + 1, 3, DEFLATE_RATIO)
    check_claim("a.png", 10, 10, DEFLATE_RATIO, 0, DEFLATE_RATIO)


def test_too_many_sections_are_refused() -> None:
    check_depth("a.h5", SECTIONS)
    with pytest.raises(TooLarge, match="claims 1000001 sections"):
        check_depth("a.h5", SECTIONS + 1)


@pytest.mark.parametrize("error", [IndexError("list\nindex"), SyntaxError("broken"), RuntimeError()])
def test_whatever_a_decoder_raises_is_damage_of_the_named_file(error: Exception) -> None:
    reason = " ".join(str(error).split()) or "RuntimeError"
    with pytest.raises(DamagedFile, match=rf"a.tif cannot be decoded \({reason}\)"), decoding("a.tif"):
        raise error


def test_emstreams_own_errors_and_a_lack_of_memory_pass() -> None:
    for error in (MixedSizes("two sizes"), MemoryError()):
        with pytest.raises(type(error)), decoding("a.tif"):
            raise error


def test_memory_follows_the_size_of_the_file_and_the_allowance(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "_allowance", 0)
    limits.allow_decoding(0.001)
    limits.check_memory("a.png", 10**6, 1)
    limits.check_memory("a.png", 64 * 10**6, 10**6)
    with pytest.raises(TooLarge, match=r"a\.png has 0\.1 MiB and takes 0\.1 GiB.* EMSTREAM_DECODE_GB"):
        limits.check_memory("a.png", 64 * 10**6, 10**5)


def small_files(folder: Path) -> Iterator[Path]:
    """Write files of a few kilobytes that take megabytes to decode."""
    Image.new("L", (1500, 1500), 9).save(folder / "a.jpg")
    yield folder / "a.jpg"
    Image.new("RGB", (1000, 1000)).save(folder / "a.png")
    yield folder / "a.png"
    tifffile.imwrite(folder / "a.tif", np.zeros((1500, 1500), np.uint8), compression="zlib")
    yield folder / "a.tif"
    with h5py.File(folder / "chunk.h5", "w") as file:
        file.create_dataset("raw", (2, 1500, 1500), np.uint8, chunks=(2, 1500, 1500), compression="gzip")[0, 0, 0] = 1
    yield folder / "chunk.h5"


def test_small_files_that_take_much_memory_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in small_files(tmp_path):
        monkeypatch.setattr(limits, "_allowance", 2**25)
        open_stack(path).close()
        monkeypatch.setattr(limits, "_allowance", 2**21)
        with pytest.raises(TooLarge, match="EMSTREAM_DECODE_GB"):
            open_stack(path)


def test_a_chunk_that_inflates_beyond_its_size_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "v.h5"
    with h5py.File(path, "w") as file:
        dataset = file.create_dataset("raw", (2, 64, 64), np.uint8, chunks=(1, 64, 64), compression="gzip")
        dataset[:] = 1
        dataset.id.write_direct_chunk((1, 0, 0), zlib.compress(bytes(2**24)))
    monkeypatch.setattr(reader, "_SURE_BYTES", 2**12)
    monkeypatch.setattr(limits, "_allowance", 2**21)
    with pytest.raises(TooLarge, match="raw has 0"):
        open_stack(path)
