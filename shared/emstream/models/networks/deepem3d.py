"""DeepEM3D-Net, the network of CDeep3M: an Inception-ResNet encoder with an atrous head at each of four scales.

T. Zeng, B. Wu, S. Ji, "DeepEM3D: approaching human-level performance on 3D anisotropic EM image segmentation",
Bioinformatics 33 (2017); layers, widths and initial values follow the network files of CDeep3M (M. Haberl et al.,
Nature Methods 15, 2018). Neighbouring sections meet in the first two convolutions; all else is two-dimensional. Sides
of the input must be multiples of 16. One output pixel depends on input pixels at most 230 px away (`RECEPTIVE_RADIUS`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from emstream.models.networks.atrous import AtrousHead

RECEPTIVE_RADIUS = 230
"""Distance in pixels within which an output pixel depends on the input."""
ALIGNMENT = 16
"""Number of pixels of which sides of the input are multiples."""
RESIDUAL_SCALE = 0.1
"""Share of a block's branches that is added to its input."""
DILATIONS = (1, 5, 11, 17, 23)
"""Dilations of a head's atrous branches."""


class Step(NamedTuple):
    """A convolution of a branch: channels at width 1, kernel (rows, columns), stride."""

    channels: int
    kernel: tuple[int, int] = (1, 1)
    stride: int = 1

    def scaled(self, width: float) -> Step:
        """Return the step in a network of this width."""
        return self._replace(channels=scaled(self.channels, width))


def scaled(channels: int, width: float) -> int:
    """Return the number of channels that stand for `channels` of the paper's in a network of this width."""
    return max(4, int(channels * width))


SQUARE = (3, 3)
STEM_SHORT = (Step(64), Step(96, SQUARE))
STEM_LONG = (Step(64), Step(64, (7, 1)), Step(64, (1, 7)), Step(96, SQUARE))
REDUCTION_STEM = ((Step(192, SQUARE, 2),),)
BLOCK_A = ((Step(32),), (Step(32), Step(32, SQUARE)), (Step(32), Step(48, SQUARE), Step(64, SQUARE)))
BLOCK_B = ((Step(192),), (Step(128), Step(160, (1, 7)), Step(192, (7, 1))))
BLOCK_C = ((Step(192),), (Step(192), Step(224, (1, 3)), Step(256, (3, 1))))
REDUCTION_A = ((Step(384, SQUARE, 2),), (Step(256), Step(256, SQUARE), Step(384, SQUARE, 2)))
REDUCTION_B = (
    (Step(256), Step(384, SQUARE, 2)),
    (Step(256), Step(288, SQUARE, 2)),
    (Step(256), Step(288, SQUARE), Step(320, SQUARE, 2)),
)
Branches = Sequence[Sequence[Step]]


