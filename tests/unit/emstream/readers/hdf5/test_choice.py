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
