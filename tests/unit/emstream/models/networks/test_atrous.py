"""Atrous heads compute the literal transposed convolutions."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from emstream.models.networks.atrous import AtrousHead, PhaseConvolution, padding_of
from emstream.models.networks.deepem3d import DILATIONS


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)


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
