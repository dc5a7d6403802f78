"""The networks by the names that checkpoints give them, with alignment and receptive field for cutting windows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import get_args

from emstream.errors import SettingsError
from emstream.models.checkpoint import NetworkName
from emstream.models.networks import deepem3d, multiresunet
from emstream.models.networks.deepem3d import DeepEM3D
from emstream.models.networks.multiresunet import MultiResUNet

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
