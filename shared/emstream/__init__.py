"""emstream: electron-microscopy stacks streamed through deep networks; masks, objects and measurements back."""

from __future__ import annotations

__version__ = "0.2.0"


def __getattr__(name: str) -> object:
    """Give `emstream.Client`, loaded when it is asked for: its libraries take a while."""
    if name == "Client":
        from emstream.client import Client

        return Client
    raise AttributeError(f"module 'emstream' has no attribute {name!r}")
