"""HDF5 stacks: which dataset, never out of the file, filters, voxel sizes, and every chunk decoded once."""

from __future__ import annotations

from collections import Counter
from itertools import product
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emstream.errors import DamagedFile, DatasetNotFound, EmptyInput, TooLarge, UnsupportedFormat
from emstream.readers.hdf5 import boxes as hdf5_boxes
from emstream.readers.hdf5 import choice
from emstream.readers.hdf5.boxes import ChunkGrid
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


def test_several_channels_are_no_stack(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["v"] = np.stack([VOLUME, VOLUME])
    with pytest.raises(DatasetNotFound, match="no dataset of three axes"):
        open_stack(path)
    with pytest.raises(DatasetNotFound, match=r"v has shape \(2, 20, 30, 40\)"):
        open_stack(path, "v")


@pytest.mark.parametrize("name", choice.PREFERRED)
def test_preferred_names_win_over_others(path: Path, name: str) -> None:
    with h5py.File(path, "w") as file:
        file["a/labels"] = np.zeros_like(VOLUME)
        file[name] = VOLUME
    assert np.array_equal(read(path), VOLUME)


def test_only_grey_volumes_are_candidates(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["ids"] = VOLUME.astype(np.uint64)
        file["table"] = np.zeros((4, 5))
        file["text"] = "raw"
        file["em"] = VOLUME
        file["alias"] = file["em"]
    assert np.array_equal(read(path), VOLUME)


def test_the_user_is_asked_if_several_could_be_meant(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["a"] = VOLUME
        file["g/b"] = VOLUME.astype(np.uint16)
    with pytest.raises(
        DatasetNotFound, match=r"a \(20, 30, 40\) uint8, g/b \(20, 30, 40\) uint16\. Choose .* --dataset"
    ):
        open_stack(path)
    assert read(path, "/g/b").dtype == np.uint16


def test_wrong_names_list_what_there_is(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["g/b"] = VOLUME
    for wanted, words in (("c", "'c' is not in the file"), ("g", "'g' is a group"), ("g/b/x", "not in the file")):
        with pytest.raises(DatasetNotFound, match=rf"{words}.*g/b \(20, 30, 40\)"):
            open_stack(path, wanted)


def test_soft_links_inside_the_file_are_followed(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["g/real"] = VOLUME
        file["g/near"] = h5py.SoftLink("real")
        file["far"] = h5py.SoftLink("/g/near")
        file["loop"] = h5py.SoftLink("/loop")
        file["dangling"] = h5py.SoftLink("/nowhere")
    assert np.array_equal(read(path), VOLUME)
    assert np.array_equal(read(path, "far"), VOLUME)
    for name in ("loop", "dangling"):
        with pytest.raises(DatasetNotFound):
            open_stack(path, name)


def test_external_links_are_never_followed(path: Path, tmp_path: Path) -> None:
    with h5py.File(tmp_path / "secret.h5", "w") as file:
        file["v"] = VOLUME
    with h5py.File(path, "w") as file:
        file["raw"] = h5py.ExternalLink("secret.h5", "/v")
        file["group"] = h5py.ExternalLink("secret.h5", "/")
        file["soft"] = h5py.SoftLink("/group/v")
    with pytest.raises(DatasetNotFound, match=r"raw -> secret\.h5"):
        open_stack(path)
    for name in ("raw", "group/v", "soft"):
        with pytest.raises(UnsupportedFormat, match=r"another file \(secret\.h5\)"):
            open_stack(path, name)


def test_virtual_datasets_are_refused(path: Path, tmp_path: Path) -> None:
    with h5py.File(tmp_path / "secret.h5", "w") as file:
        file["v"] = VOLUME
    layout = h5py.VirtualLayout(VOLUME.shape, VOLUME.dtype)
    layout[:] = h5py.VirtualSource(tmp_path / "secret.h5", "v", VOLUME.shape)
    with h5py.File(path, "w") as file:
        file.create_virtual_dataset("raw", layout)
    with pytest.raises(UnsupportedFormat, match="virtual dataset"):
        open_stack(path)


def test_external_storage_is_refused(path: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.bin").write_bytes(VOLUME.tobytes())
    with h5py.File(path, "w") as file:
        file.create_dataset("raw", VOLUME.shape, np.uint8, external=[(str(tmp_path / "secret.bin"), 0, VOLUME.size)])
    with pytest.raises(UnsupportedFormat, match="stored externally"):
        open_stack(path)


@pytest.mark.parametrize(("number", "label"), [(32015, "Zstandard"), (32001, "Blosc"), (31999, "31999")])
def test_a_missing_filter_is_named_with_the_extra(
    path: Path, monkeypatch: pytest.MonkeyPatch, number: int, label: str
) -> None:
    with h5py.File(path, "w") as file:
        properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        properties.set_chunk((20, 30, 40))
        properties.set_filter(number, h5py.h5z.FLAG_OPTIONAL, ())
        space = h5py.h5s.create_simple(VOLUME.shape)
        dataset = h5py.h5d.create(file.id, b"raw", h5py.h5t.NATIVE_UINT8, space, properties)
        dataset.write_direct_chunk((0, 0, 0), b"compressed elsewhere")

    def not_installed(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(choice, "import_module", not_installed)
    with pytest.raises(UnsupportedFormat, match=rf"{label}.*emstream\[filters\]"):
        open_stack(path)


@pytest.mark.parametrize(
    ("place", "attributes", "expected"),
    [
        ("g/raw", {"element_size_um": [0.03, 0.004, 0.005]}, (30, 4, 5)),
        ("g/raw", {"resolution": [40, 4, 4]}, (40, 4, 4)),
        ("g", {"resolution": [40.0, 4.0, 4.0]}, (40, 4, 4)),
        ("/", {"resolution": [0.04, 0.004, 0.004], "units": "um"}, (40, 4, 4)),
        ("g/raw", {"resolution": [40, 4, 4], "units": ["nm", "nm", "nm"]}, (40, 4, 4)),
        ("g/raw", {"resolution": "fine"}, None),
        ("g/raw", {"resolution": [40, 4]}, None),
        ("g/raw", {"resolution": [40, -4, 4]}, None),
        ("g/raw", {"element_size_um": [1.0, 1e9, 1.0]}, None),
        ("g/raw", {}, None),
    ],
)
def test_voxel_size(
    path: Path, place: str, attributes: dict[str, object], expected: tuple[float, float, float] | None
) -> None:
    with h5py.File(path, "w") as file:
        file["g/raw"] = VOLUME
        file[place].attrs.update(attributes)
    with open_stack(path) as stack:
        assert stack.facts.voxel_size_nm == expected


def test_imaris_padding_is_cut_and_its_extent_read(path: Path) -> None:
    def letters(text: str) -> np.ndarray[tuple[int], np.dtype[np.bytes_]]:
        return np.array([letter.encode() for letter in text], "S1")

    padded = np.zeros((32, 32, 64), np.uint8)
    padded[:20, :30, :40] = VOLUME
    with h5py.File(path, "w") as file:
        file["DataSet/ResolutionLevel 0/TimePoint 0/Channel 0/Data"] = padded
        file["DataSet/ResolutionLevel 1/TimePoint 0/Channel 0/Data"] = padded[::2]
        channel = file["DataSet/ResolutionLevel 0/TimePoint 0/Channel 0"]
        image = file.create_group("DataSetInfo/Image")
        for axis, length in zip("ZYX", VOLUME.shape, strict=True):
            channel.attrs[f"ImageSize{axis}"] = letters(str(length))
        for index, extent in enumerate(("0.2", "0.12", "0.6")):
            image.attrs[f"ExtMin{index}"] = letters("0")
            image.attrs[f"ExtMax{index}"] = letters(extent)
        image.attrs["Unit"] = letters("um")
    assert np.array_equal(read(path), VOLUME)
    with open_stack(path) as stack:
        assert stack.facts.voxel_size_nm == pytest.approx((30, 4, 5))


@pytest.mark.parametrize(("keys", "is_read"), [("zyx", True), ("xyz", False), ("yxz", False)])
def test_axistags_in_another_order_are_refused(path: Path, keys: str, is_read: bool) -> None:
    tags = '{"axes": [' + ", ".join(f'{{"key": "{key}"}}' for key in keys) + "]}"
    with h5py.File(path, "w") as file:
        file["exported_data"] = VOLUME
        file["exported_data"].attrs["axistags"] = tags
    if is_read:
        assert np.array_equal(read(path), VOLUME)
        return
    with pytest.raises(UnsupportedFormat, match=", ".join(keys)):
        open_stack(path)


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


@pytest.mark.parametrize(("depth", "fewest", "most"), [(1, 50, 64), (64, 20, 28), (400, 4, 4)])
def test_sampling_64_sections_decodes_few_bands_spread_over_the_stack(depth: int, fewest: int, most: int) -> None:
    grid = ChunkGrid((400, 10_000, 16_000), (depth, 64, 64), 1)
    bands = [(round(z) // depth, grid.sample_rows(round(z)).start) for z in np.linspace(0, 399, 64)]
    assert fewest <= len({start for _, start in bands})
    assert depth == 1 or len(set(bands)) <= most
    assert all(start % 64 == 0 and start < 10_000 for _, start in bands)


GRIDS = st.builds(
    ChunkGrid,
    st.tuples(st.integers(1, 40), st.integers(1, 60), st.integers(1, 30)),
    st.tuples(st.integers(1, 12), st.integers(1, 20), st.integers(1, 30)),
    st.sampled_from([1, 2, 4]),
)


@given(GRIDS, st.integers(1, 6), st.integers(1, 20_000))
def test_slabs_of_whole_chunks_read_each_chunk_once_and_keep_to_the_budget(
    grid: ChunkGrid, layers: int, budget: int
) -> None:
    depth, rows, _ = grid.chunk
    touched: Counter[tuple[int, int]] = Counter()
    before = hdf5_boxes.BUDGET_BYTES
    hdf5_boxes.BUDGET_BYTES = budget
    try:
        step = layers * depth
        boxes = [box for z in range(0, grid.shape[0], step) for box in grid.boxes(z, min(z + step, grid.shape[0]))]
    finally:
        hdf5_boxes.BUDGET_BYTES = before
    for z, y in boxes:
        size = (z.stop - z.start) * (y.stop - y.start) * grid.shape[2] * grid.itemsize
        assert size <= max(budget, depth * rows * grid.shape[2] * grid.itemsize)
        touched.update(
            product(range(z.start // depth, -(-z.stop // depth)), range(y.start // rows, -(-y.stop // rows)))
        )
    assert set(touched.values()) == {1}
    assert len(touched) == -(-grid.shape[0] // depth) * -(-grid.shape[1] // rows)


@given(GRIDS, st.data())
def test_any_range_of_sections_is_covered_once(grid: ChunkGrid, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, grid.shape[0] - 1))
    stop = data.draw(st.integers(start + 1, grid.shape[0]))
    seen = np.zeros(grid.shape[:2], int)
    for z, y in grid.boxes(start, stop):
        seen[z, y] += 1
    assert (seen[start:stop] == 1).all()
    assert not seen[:start].any()
    assert not seen[stop:].any()


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
