"""DeepEM3D is the network of the paper: parameters and receptive field."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from emstream.models.networks.deepem3d import RECEPTIVE_RADIUS, DeepEM3D
from emstream.models.networks.serving import Body

NARROW = 0.05


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)


@pytest.mark.parametrize(("sections", "expected"), [(1, 24_002_804), (3, 24_021_812), (5, 24_040_244)])
def test_deepem3d_has_the_parameters_of_the_original(sections: int, expected: int) -> None:
    network = DeepEM3D(sections)
    assert count(network) == expected
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    assert (len(norms), sum(map(count, norms))) == (48, 26_056)


def test_the_heads_of_deepem3d_have_the_parameters_of_the_original() -> None:
    network = DeepEM3D()
    heads = (network.head_2, network.head_4, network.head_8, network.head_16)
    assert [count(head.branches) for head in heads] == [30_730, 245_770, 2_954_250, 4_194_306]


def linear(network: nn.Module) -> nn.Module:
    """Make all weights positive and take means for maxima: the gradient is above zero wherever a pixel counts."""
    for module in network.modules():
        for name, child in module.named_children():
            if isinstance(child, nn.MaxPool2d):
                setattr(module, name, nn.AvgPool2d(3, 2, ceil_mode=True))
    for parameter in network.parameters():
        nn.init.constant_(parameter, 1 / max(1, parameter[0].numel()))
    return network.double().eval()


def reach(maps: Tensor, x: Tensor) -> int:
    """Return the largest distance in rows between an output pixel, at each phase of 16, and a pixel it depends on."""
    largest, centre = 0, maps.shape[2] // 2
    for row in range(centre, centre + 16):
        (gradient,) = torch.autograd.grad(maps[0, 0, row].sum(), x, retain_graph=True)
        rows = torch.nonzero(gradient[0].sum((0, 2)))
        largest = max(largest, row - int(rows.min()), int(rows.max()) - row)
    return largest


@pytest.mark.slow(reason="computes gradients of the larger network")
@pytest.mark.parametrize("columns_first", [False, True])
def test_an_output_pixel_of_deepem3d_sees_230_pixels_far(columns_first: bool) -> None:
    network = linear(DeepEM3D(1, 1, NARROW))
    assert isinstance(network, DeepEM3D)
    x = torch.ones(1, 1, 512, 32, dtype=torch.float64, requires_grad=True)
    at_2 = network.stem(network.entry(x.mT if columns_first else x))
    at_4 = network.block_a(network.reduction_stem(at_2))
    at_8 = network.block_b(network.reduction_a(at_4))
    at_16 = network.block_c(network.reduction_b(at_8))
    maps = [network.head_2(at_2), network.head_4(at_4), network.head_8(at_8), network.head_16(at_16)]
    found = [reach(m.mT if columns_first else m, x) for m in maps]
    assert found == [47, 104, 230, 109]
    assert max(found) == RECEPTIVE_RADIUS


@pytest.mark.parametrize("sections", [3, 5])
def test_each_section_and_its_place_count(sections: int) -> None:
    torch.manual_seed(0)
    network: Body = DeepEM3D(sections, 1, NARROW).eval()
    x = torch.randn(1, sections, 32, 32, requires_grad=True)
    network(x).sum().backward()
    assert x.grad is not None
    assert (x.grad.abs().amax((0, 2, 3)) > 0).all()
    assert not torch.allclose(network(x), network(x.flip(1)))
