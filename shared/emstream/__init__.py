"""emstream: electron-microscopy stacks streamed through deep networks; masks, objects and measurements back."""

from __future__ import annotations

from importlib import import_module

from emstream.version import __version__ as __version__

LAZY = {"Client": "emstream.client.client", "segment": "emstream_standalone.segment"}
"""Names that are loaded when a user asks for them, since their libraries take a while; `__init__.pyi` types them.

`segment` is the library's one door up to what runs on this machine.
"""


def __getattr__(name: str) -> object:
    """Return `emstream.Client` or `emstream.segment`."""
    if name in LAZY:
        return getattr(import_module(LAZY[name]), name)
    raise AttributeError(f"module 'emstream' has no attribute {name!r}")
