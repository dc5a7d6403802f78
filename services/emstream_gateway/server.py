"""The uvicorn server, set up for long uploads: kept memory, small reads, and streams that end at a signal."""

from __future__ import annotations

import asyncio
import ctypes
import sys
from types import FrameType

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

GRACE_S = 10
"""Seconds that requests under way may still take after a signal."""
READ_BYTES = 64 << 10
"""Size of one read from a connection: asyncio's 256 KiB let one upload delay all others four times as long."""
KEPT_BYTES = 32 << 20
"""Freed memory that the process keeps."""
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # malloc.h of glibc


def keep_freed_memory() -> None:
    """Ask glibc to keep up to 32 MiB of freed memory: returning and fetching again the pages of each chunk that
    arrives takes several times as long as reading it (measured: 600 against 5000 MiB/s of CPU time in the parser).

    On other systems than Linux with glibc it does nothing.
    """
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_TRIM_THRESHOLD, KEPT_BYTES)
        mallopt(_M_MMAP_THRESHOLD, KEPT_BYTES)


class SmallReads(H11Protocol):
    """HTTP/1.1 that takes turns between connections after 64 KiB."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """See asyncio.Protocol."""
        if hasattr(transport, "max_size"):  # of asyncio's own loops
            transport.max_size = READ_BYTES
        super().connection_made(transport)


class Server(uvicorn.Server):
    """A server that ends the app's streams as soon as a signal comes, so that it does not wait for them."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """See uvicorn."""
        self.stop()
        super().handle_exit(sig, frame)

    def stop(self) -> None:
        """End streams, then the server."""
        assert isinstance(self.config.app, FastAPI)
        self.config.app.state.context.stopping.set()
        self.should_exit = True


def make_server(app: FastAPI, host: str, port: int) -> Server:
    """Return a server that is not running yet."""
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        http=SmallReads,
        loop="asyncio",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=GRACE_S,
        timeout_keep_alive=75,
    )
    return Server(config)
