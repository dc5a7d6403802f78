"""Labels: values as stored, whatever a LUT, a palette or colours make of them on a screen."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile
from PIL import Image

from emstream.errors import ColourImage, DatasetNotFound, UnsupportedFormat
from emstream.readers.open_stack import open_labels, open_stack
from emstream.readers.stack import Grey, StackReader

IDS = np.zeros((3, 70, 80), np.uint8)
IDS[:, 10:30, 10:30], IDS[:, 40:60, 40:70] = 1, 2
MASK = np.where(IDS > 0, np.uint8(255), np.uint8(0))


def read(reader: StackReader) -> Grey:
    with reader:
        return np.stack([reader.sample(z) for z in range(reader.facts.shape_zyx[0])])


def fiji(path: Path, stack: Grey, **tags: object) -> Path:
    description = f"ImageJ=1.53c\nimages={len(stack)}\nslices={len(stack)}\nloop=false\n"
    tifffile.imwrite(path, stack, metadata=None, description=description, **tags)
    return path


def pngs(folder: Path, sections: list[Image.Image]) -> Path:
    folder.mkdir()
    for z, section in enumerate(sections):
        section.save(folder / f"s{z}.png")
    return folder


def test_an_inverting_lut_does_not_turn_labels_over(tmp_path: Path) -> None:
    path = fiji(tmp_path / "mask.tif", MASK, photometric="miniswhite")
    assert np.array_equal(read(open_labels(path)), MASK)
    assert np.array_equal(read(open_stack(path)), MASK), "two values: Fiji's mask, not an image"


def test_an_inverting_lut_does_not_turn_a_folder_of_labels_over(tmp_path: Path) -> None:
    (tmp_path / "masks").mkdir()
    for z, section in enumerate(MASK):
        tifffile.imwrite(tmp_path / "masks" / f"{z}.tif", section, photometric="miniswhite")
    assert np.array_equal(read(open_labels(tmp_path / "masks")), MASK)


def test_an_inverting_lut_turns_raw_sections_over(tmp_path: Path) -> None:
    stack = np.arange(MASK.size, dtype=np.uint64).reshape(MASK.shape).astype(np.uint8)
    assert np.array_equal(read(open_stack(fiji(tmp_path / "raw.tif", stack, photometric="miniswhite"))), 255 - stack)


def test_one_bit_masks_are_what_they_show(tmp_path: Path) -> None:
    for photometric in ("miniswhite", "minisblack"):
        tifffile.imwrite(tmp_path / "mask.tif", MASK > 0, photometric=photometric, metadata=None)
        expected = MASK if photometric == "minisblack" else 255 - MASK
        assert np.array_equal(read(open_labels(tmp_path / "mask.tif")), expected)


def test_a_palette_of_colours_gives_indices(tmp_path: Path) -> None:
    palette = np.random.default_rng(3).integers(0, 65535, (3, 256)).astype(np.uint16)
    palette[:, 0] = 0
    path = fiji(tmp_path / "ids.tif", IDS, photometric="palette", colormap=palette)
    found = read(open_labels(path))
    assert found.dtype == np.uint8
    assert np.array_equal(found, IDS)
    with pytest.raises(ColourImage):
        read(open_stack(path))


def coloured(section: Grey, colours: list[tuple[int, int, int]]) -> Image.Image:
    image = Image.fromarray(section.astype(np.uint8), "P")
    image.putpalette([value for colour in colours for value in colour])
    return image


def test_a_png_palette_gives_indices_or_its_greys(tmp_path: Path) -> None:
    found = read(open_labels(pngs(tmp_path / "ids", [coloured(s, [(0, 0, 0), (255, 0, 0), (0, 9, 0)]) for s in IDS])))
    assert np.array_equal(found, IDS)
    white_first = [coloured(section == 0, [(255, 255, 255), (0, 0, 0)]) for section in IDS]
    assert np.array_equal(read(open_labels(pngs(tmp_path / "grey", white_first))), MASK)


def test_a_palette_in_which_black_is_not_background_is_refused(tmp_path: Path) -> None:
    folder = pngs(tmp_path / "ids", [coloured(section == 0, [(255, 0, 0), (0, 0, 0)]) for section in IDS])
    with pytest.raises(UnsupportedFormat, match=r"index 0 is a colour, and 1 is black.*Save the labels as grey images"):
        read(open_labels(folder))


def test_in_colour_black_is_0_and_every_colour_another_number(tmp_path: Path) -> None:
    red = np.zeros((*MASK.shape, 3), np.uint8)
    red[MASK > 0] = (255, 0, 0)
    found = read(open_labels(pngs(tmp_path / "red", [Image.fromarray(section) for section in red])))
    assert np.array_equal(found != 0, MASK != 0)
    assert len(np.unique(found)) == 2
    tifffile.imwrite(tmp_path / "red.tif", red, photometric="rgb")
    assert np.array_equal(read(open_labels(tmp_path / "red.tif")), found)
    two = red.copy()
    two[IDS == 2] = (0, 0, 255)
    assert len(np.unique(read(open_labels(pngs(tmp_path / "two", [Image.fromarray(section) for section in two]))))) == 3


def test_grey_stored_as_colour_keeps_its_values_among_grey_files(tmp_path: Path) -> None:
    sections = [Image.fromarray(MASK[0]).convert("RGB"), Image.fromarray(MASK[1]), Image.fromarray(MASK[2] > 0)]
    assert np.array_equal(read(open_labels(pngs(tmp_path / "mixed", sections))), MASK)


def test_transparent_pixels_are_background(tmp_path: Path) -> None:
    rgba = np.full((*MASK.shape[1:], 4), 200, np.uint8)
    rgba[..., 3] = MASK[0]
    assert np.array_equal(read(open_labels(pngs(tmp_path / "rgba", [Image.fromarray(rgba)])))[0] > 0, MASK[0] > 0)


def test_ids_of_64_bits_are_read(tmp_path: Path) -> None:
    ids = IDS.astype(np.uint64) << np.uint64(40)
    with h5py.File(tmp_path / "ids.h5", "w") as file:
        file["volumes/labels/neuron_ids"] = ids
    found = read(open_labels(tmp_path / "ids.h5"))
    assert found.dtype == np.uint64
    assert np.array_equal(found, ids)
    tifffile.imwrite(tmp_path / "ids.tif", ids, photometric="minisblack")
    assert np.array_equal(read(open_labels(tmp_path / "ids.tif")), ids)
    with pytest.raises(UnsupportedFormat):
        open_stack(tmp_path / "ids.tif")


def test_raw_data_of_the_same_file_are_never_taken_for_labels(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "cremi.h5", "w") as file:
        file["volumes/raw"] = np.arange(MASK.size, dtype=np.uint64).reshape(MASK.shape).astype(np.uint8)
        file["volumes/labels/mito"] = IDS
    assert np.array_equal(read(open_labels(tmp_path / "cremi.h5")), IDS)
    with h5py.File(tmp_path / "cremi.h5", "a") as file:
        file["volumes/labels/clefts"] = IDS
    with pytest.raises(DatasetNotFound, match=r"could be the labels: .*mito .*Choose one with --labels-dataset"):
        open_labels(tmp_path / "cremi.h5")
    assert np.array_equal(read(open_labels(tmp_path / "cremi.h5", "volumes/labels/mito")), IDS)


def test_labels_in_colours_of_16_bits_are_refused(tmp_path: Path) -> None:
    rgb = np.zeros((70, 80, 3), np.uint16)
    rgb[..., 0] = IDS[0]
    (tmp_path / "s.png").write_bytes(png_of_16_bits(rgb))
    with pytest.raises(UnsupportedFormat, match=r"colours of 16 bits; 8 bits are read. Save the labels as grey images"):
        open_labels(tmp_path / "s.png")


def png_of_16_bits(rgb: np.ndarray) -> bytes:
    """Return a PNG of (y, x, 3) uint16, which Pillow does not write."""
    height, width, _ = rgb.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in rgb)
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows)),
        (b"IEND", b""),
    ]
    parts = [struct.pack(">I", len(c)) + name + c + struct.pack(">I", zlib.crc32(name + c)) for name, c in chunks]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)
