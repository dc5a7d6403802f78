"""Candidates of a report: single checkpoints and ensembles of them, each with its own threshold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from emstream.errors import UsageError
from emstream.models.checkpoint import Checkpoint

ENSEMBLE = "ensemble"
"""Kind of a candidate that is the mean of several checkpoints."""


@dataclass(frozen=True, slots=True)
class Member:
    """A checkpoint in a report. family: name of its network, or its name after --compare.

    weight: its share in a mean, which is its number of variants. threshold: its own, on the probability.
    """

    checkpoint: Checkpoint
    family: str
    weight: int
    threshold: float

    @property
    def name(self) -> str:
        """Name of the checkpoint."""
        return self.checkpoint.header.name


@dataclass(frozen=True, slots=True)
class Candidate:
    """A single checkpoint, or the mean of several. kind: 1fm, 3fm, 5fm or ensemble; unique within its family."""

    name: str
    family: str
    kind: str
    members: tuple[Member, ...]
    threshold: float


def candidates_of(members: Sequence[Member], threshold: float) -> list[Candidate]:
    """Return the candidates of a recipe: each member, the ensemble of each family, and last of all members.

    threshold: of the recipe, for all members together.
    """
    alone = [_alone(member, _kind(member, members)) for member in members]
    families = {member.family: [m for m in members if m.family == member.family] for member in members}
    ensembles = [_ensemble(family, of) for family, of in families.items() if len(of) > 1 and len(families) > 1]
    if len(members) == 1:
        return alone
    family = next(iter(families)) if len(families) == 1 else "all"
    return [*alone, *ensembles, Candidate(f"{ENSEMBLE} ({family})", family, ENSEMBLE, tuple(members), threshold)]


def check_names(members: Sequence[Member]) -> None:
    """Raise UsageError if two checkpoints have one name, or one is given twice: figures distinguish them by name."""
    seen: dict[str, Member] = {}
    for member in members:
        other = seen.setdefault(member.name, member)
        if other is not member:
            raise UsageError(
                f"{other.checkpoint.path} and {member.checkpoint.path} are both called {member.name}: "
                "give each checkpoint once, and train each with its own --name"
            )


def mean_threshold(members: Sequence[Member]) -> float:
    """Return the members' mean threshold, which an ensemble without a recipe of its own uses."""
    return sum(member.threshold for member in members) / len(members)


def _alone(member: Member, kind: str) -> Candidate:
    return Candidate(member.name, member.family, kind, (member,), member.threshold)


def _ensemble(family: str, members: list[Member]) -> Candidate:
    return Candidate(f"{ENSEMBLE} ({family})", family, ENSEMBLE, tuple(members), mean_threshold(members))


def _kind(member: Member, members: Sequence[Member]) -> str:
    sections = member.checkpoint.header.sections
    same = [m for m in members if (m.family, m.checkpoint.header.sections) == (member.family, sections)]
    number = same.index(member) + 1
    return f"{sections}fm" if number == 1 else f"{sections}fm ({number})"
