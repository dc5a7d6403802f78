"""HDF5 stacks: every layout reads back, damage has its sentence, and each chunk is decoded once."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from emstream.errors import DamagedFile, EmptyInput, TooLarge
from emstream.readers.hdf5 import reader as hdf5_boxes
from emstream.readers.open_stack import open_stack
from emstream.readers.stack import Grey

RNG = np.random.default_rng(4)
VOLUME = RNG.integers(0, 256, (20, 30, 40), np.uint8)
CHUNKED = {"chunks": (8, 8, 16), "compression": "gzip"}


def read(path: Path, dataset: str | None = None) -> Grey:
    """Return the whole stack, put together from its blocks; every voxel must come exactly once."""
    with open_stack(path, dataset) as stack:
        values = np.zeros(stack.facts.shape_zyx, stack.facts.dtype)
        seen = np.zeros(stack.facts.shape_zyx, int)
        for rows in stack.blocks(0, values.shape[0]):
            depth, height, _ = rows.values.shape
            values[rows.z : rows.z + depth, rows.y : rows.y + height] = rows.values
            seen[rows.z : rows.z + depth, rows.y : rows.y + height] += 1
    assert (seen == 1).all()
    return values


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "v.h5"


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, ">i2", np.int32, np.float32, np.float64, bool, np.float16])
@pytest.mark.parametrize("options", [{}, CHUNKED, {"chunks": (1, 30, 40)}, {"chunks": True, "compression": "lzf"}])
def test_every_layout_reads_back(path: Path, dtype: type[np.generic], options: dict[str, object]) -> None:
    volume = VOLUME.astype(dtype)
    with h5py.File(path, "w") as file:
        file.create_dataset("anything", data=volume, **options)
    values = read(path)
    assert np.array_equal(values, volume)
    assert values.dtype.isnative


@pytest.mark.parametrize("shape", [(1, 20, 30, 40), (20, 30, 40, 1), (1, 20, 30, 40, 1), (1, 1, 20, 30, 40)])
def test_axes_of_length_1_are_dropped(path: Path, shape: tuple[int, ...]) -> None:
    with h5py.File(path, "w") as file:
        file.create_dataset("v", data=VOLUME.reshape(shape), chunks=tuple(min(8, n) for n in shape), compression=1)
    assert np.array_equal(read(path), VOLUME)
    with open_stack(path) as stack:
        assert stack.facts.section_depth == 8


def test_one_section_with_a_channel_axis_is_one_section(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["v"] = VOLUME[:1, ..., np.newaxis]
    assert np.array_equal(read(path), VOLUME[:1])


@pytest.mark.parametrize("keep", [0.1, 0.5, 0.9])
def test_truncated_files_are_damaged(path: Path, keep: float) -> None:
    with h5py.File(path, "w") as file:
        file.create_dataset("raw", data=VOLUME, **CHUNKED)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * keep)])
    with pytest.raises(DamagedFile, match=r"v\.h5"):
        read(path)


def test_a_damaged_chunk_names_dataset_and_sections(path: Path) -> None:
    with h5py.File(path, "w") as file:
        dataset = file.create_dataset("raw", data=VOLUME, **CHUNKED)
        chunk = dataset.id.get_chunk_info_by_coord((8, 0, 0))
    content = bytearray(path.read_bytes())
    content[chunk.byte_offset + 10 : chunk.byte_offset + chunk.size] = bytes(chunk.size - 10)
    path.write_bytes(content)
    with open_stack(path) as stack:
        list(stack.blocks(0, 8))
        with pytest.raises(DamagedFile, match=r"v\.h5, raw: sections 8 to 15, rows 0 to 29"):
            list(stack.blocks(8, 16))


def test_datasets_without_voxels_or_with_absurd_shapes_are_refused(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file.create_dataset("never_written", (10**4, 10**4, 10**4), np.uint8, chunks=(64, 64, 64))
        bomb = file.create_dataset("bomb", (10**3, 60000, 60000), np.uint8, chunks=(64, 64, 64), compression=9)
        bomb[:64, :64, :64] = 0
        file["deep"] = np.ones((10**6 + 1, 1, 1), np.uint8)
    with pytest.raises(EmptyInput, match="0 stored bytes"):
        open_stack(path, "never_written")
    with pytest.raises(TooLarge, match="bomb claims"):
        open_stack(path, "bomb")
    with pytest.raises(TooLarge, match="1000001 sections"):
        open_stack(path, "deep")


def test_sampling_reads_bands_of_whole_chunk_rows_in_different_places(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file.create_dataset("raw", data=np.repeat(VOLUME, 20, axis=1), chunks=(4, 64, 20), compression="gzip")
    with open_stack(path) as stack:
        shapes = {stack.sample(z).shape for z in range(20)}
    assert shapes <= {(64, 40), (600 % 64, 40)}


def test_real_reads_ask_for_each_chunk_once(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Slabs of 64 sections over chunks of 16 deep, with a budget of two rows of chunks."""
    volume = RNG.integers(0, 256, (128, 100, 50), np.uint8)
    with h5py.File(path, "w") as file:
        file.create_dataset("raw", data=volume, chunks=(16, 16, 16), compression="gzip")
    monkeypatch.setattr(hdf5_boxes, "BUDGET_BYTES", 2 * 64 * 16 * 50)
    rows_read: list[tuple[int, int, int, int]] = []
    with open_stack(path) as stack:
        for z in (0, 64):
            for rows in stack.blocks(z, z + 64):
                depth, height, width = rows.values.shape
                assert np.array_equal(rows.values, volume[rows.z : rows.z + depth, rows.y : rows.y + height])
                assert (depth, width) == (64, 50)
                rows_read.append((rows.z, rows.z + depth, rows.y, rows.y + height))
    assert [box[2:] for box in rows_read[:4]] == [(0, 32), (32, 64), (64, 96), (96, 100)]
    assert len(rows_read) == 8
