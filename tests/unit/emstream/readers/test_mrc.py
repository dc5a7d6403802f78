"""MRC stacks: the sign of bytes, byte order, extended headers, voxel sizes and damage."""

from __future__ import annotations

import struct
from pathlib import Path

import mrcfile
import numpy as np
import pytest

from emstream.errors import DamagedFile, TooLarge, UnsupportedFormat
from emstream.readers.mrc import ROWS_NOTE, looks_signed
from emstream.readers.open_stack import open_stack
from emstream.readers.stack import Grey
from emstream.volume.voxel_size import VoxelSize

RNG = np.random.default_rng(3)
VOLUME = RNG.normal(128, 30, (5, 30, 40)).clip(0, 255).astype(np.uint8)
IMOD_STAMP = 1146047817


def write(path: Path, values: Grey, voxel_angstrom: tuple[float, float, float] | None = None) -> Path:
    """Write with mrcfile; voxel_angstrom is (x, y, z)."""
    with mrcfile.new(path) as mrc:
        mrc.set_data(values)
        if voxel_angstrom is not None:
            mrc.voxel_size = voxel_angstrom
    return path


def rounded(size: VoxelSize | None) -> VoxelSize | None:
    """Return a size as float32 headers hold it, without the digits that they do not hold."""
    if size is None:
        return None
    z, y, x = size
    return None if z is None else round(z, 3), round(y, 3), round(x, 3)


def patch(path: Path, at: int, *integers: int) -> None:
    content = bytearray(path.read_bytes())
    content[at : at + 4 * len(integers)] = struct.pack(f"<{len(integers)}i", *integers)
    path.write_bytes(content)


def read(path: Path) -> Grey:
    with open_stack(path) as stack:
        return np.concatenate([rows.values for rows in stack.blocks(0, stack.facts.shape_zyx[0])])


@pytest.mark.parametrize("dtype", [np.int16, np.uint16, np.float32, np.float16])
def test_every_grey_mode_reads_back(tmp_path: Path, dtype: type[np.generic]) -> None:
    volume = VOLUME.astype(dtype) * (8 if dtype in (np.int16, np.uint16) else 1)
    values = read(write(tmp_path / "v.mrc", volume))
    assert np.array_equal(values, volume)
    assert values.dtype == (np.float32 if dtype is np.float16 else dtype)


@pytest.mark.parametrize(("flags", "dtype"), [(0, np.uint8), (1, np.int8), (16, np.uint8), (17, np.int8)])
def test_the_sign_of_bytes_follows_imods_flags(tmp_path: Path, flags: int, dtype: type[np.generic]) -> None:
    path = write(tmp_path / "v.rec", VOLUME.view(np.int8))
    patch(path, 152, IMOD_STAMP, flags)
    values = read(path)
    assert values.dtype == dtype
    assert np.array_equal(values, VOLUME.view(dtype))
    with open_stack(path) as stack:
        assert "by IMOD's flags" in stack.facts.source
        assert stack.facts.warnings == (ROWS_NOTE,)


@pytest.mark.parametrize(
    ("values", "dtype"),
    [(VOLUME.view(np.int8), np.uint8), (RNG.normal(0, 30, (5, 30, 40)).clip(-128, 127).astype(np.int8), np.int8)],
)
def test_without_a_stamp_the_histogram_decides_and_it_is_said(
    tmp_path: Path, values: Grey, dtype: type[np.generic]
) -> None:
    path = write(tmp_path / "v.st", values)
    assert np.array_equal(read(path), values.view(dtype))
    with open_stack(path) as stack:
        assert "by their histogram" in stack.facts.source
        assert "histogram" in stack.facts.warnings[0]


def test_flat_and_clipped_histograms_count_as_unsigned() -> None:
    assert not looks_signed(np.ones(256, np.int64))
    clipped = np.bincount(np.repeat([0, 255], 5000), minlength=256)
    assert not looks_signed(clipped)
    assert not looks_signed(clipped + 1)


def test_big_endian_files_are_read(tmp_path: Path) -> None:
    values = (VOLUME.astype(np.int16) * 100).astype(np.int16)
    little = write(tmp_path / "v.mrc", values)
    header = np.frombuffer(little.read_bytes()[:1024], mrcfile.dtypes.HEADER_DTYPE)
    swapped = bytearray(header.astype(mrcfile.dtypes.HEADER_DTYPE.newbyteorder(">")).tobytes())
    swapped[212:214] = b"\x11\x11"
    (tmp_path / "big.mrc").write_bytes(bytes(swapped) + values.astype(">i2").tobytes())
    assert np.array_equal(read(tmp_path / "big.mrc"), values)
    swapped[212:214] = b"\0\0"
    (tmp_path / "big.mrc").write_bytes(bytes(swapped) + values.astype(">i2").tobytes())
    assert np.array_equal(read(tmp_path / "big.mrc"), values)


