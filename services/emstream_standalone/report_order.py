"""A report's candidates: the recipe's checkpoints, their ensembles, and the checkpoints they are compared with."""

from __future__ import annotations

from pathlib import Path

from emstream.errors import UsageError
from emstream.jobs.record import Request
from emstream.models.checkpoint import Checkpoint
from emstream.models.recipes import Choice, Quality, choose
from emstream.readers.open_stack import open_request
from emstream.settings import Settings
from emstream_inference.variants import variants
from emstream_preprocess.plan import voxel_size_of
from emstream_standalone.request import chosen
from emstream_training.report.candidates import Candidate, Member, candidates_of, check_names, mean_threshold
from emstream_training.report.measure import Order


def report_choice(request: Request, settings: Settings) -> Choice:
    """Return the checkpoints that are reported on, for sections as thick as the images'.

    Raises UsageError unless exactly one structure is found, and what reading the headers raises.
    """
    choices = chosen(request, settings)
    if len(choices) > 1:
        names = ", ".join(choice.object for choice in choices)
        raise UsageError(f"a report is about one structure, and this would be {names}: name one with --object")
    with open_request(Path(request.input), request, settings.max_voxels) as reader:
        return choices[0].for_sections(voxel_size_of(request, reader.facts)[0])


def make_order(
    choice: Choice,
    quality: Quality,
    compared: dict[str, list[Path]],
    with_robustness: bool,
    sides: tuple[int, ...],
) -> Order:
    """Return the order. Raises UsageError for names that do not tell checkpoints apart, and what choosing raises.

    Thresholds: a checkpoint alone gets the recipe's if it is all of the recipe, else its own. The recipe's ensemble
    gets the recipe's; an ensemble that is only compared gets the mean of its checkpoints' own.
    """
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
    weight = len(variants(choice.recipe.variants, checkpoint.header.sections))
    return Member(checkpoint, family, weight, threshold)
