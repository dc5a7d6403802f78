"""Atrous transposed convolutions, computed as ordinary convolutions: DeepEM3D's heads reach full resolution by them.

A transposed convolution with stride s, kernel 2s and odd dilation d (s a power of two) gives each output pixel to
exactly 2 x 2 taps, d input pixels apart; which four depends on the pixel's phase, its place in the s x s square that
an input pixel becomes. So all s * s phases come out of one convolution with a 2 x 2 kernel of dilation d; each phase is
then shifted by whole input pixels, and the phases are interleaved. The work is the same as that of the literal form,
but it is a dense convolution with many output channels, which engines do well: the heads of a 1024 x 1024 window take
0.9 s instead of 6.1 s (OpenVINO float32, two cores).

Positions along an axis: tap t of input pixel i writes output pixel s * i + d * t - padding.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import torch
from torch import Tensor, nn


def padding_of(stride: int, dilation: int) -> int:
    """Return the padding with which a kernel of 2 * stride gives `stride` times as many pixels.

    >>> padding_of(8, 23)
    169
    """
    return (dilation * (2 * stride - 1) + 1 - stride) // 2


def shifts(stride: int, dilation: int) -> tuple[list[int], list[int]]:
    """Return, by phase, the first of the two taps, and the number of input pixels that it writes ahead of its own.

    >>> shifts(2, 1)
    ([1, 0], [0, 0])
    """
    taps, ahead = [0] * stride, [0] * stride
    for tap in range(stride):
        pixels, phase = divmod(dilation * tap - padding_of(stride, dilation), stride)
        taps[phase], ahead[phase] = tap, pixels
    return taps, ahead


def phase_weight(literal: Tensor, dilation: int) -> Tensor:
    """Return the weight of `PhaseConvolution` that does what a transposed convolution's does.

    literal: (channels, classes, 2s, 2s), as torch's ConvTranspose2d has it; returns (classes * s * s, channels, 2, 2).
    """
    stride = literal.shape[-1] // 2
    taps, _ = shifts(stride, dilation)
    pairs = torch.tensor([[tap + stride, tap] for tap in taps])  # a convolution's first tap is first in its input
    chosen = literal[:, :, pairs[:, None, :, None], pairs[None, :, None, :]]  # channels, classes, phases y x, taps y x
    return chosen.permute(1, 2, 3, 0, 4, 5).reshape(-1, literal.shape[0], 2, 2)


class PhaseConvolution(nn.Module):
    """One transposed convolution (kernel 2s, stride s, dilation d) up to the interleaving, `pixel_shuffle`.

    The shifts are convolutions of each channel with one 1 among zeros: exact, and where cutting and joining would be
    hundreds of operations, they are two.
    """

    def __init__(self, channels: int, classes: int, stride: int, dilation: int) -> None:
        super().__init__()
        self.stride, self.dilation = stride, dilation
        self.weight = nn.Parameter(torch.empty(classes * stride * stride, channels, 2, 2))
        self.bias = nn.Parameter(torch.zeros(classes))
        _, ahead = shifts(stride, dilation)
        starts = max(ahead) - torch.tensor(ahead)
        shift = nn.functional.one_hot(starts, max(ahead) - min(ahead) + 1).float()
        rows, columns = shift.repeat_interleave(stride, 0).repeat(classes, 1), shift.repeat(classes * stride, 1)
        self.register_buffer("shift_rows", rows[:, None, :, None], persistent=False)
        self.register_buffer("shift_columns", columns[:, None, None, :], persistent=False)
        self.shift_rows: Tensor
        self.shift_columns: Tensor
        self.padding = -(-padding_of(stride, dilation) // stride)

    def load_literal(self, weight: Tensor) -> None:
        """Copy the weight of a transposed convolution, (channels, classes, 2s, 2s)."""
        with torch.no_grad():
            self.weight.copy_(phase_weight(weight, self.dilation))

    def forward(self, x: Tensor) -> Tensor:
        """Return (n, classes * s * s, h, w) of (n, channels, h, w), channels in the order class, phase y, phase x."""
        bias = self.bias.repeat_interleave(self.stride * self.stride)
        found = nn.functional.conv2d(x, self.weight, bias, padding=self.padding, dilation=self.dilation)
        found = nn.functional.conv2d(found, self.shift_rows, groups=len(bias))
        return nn.functional.conv2d(found, self.shift_columns, groups=len(bias))


def bilinear(stride: int) -> Tensor:
    """Return the kernel (2s, 2s) of a transposed convolution that enlarges s times by bilinear interpolation."""
    ramp = 1 - ((torch.arange(2 * stride) + 0.5) / stride - 1).abs()
    return ramp[:, None] * ramp


class AtrousHead(nn.Module):
    """The class maps that one scale of the encoder gives: a sum of atrous enlargements, then a 3x3 convolution."""

    def __init__(self, channels: int, classes: int, stride: int, dilations: Sequence[int]) -> None:
        super().__init__()
        self.classes, self.stride = classes, stride
        self.branches = nn.ModuleList(PhaseConvolution(channels, classes, stride, d) for d in dilations)
        self.bn_sum = nn.BatchNorm2d(classes)
        self.conv = nn.Conv2d(classes, classes, 3, padding=1)
        self.bn = nn.BatchNorm2d(classes)
        self.activation = nn.ReLU()
        self._initialise()

    def forward(self, x: Tensor) -> Tensor:
        """Return (n, classes, s * h, s * w) of (n, channels, h, w), never negative: the last layer is a ReLU."""
        phases = reduce(torch.add, [branch(x) for branch in self.branches])
        total = nn.functional.pixel_shuffle(phases, self.stride)
        y: Tensor = self.activation(self.bn(self.conv(self.activation(self.bn_sum(total)))))
        return y

    def _initialise(self) -> None:
        """Start as the original does: dense branches as bilinear enlargements, dilated ones near zero."""
        for branch in self.branches:
            assert isinstance(branch, PhaseConvolution)
            if branch.dilation == 1:
                channels = branch.weight.shape[1]
                branch.load_literal(bilinear(self.stride).expand(channels, self.classes, -1, -1))
            else:
                nn.init.normal_(branch.weight, std=0.01)
        nn.init.normal_(self.conv.weight, std=0.001)
        assert self.conv.bias is not None
        nn.init.zeros_(self.conv.bias)