class ConvBN(nn.Module):
    """Convolution with bias, batch normalisation, then an optional ReLU."""

    def __init__(self, channels_in: int, step: Step, activation: bool = True) -> None:
        super().__init__()
        rows, columns = step.kernel
        # A strided kernel never reads the padding after an even side; without it, the exporter sees sides halved.
        is_strided = step.stride == 2
        self.pad = nn.ZeroPad2d((1, 0, 1, 0)) if is_strided else nn.Identity()
        padding = 0 if is_strided else (rows // 2, columns // 2)
        self.conv = nn.Conv2d(channels_in, step.channels, step.kernel, step.stride, padding)
        self.bn = nn.BatchNorm2d(step.channels)
        self.activation = nn.ReLU(inplace=True) if activation else nn.Identity()
        bound = (3 / self.conv.weight[0].numel()) ** 0.5  # Xavier, by the inputs only
        nn.init.uniform_(self.conv.weight, -bound, bound)
        assert self.conv.bias is not None
        nn.init.zeros_(self.conv.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Return (n, step.channels, h / stride, w / stride) of (n, channels_in, h, w)."""
        y: Tensor = self.activation(self.bn(self.conv(self.pad(x))))
        return y


class Branching(nn.Module):
    """Chains of convolutions in parallel on one input, concatenated; `channels_out` counts all their channels."""

    def __init__(self, channels_in: int, branches: Branches, width: float) -> None:
        super().__init__()
        self.branches = nn.ModuleList(chain(channels_in, branch, width) for branch in branches)
        self.channels_out = sum(scaled(branch[-1].channels, width) for branch in branches)

    def forward(self, x: Tensor) -> Tensor:
        """Return (n, channels_out, h, w) of (n, channels_in, h, w); half of h and w for strided branches."""
        return torch.cat([branch(x) for branch in self.branches], dim=1)


def chain(channels_in: int, steps: Sequence[Step], width: float, last_activation: bool = True) -> nn.Sequential:
    """Return the convolutions one after the other, their channels scaled by `width`."""
    layers = []
    for index, step in enumerate(steps):
        is_active = last_activation or index < len(steps) - 1
        layers.append(ConvBN(channels_in, step.scaled(width), is_active))
        channels_in = scaled(step.channels, width)
    return nn.Sequential(*layers)


class SectionEntry(nn.Module):
    """The first two convolutions, in which 1, 3 or 5 sections meet.

    The original's are three-dimensional. Here sections are channels: the first convolution sees three sections at each
    second position (one grey section is padded at either end), the second all that the first found.
    """

    def __init__(self, sections: int, width: float) -> None:
        super().__init__()
        self.positions = (sections + 1) // 2
        self.first = ConvBN(min(sections, 3), Step(32, SQUARE, 2).scaled(width))
        self.second = ConvBN(self.positions * scaled(32, width), Step(64, SQUARE).scaled(width))
        for layer in (self.first, self.second):
            nn.init.normal_(layer.conv.weight, std=0.01)

    def forward(self, x: Tensor) -> Tensor:
        """Return (n, 64 * width, h / 2, w / 2) of (n, sections, h, w)."""
        padded = nn.functional.pad(x, (0, 0, 0, 0, 1, 1)) if self.positions > 1 else x
        views = torch.stack([padded[:, 2 * k : 2 * k + 3] for k in range(self.positions)], dim=1)
        found = self.first(views.flatten(0, 1))  # as one batch: the positions share their normalisation
        y: Tensor = self.second(torch.unflatten(found, 0, (-1, self.positions)).flatten(1, 2))
        return y


class Stem(nn.Module):
    """Two chains in parallel at half the resolution."""

    def __init__(self, width: float) -> None:
        super().__init__()
        channels = scaled(64, width)
        self.short = chain(channels, STEM_SHORT, width, last_activation=False)
        self.long = chain(channels, STEM_LONG, width)

    def forward(self, x: Tensor) -> Tensor:
        """Return (n, 192 * width, h, w) of (n, 64 * width, h, w)."""
        return torch.cat([self.short(x), self.long(x)], dim=1)


class Reduction(nn.Module):
    """Half the resolution: pooling and strided branches in parallel, then a 1x1 convolution to `channels`."""

    def __init__(self, channels_in: int, branches: Branches, channels: int, width: float) -> None:
        super().__init__()
        self.pool = nn.MaxPool2d(3, 2, ceil_mode=True)
        self.strided = Branching(channels_in, branches, width)
        self.join = ConvBN(channels_in + self.strided.channels_out, Step(channels).scaled(width))

    def forward(self, x: Tensor) -> Tensor:
        """Return (n, channels * width, h / 2, w / 2) of (n, channels_in, h, w)."""
        y: Tensor = self.join(torch.cat([self.pool(x), self.strided(x)], dim=1))
        return y


class ResidualBlock(nn.Module):
    """The input plus a tenth of what the branches find in it, then a ReLU."""

    def __init__(self, channels: int, branches: Branches, width: float) -> None:
        super().__init__()
        self.found = Branching(channels, branches, width)
        self.join = ConvBN(self.found.channels_out, Step(channels), activation=False)
        self.activation = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """Return (n, channels, h, w) of (n, channels, h, w)."""
        y: Tensor = self.activation(x + RESIDUAL_SCALE * self.join(self.found(x)))
        return y


class DeepEM3D(nn.Module):
    """The whole network.

    It has one class map for the background and one for each object; the logits are the differences to the background's,
    so for one object the sigmoid of the logits is the original's softmax. `width` scales all channels but the class
    maps; 1.0 is the paper's network (24 002 804, 24 021 812 and 24 040 244 parameters for 1, 3 and 5 sections).
    """

    def __init__(self, sections: int = 1, objects: int = 1, width: float = 1.0) -> None:
        super().__init__()
        at_2, at_4, at_8, at_16 = 2 * scaled(96, width), scaled(384, width), scaled(1154, width), scaled(2048, width)
        classes = objects + 1
        self.entry = SectionEntry(sections, width)
        self.stem = Stem(width)
        self.reduction_stem = Reduction(at_2, REDUCTION_STEM, 384, width)
        self.block_a = ResidualBlock(at_4, BLOCK_A, width)
        self.reduction_a = Reduction(at_4, REDUCTION_A, 1154, width)
        self.block_b = ResidualBlock(at_8, BLOCK_B, width)
        self.reduction_b = Reduction(at_8, REDUCTION_B, 2048, width)
        self.block_c = ResidualBlock(at_16, BLOCK_C, width)
        self.head_2 = AtrousHead(at_2, classes, 2, DILATIONS)
        self.head_4 = AtrousHead(at_4, classes, 4, DILATIONS)
        self.head_8 = AtrousHead(at_8, classes, 8, DILATIONS)
        self.head_16 = AtrousHead(at_16, classes, 16, DILATIONS[:1])

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (n, objects, h, w) of (n, sections, h, w) float, h and w multiples of 16."""
        at_2 = self.stem(self.entry(x))
        at_4 = self.block_a(self.reduction_stem(at_2))
        at_8 = self.block_b(self.reduction_a(at_4))
        at_16 = self.block_c(self.reduction_b(at_8))
        maps: Tensor = self.head_2(at_2) + self.head_4(at_4) + self.head_8(at_8) + self.head_16(at_16)
        return maps[:, 1:] - maps[:, :1]