def test_the_extended_header_is_skipped(tmp_path: Path) -> None:
    with mrcfile.new(tmp_path / "v.mrc") as mrc:
        mrc.set_data(VOLUME.astype(np.int16))
        mrc.set_extended_header(np.full(333, 7, np.uint8))
    assert np.array_equal(read(tmp_path / "v.mrc"), VOLUME)


def test_old_files_without_a_mark_are_known_by_their_suffix(tmp_path: Path) -> None:
    path = write(tmp_path / "v.mrc", VOLUME.astype(np.int16))
    patch(path, 208, 0, 0)
    assert np.array_equal(read(path), VOLUME)


@pytest.mark.parametrize(
    ("angstrom", "expected"),
    [
        ((50, 60, 300), (30, 6, 5)),
        ((50, 60, 0), (None, 6, 5)),
        ((50, 60, 1), (None, 6, 5)),
        ((1, 1, 1), None),
        ((0, 0, 0), None),
        (None, None),
    ],
)
def test_voxel_size(tmp_path: Path, angstrom: tuple[float, float, float] | None, expected: VoxelSize | None) -> None:
    with open_stack(write(tmp_path / "v.mrc", VOLUME.astype(np.int16), angstrom)) as stack:
        assert rounded(stack.facts.voxel_size_nm) == expected


def test_truncation_tells_expected_and_found_bytes(tmp_path: Path) -> None:
    path = write(tmp_path / "v.mrc", VOLUME.astype(np.int16))
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DamagedFile, match=r"5 sections need 13024 bytes, the file has 13023 \(4 complete sections\)"):
        open_stack(path)
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(DamagedFile, match="1024 bytes, the file 500"):
        open_stack(path)


def test_a_file_cut_while_it_is_read_names_the_section(tmp_path: Path) -> None:
    path = write(tmp_path / "v.mrc", VOLUME.astype(np.int16))
    with open_stack(path) as stack:
        path.write_bytes(path.read_bytes()[:8000])
        with pytest.raises(DamagedFile, match=r"v\.mrc: section 3"):
            list(stack.blocks(0, 5))


def test_colour_complex_and_unknown_modes_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "v.mrc", VOLUME.astype(np.int16))
    for mode, words in ((16, "RGB"), (4, "complex"), (101, "4-bit")):
        patch(path, 12, mode)
        with pytest.raises(UnsupportedFormat, match=words):
            open_stack(path)
    patch(path, 12, 77)
    with pytest.raises(DamagedFile, match="mode 77"):
        open_stack(path)


def test_a_header_that_claims_too_much_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "v.mrc", VOLUME.astype(np.int16))
    patch(path, 0, 10**6, 10**6, 10**6)
    with pytest.raises(TooLarge):
        open_stack(path)
    patch(path, 0, 40, 30, 2**31 - 1)
    with pytest.raises(DamagedFile, match="truncated"):
        open_stack(path)


def test_sections_along_another_axis_of_the_cell_have_its_voxel_size(tmp_path: Path) -> None:
    path = write(tmp_path / "v.mrc", np.zeros((4, 20, 30), np.float32), (500, 55, 55))
    patch(path, 64, 3, 2, 1)
    patch(path, 28, 4, 20, 30)  # the grid is that of X, Y, Z
    with mrcfile.open(path, "r+") as mrc:
        mrc.header.cella = (4 * 500, 20 * 55, 30 * 55)
    with open_stack(path) as stack:
        assert rounded(stack.facts.voxel_size_nm) == (50, 5.5, 5.5)
        assert "its sections along X" in stack.facts.warnings[0]
        assert "5.5 nm pixels, 50 nm sections" in stack.facts.warnings[0]
    patch(path, 64, 3, 3, 7)
    with open_stack(path) as stack:
        assert "axes that do not exist, (3, 3, 7)" in stack.facts.warnings[0]


def test_rows_come_as_stored_and_a_note_says_where_others_show_the_first(tmp_path: Path) -> None:
    stored = np.arange(24, dtype=np.int16).reshape(2, 3, 4)
    with open_stack(write(tmp_path / "v.mrc", stored)) as stack:
        assert stack.sample(1).tolist() == [[12, 13, 14, 15], [16, 17, 18, 19], [20, 21, 22, 23]]
        assert any("Flip Vertically" in warning for warning in stack.facts.warnings)


@pytest.mark.parametrize("dtype", [np.int16, np.uint16])
def test_small_16_bit_values_stay_16_bit_values(tmp_path: Path, dtype: type[np.integer]) -> None:
    path = write(tmp_path / "v.mrc", (VOLUME // 5).astype(dtype))
    assert read(path).dtype == dtype
    assert np.array_equal(read(path), VOLUME // 5)
