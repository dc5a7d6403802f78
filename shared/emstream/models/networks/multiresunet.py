"""MultiResUNet in two dimensions, with 1, 3 or 5 sections as channels.

N. Ibtehaz, M. S. Rahman, "MultiResUNet: Rethinking the U-Net architecture for multimodal biomedical image
segmentation", Neural Networks 121 (2020). Layer order and widths follow the authors' Keras reference (activation
first, then batch normalisation), without the batch normalisation of the output layer. Sides of the input must be
multiples of 16. One output pixel depends on input pixels at most 153 px away (`RECEPTIVE_RADIUS`).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

ALPHA = 1.67
"""Factor by which the paper widens a block's base width."""
BASE_WIDTHS = (32, 64, 128, 256, 512)
"""Base widths of the blocks from full to lowest resolution."""
RECEPTIVE_RADIUS = 153
"""Distance in pixels within which an output pixel depends on the input."""
ALIGNMENT = 16
"""Number of pixels of which sides of the input are multiples."""


class ConvBN(nn.Module):
    """Convolution without bias, batch normalisation without scale (shift only), then an optional ReLU."""

    def __init__(self, channels_in: int, channels_out: int, kernel: int, activation: bool = True) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels_in, channels_out, kernel, padding=kernel // 2, bias=False)
        self.bn = nn.BatchNorm2d(channels_out)
        self.bn.weight.requires_grad_(False)  # Keras `scale=False`: the scale stays 1
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:
        """Return (n, channels_out, h, w) of (n, channels_in, h, w)."""
        y: Tensor = self.bn(self.conv(x))
        return torch.relu(y) if self.activation else y


class MultiResBlock(nn.Module):
    """Three chained 3x3 convolutions (emulating 3x3, 5x5, 7x7), concatenated, plus a 1x1 shortcut."""

    def __init__(self, channels_in: int, base_width: int) -> None:
        super().__init__()
        width = ALPHA * base_width
        a, b, c = int(width * 0.167), int(width * 0.333), int(width * 0.5)
        self.channels_out = a + b + c
        self.shortcut = ConvBN(channels_in, self.channels_out, 1, activation=False)
        self.conv_a = ConvBN(channels_in, a, 3)
        self.conv_b = ConvBN(a, b, 3)
        self.conv_c = ConvBN(b, c, 3)
        self.bn_concat = nn.BatchNorm2d(self.channels_out)
        self.bn_out = nn.BatchNorm2d(self.channels_out)

    def forward(self, x: Tensor) -> Tensor:
        """Return (n, self.channels_out, h, w) of (n, channels_in, h, w)."""
        a = self.conv_a(x)
        b = self.conv_b(a)
        c = self.conv_c(b)
        z = self.bn_concat(torch.cat([a, b, c], dim=1))
        y: Tensor = self.bn_out(torch.relu(self.shortcut(x) + z))
        return y


class ResStep(nn.Module):
    """One repetition of a Res path."""

    def __init__(self, channels_in: int, width: int) -> None:
        super().__init__()
        self.shortcut = ConvBN(channels_in, width, 1, activation=False)
        self.conv = ConvBN(channels_in, width, 3)
        self.bn = nn.BatchNorm2d(width)

    def forward(self, x: Tensor) -> Tensor:
        """Return (n, width, h, w) of (n, channels_in, h, w)."""
        y: Tensor = self.bn(torch.relu(self.shortcut(x) + self.conv(x)))
        return y


def res_path(channels_in: int, width: int, length: int) -> nn.Sequential:
    """Return the chain of `length` residual steps that a skip connection passes through."""
    return nn.Sequential(*(ResStep(channels_in if i == 0 else width, width) for i in range(length)))


class MultiResUNet(nn.Module):
    """The whole network.

    `width` scales the base widths 32..512; 1.0 is the paper's network (7 237 982 + 246 per two more sections trainable
    parameters in the Keras layout, less the output batch normalisation's).
    """

    def __init__(self, sections: int = 1, objects: int = 1, width: float = 1.0) -> None:
        super().__init__()
        widths = [max(4, int(base * width)) for base in BASE_WIDTHS]
        self.encoders = nn.ModuleList()
        self.paths = nn.ModuleList()
        self.ups = nn.ModuleList()
        self.decoders = nn.ModuleList()
        channels = sections
        for level, base in enumerate(widths[:4]):
            encoder = MultiResBlock(channels, base)
            self.encoders.append(encoder)
            self.paths.append(res_path(encoder.channels_out, base, 4 - level))
            channels = encoder.channels_out
        self.bottom = MultiResBlock(channels, widths[4])
        channels = self.bottom.channels_out
        for base in reversed(widths[:4]):
            self.ups.append(nn.ConvTranspose2d(channels, base, 2, stride=2))
            decoder = MultiResBlock(2 * base, base)
            self.decoders.append(decoder)
            channels = decoder.channels_out
        self.head = nn.Conv2d(channels, objects, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (n, objects, h, w) of (n, sections, h, w) float, h and w multiples of 16."""
        skips = []
        for encoder, path in zip(self.encoders, self.paths, strict=True):
            features = encoder(x)
            skips.append(path(features))
            x = nn.functional.max_pool2d(features, 2)
        x = self.bottom(x)
        for up, decoder, skip in zip(self.ups, self.decoders, reversed(skips), strict=True):
            x = decoder(torch.cat([up(x), skip], dim=1))
        logits: Tensor = self.head(x)
        return logits
