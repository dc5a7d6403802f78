"""Choice of the dataset of an HDF5 file, never out of the file."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from emstream.errors import DatasetNotFound, UnsupportedFormat
from emstream.readers.hdf5 import choice
from emstream.readers.open_stack import open_stack
from emstream.readers.stack import Grey

RNG = np.random.default_rng(4)
VOLUME = RNG.integers(0, 256, (20, 30, 40), np.uint8)


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


def test_bigdataviewer_keeps_unsigned_values_as_signed_ones(path: Path) -> None:
    values = np.arange(2000, 62000, 5).astype(np.uint16).reshape(20, 30, 20)
    with h5py.File(path, "w") as file:
        file["t00000/s00/0/cells"] = values.view(np.int16)
        file["t00000/s00/1/cells"] = values.view(np.int16)[:, ::2, ::2]
    found = read(path)
    assert found.dtype == np.uint16
    assert np.array_equal(found, values)


def test_bigdataviewer_may_say_that_values_are_signed(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["t00000/s00/0/cells"] = VOLUME.astype(np.int16)
        file["t00000/s00"].attrs["dataType"] = "int16"
    assert read(path).dtype == np.int16


def test_velox_has_its_frames_last(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "v.emd", "w") as file:
        file.create_dataset("Data/Image/0123abcd/Data", data=np.moveaxis(VOLUME, 0, -1), chunks=(7, 9, 1))
    assert np.array_equal(read(tmp_path / "v.emd"), VOLUME)


def test_one_picture_of_ilastik_is_one_section(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["exported_data"] = VOLUME[0, :, :, None]
        file["exported_data"].attrs["axistags"] = '{"axes": [{"key": "y"}, {"key": "x"}, {"key": "c"}]}'
    assert np.array_equal(read(path), VOLUME[:1])


@pytest.mark.parametrize(("stored", "order"), [((30, 40, 6), "yxz"), ((30, 6, 40), "yzx")])
def test_the_order_of_axes_is_asked_for_where_sections_are_strips(
    path: Path, stored: tuple[int, int, int], order: str
) -> None:
    values = RNG.integers(0, 256, stored, np.uint8)
    with h5py.File(path, "w") as file:
        file["g/v"] = values
    with pytest.raises(DatasetNotFound, match=rf"uint8; read as .* --dataset g/v:{order}; if .* g/v:zyx"):
        open_stack(path)
    assert np.array_equal(read(path, f"g/v:{order}"), values.transpose([order.index(axis) for axis in "zyx"]))
    assert np.array_equal(read(path, "g/v:zyx"), values)


def test_colons_may_be_part_of_a_name(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["v:yxz"] = VOLUME
    assert np.array_equal(read(path, "v:yxz"), VOLUME)


def test_refusals_list_name_shape_and_type_and_the_way_out(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["volumes/ids"] = VOLUME.astype(np.uint64)
    with pytest.raises(DatasetNotFound, match=r"volumes/ids \(20, 30, 40\) uint64\. Integers of 64 bits .* labels"):
        open_stack(path)
    with h5py.File(path, "w") as file:
        for z in range(14):
            file[f"s{z:02}"] = VOLUME[z]
    with pytest.raises(
        DatasetNotFound, match=r"s00 \(30, 40\) uint8, .* and 2 more\. Save its sections as one data set"
    ):
        open_stack(path)
    with h5py.File(path, "w") as file:
        file.create_group("empty")
    with pytest.raises(DatasetNotFound, match="It holds no data set"):
        open_stack(path)


def test_a_channel_is_not_chosen_without_a_word(path: Path) -> None:
    place = "DataSet/ResolutionLevel 0/TimePoint 0/Channel {}/Data"
    with h5py.File(path, "w") as file:
        file[place.format(0)] = VOLUME
        file[place.format(1)] = 255 - VOLUME
    with open_stack(path) as stack:
        (warning,) = stack.facts.warnings
    assert place.format(1) in warning
    assert f"{place.format(0)} was read" in warning


def test_labels_next_to_raw_data_need_no_word(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["raw"] = VOLUME
        file["labels"] = VOLUME
    with open_stack(path) as stack:
        assert stack.facts.warnings == ()
