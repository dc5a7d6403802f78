"""The halo of a network that sees a known distance."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from emstream_training.fit.write_checkpoint import CORE, fast_halo

ALIGNMENT, EXACT = 16, 96
HEIGHT = 2 * CORE + 64
"""Height of three tiles; core of the middle one has no more context than the halo."""


class Reach(nn.Module):
    """Answers with the greatest grey value within `reach` pixels of the first section."""

    def __init__(self, reach: int) -> None:
        super().__init__()
        self.reach = reach

    def forward(self, windows: Tensor) -> Tensor:
        pool, side = nn.functional.max_pool2d, 2 * self.reach + 1
        rows = pool(windows[:, :1].float(), (side, 1), 1, (self.reach, 0))
        grown: Tensor = pool(rows, (1, side), 1, (0, self.reach))
        return grown / 255


def line(height: int, reach: int) -> NDArray[np.uint8]:
    """Return a window (1, height, 256) with a bright row that the first row of the second core just reaches."""
    window = np.zeros((1, height, 256), np.uint8)
    window[:, CORE - reach] = 255
    return window


@pytest.mark.parametrize(("reach", "halo"), [(0, 16), (16, 16), (17, 32), (32, 32), (33, 48)])
def test_the_halo_is_the_next_multiple_of_the_reach(reach: int, halo: int) -> None:
    assert fast_halo(Reach(reach), [line(HEIGHT, reach)], ALIGNMENT, EXACT, 0.5) == halo


def test_a_network_that_sees_too_far_gets_the_exact_halo() -> None:
    assert fast_halo(Reach(60), [line(HEIGHT, 60)], ALIGNMENT, 32, 0.5) == 32


def test_sections_without_seams_give_the_exact_halo() -> None:
    def network(windows: Tensor) -> Tensor:
        raise AssertionError(windows.shape)  # nothing is predicted

    module = nn.Module()
    module.forward = network
    assert (
        fast_halo(module, [np.zeros((1, side, side), np.uint8) for side in (CORE, 64)], ALIGNMENT, EXACT, 0.5) == EXACT
    )
    assert torch.is_grad_enabled()
