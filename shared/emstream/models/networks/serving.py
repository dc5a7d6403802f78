"""A network as it is trained and served: grey values in, logits out, at a reduced resolution if so made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import get_args

import torch
from torch import Tensor, nn

from emstream.errors import SettingsError
from emstream.models.checkpoint import NetworkName
from emstream.models.networks import deepem3d, multiresunet
from emstream.models.networks.deepem3d import DeepEM3D
from emstream.models.networks.multiresunet import MultiResUNet

GREY_MEAN, GREY_SCALE = 128.0, 64.0
"""Grey value that becomes 0, and the difference that becomes 1."""


class ServedNetwork(nn.Module):
    """Normalisation, reduction, then the network; logits at the reduced resolution.

    A reduced network gets the area mean of each block of reduction x reduction pixels or, with `space_to_depth`, each
    of its pixels as a channel, so that fine texture is not lost (W. Shi et al., "Real-time single image and video
    super-resolution using an efficient sub-pixel convolutional neural network", CVPR 2016, the inverse of its shuffle).

    network: its name, as in a checkpoint's header. Raises SettingsError if there is none of this name.
    """

    def __init__(
        self,
        sections: int,
        objects: int,
        width: float,
        reduction: int,
        network: str = "MultiResUNet",
        space_to_depth: bool = False,
    ) -> None:
        super().__init__()
        self.reduction = reduction
        self.space_to_depth = space_to_depth
        channels = sections * reduction**2 if space_to_depth else sections
        self.body = architecture(network).make(channels, objects, width)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (n, objects, h / reduction, w / reduction) of grey values (n, sections, h, w) float 0..255."""
        x = (x - GREY_MEAN) / GREY_SCALE
        if self.reduction > 1 and self.space_to_depth:
            x = nn.functional.pixel_unshuffle(x, self.reduction)
        elif self.reduction > 1:
            x = nn.functional.avg_pool2d(x, self.reduction)
        logits: Tensor = self.body(x)
        return logits


class Probability(nn.Module):
    """The network of a checkpoint file: a served network with the sigmoid, at full resolution."""

    def __init__(self, served: ServedNetwork) -> None:
        super().__init__()
        self.served = served

    def forward(self, windows: Tensor) -> Tensor:
        """Return probabilities (n, objects, h, w) float32 0..1 of windows (n, sections, h, w) uint8."""
        logits = self.served(windows.float()).float()
        if self.served.reduction > 1:
            logits = nn.functional.interpolate(
                logits, scale_factor=self.served.reduction, mode="bilinear", align_corners=False
            )
        return torch.sigmoid(logits)


Body = MultiResUNet | DeepEM3D


@dataclass(frozen=True, slots=True)
class Architecture:
    """make: (sections, objects, width) -> network. alignment, receptive_radius: pixels of the network's own input."""

    name: NetworkName
    make: Callable[[int, int, float], Body]
    alignment: int
    receptive_radius: int

    def aligned(self, reduction: int) -> int:
        """Return the alignment of windows' sides and origins, in pixels before the reduction."""
        return self.alignment * reduction

    def exact_halo(self, reduction: int) -> int:
        """Return the halo beyond the receptive field; a reduced network's bilinear enlarging sees one pixel more.

        >>> [architecture(name).exact_halo(n) for name in ("MultiResUNet", "DeepEM3D") for n in (1, 2)]
        [160, 320, 240, 480]
        """
        reach = self.receptive_radius if reduction == 1 else (self.receptive_radius + 1) * reduction
        alignment = self.aligned(reduction)
        return -(-reach // alignment) * alignment


_ARCHITECTURES: dict[str, Architecture] = {
    "MultiResUNet": Architecture("MultiResUNet", MultiResUNet, multiresunet.ALIGNMENT, multiresunet.RECEPTIVE_RADIUS),
    "DeepEM3D": Architecture("DeepEM3D", DeepEM3D, deepem3d.ALIGNMENT, deepem3d.RECEPTIVE_RADIUS),
}


def architecture(name: str) -> Architecture:
    """Return the network of this name. Raises SettingsError if there is none."""
    if name not in _ARCHITECTURES:
        raise SettingsError(f"the network must be one of {', '.join(get_args(NetworkName))}, got {name!r}")
    return _ARCHITECTURES[name]
