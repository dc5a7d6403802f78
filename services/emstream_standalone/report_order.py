"""What a report scores: the recipe's checkpoints, their ensembles, and what they are set against."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from emstream.errors import UsageError
from emstream.models.checkpoint import Checkpoint
from emstream.models.recipes import Choice, Quality, choose

if TYPE_CHECKING:
    from emstream_training.report.candidates import Candidate, Member
    from emstream_training.report.measure import Order

DEFAULT_SIZES = "1024,2048,4096"
SMALLEST, LARGEST = 64, 32768
"""Sides in pixels that can be timed."""


def parse_sizes(text: str) -> tuple[int, ...]:
    """Return sides in pixels, in order. Raises UsageError saying how to write them.

    >>> parse_sizes("1024,2048")
    (1024, 2048)
    """
    try:
        sides = tuple(sorted({int(part) for part in text.split(",")}))
    except ValueError:
        raise UsageError(f"--sizes must be whole numbers such as {DEFAULT_SIZES}, got {text!r}") from None
    if not all(SMALLEST <= side <= LARGEST for side in sides):
        raise UsageError(f"--sizes must be from {SMALLEST} to {LARGEST} pixels, got {text!r}")
    return sides


def parse_compared(texts: Sequence[str]) -> dict[str, list[Path]]:
    """Return files by name. Raises UsageError saying how to write it.

    >>> parse_compared(["DeepEM3D=a.onnx", "DeepEM3D=b.onnx"])
    {'DeepEM3D': [PosixPath('a.onnx'), PosixPath('b.onnx')]}
    """
    compared: dict[str, list[Path]] = {}
    for text in texts:
        name, sign, file = text.partition("=")
        if not (name and sign and file):
            raise UsageError(f"--compare must be NAME=FILE such as DeepEM3D=deepem3d.onnx, got {text!r}")
        compared.setdefault(name, []).append(Path(file))
    return compared


def make_order(
    choice: Choice,
    quality: Quality,
    compared: dict[str, list[Path]],
    with_robustness: bool,
    sides: tuple[int, ...],
) -> Order:
    """Return the order. Raises UsageError for names that do not tell checkpoints apart, and what choosing raises.

    A checkpoint alone has the recipe's threshold if it is all of the recipe, else its own; an ensemble the recipe's,
    one that is only compared the mean of its checkpoints' own.
    """
    from emstream_training.report.candidates import candidates_of, check_names, mean_threshold
    from emstream_training.report.measure import Order

    alone = len(choice.checkpoints) == 1
    members = [
        _member(c, c.header.network, choice, choice.recipe.threshold if alone else c.header.threshold)
        for c in choice.checkpoints
    ]
    candidates: list[Candidate] = candidates_of(members, choice.recipe.threshold)
    main, everyone = candidates[-1], list(members)
    for name, files in compared.items():
        if name in {member.family for member in members} | {"all"}:
            raise UsageError(f"--compare {name}=... needs another NAME: the report's own checkpoints are called {name}")
        own = choose((choice.object,), quality, files)[0]
        others = [_member(c, name, choice, c.header.threshold) for c in own.checkpoints]
        candidates += candidates_of(others, mean_threshold(others))
        everyone += others
    check_names(everyone)
    return Order(tuple(candidates), main, with_robustness, sides)


def _member(checkpoint: Checkpoint, family: str, choice: Choice, threshold: float) -> Member:
    from emstream_inference.variants import variants
    from emstream_training.report.candidates import Member

    weight = len(variants(choice.recipe.variants, checkpoint.header.sections))
    return Member(checkpoint, family, weight, threshold)
