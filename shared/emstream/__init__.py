"""emstream: electron-microscopy stacks streamed through deep networks; masks, objects and measurements back."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from emstream.arrays import segment as segment
    from emstream.client import Client as Client

__version__ = "0.2.0"


def __getattr__(name: str) -> object:
    """Give `emstream.Client` and `emstream.segment`, loaded when asked for: their libraries take a while."""
    if name == "Client":
        from emstream.client import Client

        return Client
    if name == "segment":
        from emstream.arrays import segment

        return segment
    raise AttributeError(f"module 'emstream' has no attribute {name!r}")
