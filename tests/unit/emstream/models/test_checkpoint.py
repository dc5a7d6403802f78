"""Checkpoint files: header and weights."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import helper, numpy_helper
from pydantic import ValidationError

from emstream.errors import CheckpointDamaged, UnknownCheckpoint
from emstream.models.checkpoint import HALF_SUFFIX, METADATA_KEY, Header, read_checkpoint, read_weights

HEADER = Header(
    name="spots",
    network="MultiResUNet",
    width=0.1,
    reduction=1,
    sections=3,
    objects=("spots",),
    normalisation="(v - 128) / 64",
    alignment=16,
    pixel_size_nm=5,
    z_range_nm=(20, 60),
    halo_exact=160,
    halo_fast=64,
    threshold=0.4,
)


def written(path: Path, header: str | None, *arrays: tuple[str, NDArray[np.generic]]) -> Path:
    tensors = [numpy_helper.from_array(array, name) for name, array in arrays]
    model = helper.make_model(helper.make_graph([], "network", [], [], tensors))
    if header is not None:
        entry = model.metadata_props.add()
        entry.key, entry.value = METADATA_KEY, header
    onnx.save_model(model, path)
    return path


def test_a_header_comes_back_with_the_file_s_hash(tmp_path: Path) -> None:
    path = written(tmp_path / "a.onnx", HEADER.model_dump_json())
    checkpoint = read_checkpoint(path)
    assert checkpoint.header == HEADER
    assert checkpoint.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_weights_come_back_as_float32_under_their_own_names(tmp_path: Path) -> None:
    half, counter = np.array([0.5, -2], np.float16), np.array(7, np.int64)
    weights = read_weights(written(tmp_path / "a.onnx", None, (f"w{HALF_SUFFIX}", half), ("n", counter)))
    assert weights["w"].dtype == np.float32
    assert weights["w"].tolist() == [0.5, -2]
    assert weights["n"].dtype == np.int64
    assert weights["n"].tolist() == 7


def test_what_is_no_checkpoint_has_its_sentence(tmp_path: Path) -> None:
    with pytest.raises(UnknownCheckpoint, match="there is no checkpoint"):
        read_checkpoint(tmp_path / "none.onnx")
    (tmp_path / "text.onnx").write_bytes(b"\xffno protobuf")
    with pytest.raises(CheckpointDamaged, match="is no ONNX file"):
        read_checkpoint(tmp_path / "text.onnx")
    with pytest.raises(CheckpointDamaged, match="has no emstream header"):
        read_checkpoint(written(tmp_path / "bare.onnx", None))
    with pytest.raises(CheckpointDamaged, match="has no emstream header"):
        read_checkpoint(written(tmp_path / "odd.onnx", '{"version": 2}'))


@pytest.mark.parametrize("wrong", [{"threshold": 1}, {"objects": ()}, {"sections": 2}, {"reduction": 0}, {"more": 1}])
def test_a_header_of_impossible_values_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Header.model_validate({**HEADER.model_dump(), **wrong})
