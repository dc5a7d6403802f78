"""The uvicorn server, set up for long uploads: kept memory, small reads, and streams that end at a signal.

A connection costs a file descriptor, of which a process has few. So each has a time to send its request and to take its
answer, and their number is bounded: at the bound a new one takes the place of the one that is silent for longest.
"""

from __future__ import annotations

import asyncio
import ctypes
import logging
import resource
import sys
from types import FrameType

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

logger = logging.getLogger(__name__)
GRACE_S = 10
"""Seconds that requests under way may still take after a signal."""
READ_BYTES = 64 << 10
"""Size of one read from a connection: asyncio's 256 KiB let one upload delay all others four times as long."""
HEAD_S = 15.0
"""Seconds from the first byte of a request, or from the connection's start, to the end of its headers."""
STALL_S = 120.0
"""Seconds that a caller may take to read the 64 KiB of an answer that wait for it."""
MOST_CONNECTIONS = 1024
"""Largest number of connections, where the process may open as many files."""
AT_ONCE = 128
"""Number of connections that wait for the gateway, and that it takes before it looks at the first of them."""
KEPT_FILES = 64 + AT_ONCE
"""File descriptors that are kept for what is not a connection, or not yet; each connection may open one file more."""
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


def allow_more_files() -> None:
    """Raise the number of files that the process may open to what the system allows it, at most 8192."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 8192 if hard == resource.RLIM_INFINITY else min(8192, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def most_connections() -> int:
    """Return the largest number of connections that the process has files for."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return MOST_CONNECTIONS
    return max(8, min(MOST_CONNECTIONS, (soft - KEPT_FILES) // 2))


class Connection(H11Protocol):
    """HTTP/1.1 that takes turns between connections after 64 KiB, and that ends the ones that only wait."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """See asyncio.Protocol."""
        if hasattr(transport, "max_size"):  # of asyncio's own loops
            transport.max_size = READ_BYTES
        super().connection_made(transport)
        self._deadline: asyncio.TimerHandle | None = None
        self._stall: asyncio.TimerHandle | None = None
        self.heard = self.loop.time()
        if len(self.connections) > most_connections() and not self._make_room():
            self._refuse("503 Service Unavailable", "Retry-After: 2\r\n")
            return
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio.Protocol."""
        self._end_timers()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        self.heard = self.loop.time()
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        """See uvicorn. The next request has its own time."""
        self._end_timers()
        self.heard = self.loop.time()
        super().on_response_complete()

    def pause_writing(self) -> None:
        """See asyncio.Protocol: the caller does not read."""
        super().pause_writing()
        if self._stall is None:
            self._stall = self.loop.call_later(STALL_S, self.transport.abort)

    def resume_writing(self) -> None:
        """See asyncio.Protocol."""
        if self._stall is not None:
            self._stall.cancel()
            self._stall = None
        super().resume_writing()

    @property
    def is_waiting(self) -> bool:
        """True while the connection has no request under way."""
        return self.cycle is None or self.cycle.response_complete

    def _watch(self) -> None:
        """Let the time for a request run, until its headers are complete."""
        if not self.is_waiting:
            if self._deadline is not None:
                self._deadline.cancel()
                self._deadline = None
        elif self._deadline is None:
            self._deadline = self.loop.call_later(HEAD_S, self._refuse, "408 Request Timeout")

    def _make_room(self) -> bool:
        """End the connection that is silent for longest; False if each has a request under way."""
        others = [c for c in self.connections if isinstance(c, Connection) and c is not self and c.is_waiting]
        if not others:
            logger.warning("connection refused", extra={"connections": len(self.connections) - 1})
            return False
        oldest = min(others, key=lambda other: other.heard)
        self.connections.discard(oldest)
        oldest.transport.abort()
        return True

    def _refuse(self, status: str, headers: str = "") -> None:
        if not self.transport.is_closing():
            answer = f"HTTP/1.1 {status}\r\n{headers}Connection: close\r\nContent-Length: 0\r\n\r\n"
            self.transport.write(answer.encode())
            self.transport.close()

    def _end_timers(self) -> None:
        for timer in (self._deadline, self._stall):
            if timer is not None:
                timer.cancel()
        self._deadline = self._stall = None


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
        http=Connection,
        ws="none",
        loop="asyncio",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=GRACE_S,
        timeout_keep_alive=75,
        backlog=AT_ONCE,
    )
    return Server(config)
