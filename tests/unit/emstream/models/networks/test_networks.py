"""The networks are those of the papers: parameter counts, receptive fields, and what the atrous heads compute."""

from __future__ import annotations

from typing import get_args

import pytest
import torch
from torch import Tensor, nn

from emstream.errors import SettingsError
from emstream.models.checkpoint import NetworkName
from emstream.models.networks.architectures import Body, architecture
from emstream.models.networks.atrous import AtrousHead, PhaseConvolution, padding_of
from emstream.models.networks.deepem3d import DILATIONS, RECEPTIVE_RADIUS, DeepEM3D
from emstream.models.networks.multiresunet import MultiResUNet
from emstream.models.networks.serving import ServedNetwork

NAMES = get_args(NetworkName)
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


@pytest.mark.parametrize(
    ("sections", "trainable", "total"),
    [(1, 7_237_982, 7_262_504), (3, 7_238_228, 7_262_750), (5, 7_238_474, 7_262_996)],
)
def test_multiresunet_has_the_parameters_of_the_keras_original(sections: int, trainable: int, total: int) -> None:
    network = MultiResUNet(sections)
    assert count(network) == trainable
    statistics = sum(b.numel() for name, b in network.named_buffers() if "running" in name)
    assert trainable + statistics == total - 2  # the original normalises its output too: one mean, one variance


@pytest.mark.parametrize(("stride", "dilation"), [(s, d) for s in (2, 4, 8) for d in DILATIONS] + [(16, 1)])
def test_an_atrous_head_computes_the_literal_transposed_convolution(stride: int, dilation: int) -> None:
    torch.manual_seed(stride + dilation)
    literal = nn.ConvTranspose2d(5, 2, 2 * stride, stride, padding_of(stride, dilation), dilation=dilation)
    phases = PhaseConvolution(5, 2, stride, dilation)
    phases.load_literal(literal.weight)
    assert literal.bias is not None
    phases.load_state_dict({"bias": literal.bias}, strict=False)
    x = torch.randn(2, 5, 40, 33)
    with torch.no_grad():
        expected = literal(x)
        found = nn.functional.pixel_shuffle(phases(x), stride)
    assert found.shape == expected.shape == (2, 2, 40 * stride, 33 * stride)
    assert (found - expected).abs().max() < 1e-5
    assert sum(p.numel() for p in literal.parameters()) == count(phases)


def test_a_dense_head_starts_as_a_bilinear_enlargement() -> None:
    phases = AtrousHead(1, 2, 4, (1,)).branches[0]
    x = torch.rand(1, 1, 9, 9)
    enlarged = nn.functional.interpolate(x, scale_factor=4, mode="bilinear", align_corners=False)
    found = nn.functional.pixel_shuffle(phases(x), 4)
    assert torch.allclose(found[:, :1, 4:-4, 4:-4], enlarged[..., 4:-4, 4:-4], atol=1e-6)


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
def test_a_reduced_network_gives_reduced_maps(name: NetworkName) -> None:
    network = ServedNetwork(3, 1, NARROW, 2, name).eval()
    with torch.no_grad():
        assert network(torch.zeros(1, 3, 64, 96)).shape == (1, 1, 32, 48)


@pytest.mark.parametrize("name", NAMES)
def test_width_scales_all_channels(name: NetworkName) -> None:
    counts = [count(architecture(name).make(3, 1, width)) for width in (0.25, 0.5, 1.0)]
    assert 2.5 < counts[1] / counts[0] < 4.2
    assert 2.5 < counts[2] / counts[1] < 4.2


@pytest.mark.parametrize("sections", [3, 5])
def test_each_section_and_its_place_count(sections: int) -> None:
    torch.manual_seed(0)
    network: Body = DeepEM3D(sections, 1, NARROW).eval()
    x = torch.randn(1, sections, 32, 32, requires_grad=True)
    network(x).sum().backward()
    assert x.grad is not None
    assert (x.grad.abs().amax((0, 2, 3)) > 0).all()
    assert not torch.allclose(network(x), network(x.flip(1)))


def test_a_network_that_is_not_there_is_named() -> None:
    with pytest.raises(SettingsError, match="MultiResUNet, DeepEM3D, got 'UNet'"):
        architecture("UNet")
