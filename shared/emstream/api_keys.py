"""API keys: secrets that are shown once and kept as hashes, each with an owner and scopes.

keys.json holds the SHA-256 and the first characters of each secret. The secrets carry 256 random bits, so a plain hash
is enough: there is nothing to guess. A running gateway sees changes of the file at its next check.
"""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import re
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from emstream.errors import SettingsError, UsageError
from emstream.host import write_private

Scope = Literal["read", "write"]
SCOPES: tuple[Scope, ...] = ("read", "write")
SECRET_START = "ems_"
PREFIX_LENGTH = 12
OWNER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")

Identity = tuple[int, int, int]


class Key(BaseModel):
    """A key without its secret. prefix: the first characters of its secret, to name it by. created: epoch seconds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    owner: str
    scopes: tuple[Scope, ...]
    prefix: str
    created: float = 0.0


class _Kept(Key):
    sha256: str


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Literal[1] = 1
    keys: tuple[_Kept, ...] = ()


@dataclass(frozen=True, slots=True)
class _Seen:
    identity: Identity | None
    keys: tuple[_Kept, ...] = ()


class KeyFile:
    """The keys in one file; a missing file means: no keys. Threads may share it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._seen = _Seen(None)
        self._lock = threading.Lock()

    def add(self, owner: str, scopes: Sequence[str] = SCOPES) -> str:
        """Make a key and return its secret, which cannot be shown again. Raises UsageError for a bad owner or scope."""
        if not OWNER.fullmatch(owner):
            raise UsageError(
                f"a key's owner must be 1 to 64 letters, digits or . _ @ -, the first a letter or digit, got {owner!r}"
            )
        if not scopes or not set(scopes) <= set(SCOPES):
            raise UsageError(f"a key's scopes must be of {', '.join(SCOPES)}, got {', '.join(scopes) or 'none'}")
        secret = SECRET_START + secrets.token_urlsafe(32)
        with self._changing():
            kept = _Kept(
                owner=owner,
                scopes=tuple(scope for scope in SCOPES if scope in scopes),
                prefix=secret[:PREFIX_LENGTH],
                created=time.time(),
                sha256=hash_of(secret),
            )
            self._write((*self._read(), kept))
        return secret

    def check(self, secret: str) -> Key | None:
        """Return the key that a secret belongs to, or None. Takes equally long for each secret."""
        hashed = hash_of(secret)
        return self.find(lambda sha256: hmac.compare_digest(sha256, hashed))

    def find(self, is_it: Callable[[str], bool]) -> Key | None:
        """Return the key whose hash passes a check, or None. Takes equally long for each key."""
        found = None
        for key in self._read():
            if is_it(key.sha256):
                found = key
        return None if found is None else _without_hash(found)

    def list(self) -> list[Key]:
        """Return all keys, the oldest first."""
        return [_without_hash(key) for key in self._read()]

    def remove(self, prefix: str) -> Key:
        """Remove the one key whose secret begins with `prefix`. Raises UsageError if there is none, or several."""
        with self._changing():
            keys = self._read()
            matching = [key for key in keys if prefix and key.prefix.startswith(prefix[:PREFIX_LENGTH])]
            if len(matching) != 1:
                raise UsageError(
                    f"{len(matching) or 'no'} key{'s' * (len(matching) != 1)} in {self.path} begin with "
                    f"{prefix[:PREFIX_LENGTH]!r}: give a prefix of exactly one, see `emstream keys list`"
                )
            self._write(tuple(key for key in keys if key is not matching[0]))
        return _without_hash(matching[0])

    def _read(self) -> tuple[_Kept, ...]:
        with self._lock:
            identity = self._identity()
            if identity != self._seen.identity:
                self._seen = _Seen(identity, self._parsed() if identity else ())
            return self._seen.keys

    def _identity(self) -> Identity | None:
        try:
            facts = self.path.stat()
        except FileNotFoundError:
            return None
        return facts.st_mtime_ns, facts.st_size, facts.st_ino

    def _parsed(self) -> tuple[_Kept, ...]:
        try:
            return _File.model_validate_json(self.path.read_bytes()).keys
        except (ValidationError, OSError) as error:
            raise SettingsError(
                f"{self.path} cannot be read as a file of keys ({type(error).__name__}): mend it, or delete it and "
                "make new keys with `emstream keys add`"
            ) from error

    def _write(self, keys: tuple[_Kept, ...]) -> None:
        write_private(self.path, _File(keys=keys).model_dump_json(indent=1).encode())

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """Keep other processes from changing the file at the same time."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.with_name(f".{self.path.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def hash_of(secret: str) -> str:
    """Return the SHA-256 of a secret, by which a key is kept."""
    return hashlib.sha256(secret.encode(errors="surrogateescape")).hexdigest()


def _without_hash(key: _Kept) -> Key:
    return Key(owner=key.owner, scopes=key.scopes, prefix=key.prefix, created=key.created)
