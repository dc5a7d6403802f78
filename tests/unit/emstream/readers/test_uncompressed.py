"""Voxels stored uncompressed inside a file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emstream.errors import DamagedFile
from emstream.readers.uncompressed import PlainVoxels

SHAPE = (3, 5, 7)
VALUES = np.arange(np.prod(SHAPE), dtype=np.uint16).reshape(SHAPE)


def stored(path: Path, byte_order: str = "<", cut: int = 0) -> PlainVoxels:
    content = bytes(10) + VALUES.astype(f"{byte_order}u2").tobytes()
    path.write_bytes(content[: len(content) - cut])
    return PlainVoxels(path, 10, np.dtype(f"{byte_order}u2"), SHAPE[0], SHAPE[1:])


@pytest.mark.parametrize("byte_order", "<>")
@given(z=st.integers(0, 2), rows=st.tuples(st.integers(0, 5), st.integers(0, 5)).map(sorted))
def test_rows_of_a_section_come_back_in_native_order(
    tmp_path_factory: pytest.TempPathFactory, byte_order: str, z: int, rows: list[int]
) -> None:
    voxels = stored(tmp_path_factory.getbasetemp() / "a.raw", byte_order)
    first, last = rows
    found = voxels.read(z, first, last)
    assert found.dtype == np.uint16
    assert found.dtype.isnative
    assert (found == VALUES[z, first:last]).all()
    assert (voxels.read(z) == VALUES[z]).all()


def test_a_complete_file_passes_and_a_cut_one_names_its_complete_sections(tmp_path: Path) -> None:
    stored(tmp_path / "a.raw").check_length()
    voxels = stored(tmp_path / "b.raw", cut=1)
    with pytest.raises(DamagedFile, match=r"3 sections need 220 bytes, the file has 219 \(2 complete sections\)"):
        voxels.check_length()
    with pytest.raises(DamagedFile, match="section 3 needs 70 bytes and 69 were there"):
        voxels.read(2)


def test_samples_of_a_pixel_count_into_the_size_of_a_section(tmp_path: Path) -> None:
    assert PlainVoxels(tmp_path, 0, np.dtype("u2"), 1, (5, 7, 3)).section_bytes == 210
