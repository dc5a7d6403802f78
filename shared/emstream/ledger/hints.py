"""Hints, the messages of the queues: references to units of work, never voxels."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Protocol

from emstream.errors import MessageUnreadable
from emstream.stages import Stage

VERSION = 1


@dataclass(frozen=True, slots=True)
class Hint:
    """Says that a unit may be ready: the ledger decides. unit: its number within job and stage."""

    stage: Stage
    job: str
    unit: int

    def encode(self) -> bytes:
        """Return the hint as JSON with its version."""
        return json.dumps({"version": VERSION, **asdict(self)}).encode()


class Sender(Protocol):
    """The queues, as their senders see them."""

    def send(self, hints: Iterable[Hint]) -> None:
        """Put hints onto the queues of their stages; one that cannot be sent is lost, and sent again by a sweep."""


def decode(message: bytes) -> Hint:
    """Return the hint in a message. Raises MessageUnreadable with the message's first bytes.

    >>> decode(Hint(Stage.INFERENCE, "j1", 7).encode()).unit
    7
    """
    try:
        fields = json.loads(message)
        if fields["version"] != VERSION:
            raise ValueError(f"version {fields['version']} is not {VERSION}")
        return Hint(Stage(fields["stage"]), str(fields["job"]), int(fields["unit"]))
    except (ValueError, KeyError, TypeError) as error:
        raise MessageUnreadable(f"this is no emstream message ({error}): {message[:200]!r}") from error


def last_first(hints: list[Hint]) -> list[Hint]:
    """Return hints in the order in which to put them before a queue, so that the first one is the first in line."""
    return sorted(hints, key=lambda hint: (hint.job, hint.unit), reverse=True)
