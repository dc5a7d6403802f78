"""The networks by name: halos, sizes of maps, and widths."""

from __future__ import annotations

from typing import get_args

import pytest
import torch
from torch import nn

from emstream.errors import SettingsError
from emstream.models.checkpoint import NetworkName
from emstream.models.networks.serving import architecture

NAMES = get_args(NetworkName)
NARROW = 0.05


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)


def test_exact_halos_lie_beyond_the_receptive_fields() -> None:
    assert [architecture("MultiResUNet").exact_halo(reduction) for reduction in (1, 2)] == [160, 320]
    assert [architecture("DeepEM3D").exact_halo(reduction) for reduction in (1, 2)] == [240, 480]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("sections", "objects", "side"), [(1, 1, (16, 16)), (3, 2, (48, 80)), (5, 1, (112, 32))])
def test_any_multiple_of_the_alignment_gives_maps_of_its_size(
    name: NetworkName, sections: int, objects: int, side: tuple[int, int]
) -> None:
    made = architecture(name).make(sections, objects, NARROW).eval()
    with torch.no_grad():
        assert made(torch.randn(2, sections, *side)).shape == (2, objects, *side)


@pytest.mark.parametrize("name", NAMES)
def test_width_scales_all_channels(name: NetworkName) -> None:
    counts = [count(architecture(name).make(3, 1, width)) for width in (0.25, 0.5, 1.0)]
    assert 2.5 < counts[1] / counts[0] < 4.2
    assert 2.5 < counts[2] / counts[1] < 4.2


def test_a_network_that_is_not_there_is_named() -> None:
    with pytest.raises(SettingsError, match="MultiResUNet, DeepEM3D, got 'UNet'"):
        architecture("UNet")
