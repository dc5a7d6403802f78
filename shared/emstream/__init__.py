"""emstream: electron-microscopy stacks streamed through deep networks; masks, objects and measurements back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emstream.version import __version__

if TYPE_CHECKING:
    from emstream.client.client import Client as Client
    from emstream_standalone.segment import segment as segment

__all__ = ["__version__"]


def __getattr__(name: str) -> object:
    """Give `emstream.Client` and `emstream.segment`, loaded when asked for: their libraries take a while."""
    if name == "Client":
        from emstream.client.client import Client

        return Client
    if name == "segment":
        from emstream_standalone.segment import segment

        return segment
    raise AttributeError(f"module 'emstream' has no attribute {name!r}")
