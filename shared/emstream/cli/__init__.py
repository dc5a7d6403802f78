"""The command `emstream`: one module per command; services are imported only when a command needs them."""

from __future__ import annotations

from emstream.cli.app import main

__all__ = ["main"]
