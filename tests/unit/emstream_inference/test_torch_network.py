"""Weights of a checkpoint in a torch network: all of them, of the right shape, or a sentence."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from emstream.errors import CheckpointDamaged
from emstream_inference.torch_network import build
from tests.unit.emstream_inference.checkpoints import WIDTH, write_weights


def test_the_network_has_every_weight_and_is_ready_to_predict(tmp_path: Path) -> None:
    network, checkpoint = write_weights(tmp_path / "random.onnx")
    built = build(checkpoint)
    assert not built.training
    for name, weight in network.state_dict().items():
        if not name.endswith("num_batches_tracked"):
            assert torch.equal(built.served.state_dict()[name], weight)


def test_a_missing_weight_is_named(tmp_path: Path) -> None:
    _, checkpoint = write_weights(tmp_path / "cut.onnx", leave_out="body.head.weight")
    with pytest.raises(
        CheckpointDamaged, match=r"cut\.onnx lacks 1 weights of MultiResUNet \(first: body\.head\.weight"
    ):
        build(checkpoint)


@pytest.mark.parametrize("changes", [{"width": 2 * WIDTH}, {"sections": 3}, {"objects": ["spots", "rods"]}])
def test_weights_that_do_not_fit_the_header_are_refused(tmp_path: Path, changes: dict[str, object]) -> None:
    _, checkpoint = write_weights(tmp_path / "other.onnx", changes=changes)
    with pytest.raises(CheckpointDamaged, match=r"other\.onnx (does not fit its header|lacks)"):
        build(checkpoint)
