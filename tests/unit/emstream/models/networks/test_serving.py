"""Networks as they are served."""

from __future__ import annotations

from typing import get_args

import pytest
import torch
from torch import Tensor, nn

from emstream.models.checkpoint import NetworkName
from emstream.models.networks.serving import GREY_MEAN, GREY_SCALE, Probability, ServedNetwork

NAMES = get_args(NetworkName)
NARROW = 0.05


@pytest.mark.parametrize("name", NAMES)
def test_a_reduced_network_gives_reduced_maps(name: NetworkName) -> None:
    network = ServedNetwork(3, 1, NARROW, 2, name).eval()
    with torch.no_grad():
        assert network(torch.zeros(1, 3, 64, 96)).shape == (1, 1, 32, 48)


def test_space_to_depth_gives_each_pixel_of_a_block_a_channel() -> None:
    network = ServedNetwork(1, 1, NARROW, 2, "MultiResUNet", space_to_depth=True).eval()
    seen: list[Tensor] = []

    def keep(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        seen.append(inputs[0])

    network.body.register_forward_pre_hook(keep)
    grey = torch.zeros(1, 1, 32, 32)
    grey[0, 0, 1, 0] = GREY_MEAN + GREY_SCALE  # the lower left pixel of the first block
    with torch.no_grad():
        network(grey)
    assert seen[0].shape == (1, 4, 16, 16)
    assert seen[0][0, :, 0, 0].tolist() == [-2.0, -2.0, 1.0, -2.0]


@pytest.mark.parametrize("reduction", [1, 2])
def test_probabilities_have_the_windows_size_and_are_between_0_and_1(reduction: int) -> None:
    network = Probability(ServedNetwork(3, 2, NARROW, reduction)).eval()
    windows = torch.randint(0, 256, (2, 3, 64, 96), dtype=torch.uint8)
    with torch.no_grad():
        found = network(windows)
    assert found.shape == (2, 2, 64, 96)
    assert found.dtype == torch.float32
    assert bool(((found >= 0) & (found <= 1)).all())
