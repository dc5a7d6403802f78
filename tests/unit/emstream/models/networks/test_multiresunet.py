"""MultiResUNet is the network of the paper."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from emstream.models.networks.multiresunet import MultiResBlock, MultiResUNet, res_path


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)


@pytest.mark.parametrize(
    ("sections", "trainable", "total"),
    [(1, 7_237_982, 7_262_504), (3, 7_238_228, 7_262_750), (5, 7_238_474, 7_262_996)],
)
def test_multiresunet_has_the_parameters_of_the_keras_original(sections: int, trainable: int, total: int) -> None:
    network = MultiResUNet(sections)
    assert count(network) == trainable
    statistics = sum(b.numel() for name, b in network.named_buffers() if "running" in name)
    assert trainable + statistics == total - 2  # the original normalises its output too: one mean, one variance


def test_a_block_has_the_channels_of_its_three_convolutions() -> None:
    block = MultiResBlock(3, 32)
    assert block.channels_out == int(53.44 * 0.167) + int(53.44 * 0.333) + int(53.44 * 0.5)
    assert block(torch.zeros(1, 3, 8, 8)).shape == (1, block.channels_out, 8, 8)


def test_a_path_is_as_long_as_asked_and_keeps_the_size() -> None:
    path = res_path(5, 8, 3)
    assert len(path) == 3
    assert path(torch.zeros(1, 5, 8, 6)).shape == (1, 8, 8, 6)
