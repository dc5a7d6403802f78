"""The plan step: from headers and a bounded sample of sections to everything later steps need to know."""

from __future__ import annotations

from collections.abc import Sequence
from math import lcm
from pathlib import Path

from emstream.errors import BinaryInput, WrongVoxelSize
from emstream.jobs.record import GivenVoxel, Grid, Member, Plan, Request, Voxel
from emstream.models.checkpoint import MAX_RESCALE, RESCALE_TOLERANCE, Checkpoint
from emstream.models.recipes import Choice
from emstream.readers.stack import StackFacts, StackReader
from emstream.volume.intensity import Grey, check_finite, choose_range, is_binary, sampled_sections, thinned
from emstream.volume.voxel_size import doubt_about, voxel_in_words
from emstream_preprocess.likeness import (
    MOST_CROPS,
    blur_warnings,
    contrast_warnings,
    middle_of,
    pixel_warnings,
    thickness_warnings,
)

MAX_SLAB_SECTIONS = 128
_NOT_KNOWN = "not known"
FEW = 8
"""Minimum height and width of sections, in pixels, without a question on the order of the axes."""
NARROW = 2
"""Ratio of the depth and the longer side to the shorter side of sections, from which the order of the axes is asked."""
MOST_NAMED = 5
"""Maximum number of blank sections that a warning names."""


def make_plan(reader: StackReader, request: Request, choices: Sequence[Choice], *, is_sized: bool = True) -> Plan:
    """Return the plan of a job. Reads at most 64 sections, or bands of them.

    is_sized: False for the plan without a voxel size, whatever the input and the user say.
    Raises BinaryInput, NotFinite, or what reading raises; WrongVoxelSize for a voxel size that cannot be.
    """
    facts = reader.facts
    samples, crops = _sample(reader)
    warnings = [*facts.warnings, *shape_questions(facts.shape_zyx)]
    is_constant = len({value for s in samples for value in (s.min(), s.max())}) == 1
    if is_binary(samples):
        raise BinaryInput(
            f"{request.input} has exactly two grey values: it looks like a mask, not like raw data. "
            "Give the raw sections; to score masks use `emstream evaluate`"
        )
    if is_constant:
        warnings.append("every sampled voxel has the same grey value: the masks will be empty there")
    else:
        warnings += _blank_warnings(samples, facts) + contrast_warnings(samples, request, facts, choices)
    intensity = choose_range(samples, facts.dtype, request.contrast_stretch)
    voxel_size, voxel_source = voxel_size_of(request, facts) if is_sized else (None, _NOT_KNOWN)
    if voxel_size is None:
        warnings.append(
            "the voxel size is not known: sections are used at their own resolution. Give it (--pixel-size 5.5 "
            "--section-thickness 40, in nm) to have them rescaled to what the networks were trained on, and objects "
            "measured in micrometres"
        )
    choices = [choice.for_voxel_size(voxel_size) for choice in choices]
    grids = _grids(facts, request, choices, voxel_size)
    warnings += thickness_warnings(voxel_size, choices) + pixel_warnings(voxel_size, choices)
    warnings += blur_warnings(crops, voxel_size, choices)
    return Plan(
        shape_zyx=facts.shape_zyx,
        dtype=str(facts.dtype),
        source=facts.source,
        section_names=(facts.names[0], facts.names[-1]) if facts.names else (),
        voxel_size_nm=voxel_size,
        voxel_size_source=voxel_source,
        grey_low=float(intensity.low),
        grey_high=float(intensity.high),
        is_constant=is_constant,
        slab_sections=slab_sections_for(request.slab_sections, facts.section_depth),
        core_side=request.core_side,
        variants=request.variants or max(c.recipe.variants for c in choices),
        grids=grids,
        thresholds={c.object: request.threshold or c.recipe.threshold for c in choices},
        warnings=tuple(warnings),
        offset_zyx=request.region[0] if request.region else (0, 0, 0),
        outlines=tuple(choice.object for choice in choices if choice.is_outline),
        trained_on={choice.object: choice.trained_on for choice in choices if choice.trained_on},
    )


def voxel_size_of(request: Request, facts: StackFacts) -> tuple[Voxel | None, str]:
    """Return a job's voxel size, nm (z, y, x), if it is known, and in words from where; what the user gives counts.

    Raises WrongVoxelSize for one that cannot be, or that has to be confirmed.
    """
    given, own = request.voxel_size_nm or (None, None, None), facts.voxel_size_nm or (None, None, None)
    z, y, x = (stated if edge is None else edge for edge, stated in zip(given, own, strict=True))
    if not all(edge is None or 0 < edge < 1e6 for edge in given):
        raise WrongVoxelSize(f"lengths of a voxel must be positive, in nm (z, y, x), got {given}")
    if y is None or x is None:
        if given == (None, None, None):
            return None, _NOT_KNOWN
        raise WrongVoxelSize("the input does not say how large its pixels are: give --pixel-size 5.5 (in nm), too")
    doubt = None if request.unequal_pixels else doubt_about((z, y, x))
    if doubt:
        raise WrongVoxelSize(doubt)
    return (z, y, x), _origin_of(given, own)


def _origin_of(given: GivenVoxel, own: GivenVoxel) -> str:
    if given == (None, None, None):
        return "read from the input"
    if given[0] is None and own[0] is not None:
        return "pixel size given by the user, section thickness read from the input"
    if given[1] is None:
        return "pixel size read from the input, section thickness given by the user"
    return "given by the user"


def slab_sections_for(wanted: int, section_depth: int) -> int:
    """Return a slab depth that cuts no chunk: chunks are then decoded once for their slab, once as a neighbour's halo.

    >>> slab_sections_for(32, 1), slab_sections_for(32, 64), slab_sections_for(32, 15), slab_sections_for(32, 500)
    (32, 64, 30, 32)
    """
    if section_depth <= 1 or section_depth > MAX_SLAB_SECTIONS:
        return wanted
    return max(1, round(wanted / section_depth)) * section_depth


def _sample(reader: StackReader) -> tuple[list[Grey], list[Grey]]:
    """Return voxels spread over the sampled sections, and the middles of some of them as they are."""
    looked_at = sampled_sections(reader.facts.shape_zyx[0])
    samples, crops = [], []
    for place, z in enumerate(looked_at):
        values = reader.sample(int(z))
        check_finite(values, f"section {z + 1}")
        samples.append(thinned(values))
        if place % max(1, looked_at.size // MOST_CROPS) == 0:
            crops.append(middle_of(values))
    return samples, crops


def shape_questions(shape_zyx: tuple[int, int, int]) -> list[str]:
    """Return a question on sections of few pixels, or much narrower than the stack is deep: are the axes y, x, z?"""
    depth, height, width = shape_zyx
    if min(height, width) >= FEW and min(depth, max(height, width)) < NARROW * min(height, width):
        return []
    return [
        f"sections have {width} x {height} pixels, and there are {depth}: are the axes z, y, x? If they are y, x, z, "
        "save the stack with its sections first"
    ]


def _blank_warnings(samples: Sequence[Grey], facts: StackFacts) -> list[str]:
    """Return a warning about sampled sections of one grey value, in which nothing is found."""
    looked_at = sampled_sections(facts.shape_zyx[0])
    blank = [int(z) for z, values in zip(looked_at, samples, strict=True) if values.min() == values.max()]
    if not blank:
        return []
    named = [facts.names[z] if facts.names else f"section {z + 1}" for z in blank[:MOST_NAMED]]
    more = f" and {len(blank) - len(named)} more" if len(blank) > len(named) else ""
    of_all = "" if looked_at.size == facts.shape_zyx[0] else f" (of {looked_at.size} that were looked at)"
    return [
        f"{', '.join(named)}{more}{of_all} {'look' if blank[1:] else 'looks'} blank: nothing is found there, and "
        "neighbouring sections are predicted as if the next one that is there came in its place"
    ]


def _grids(
    facts: StackFacts, request: Request, choices: Sequence[Choice], voxel_size: Voxel | None
) -> tuple[Grid, ...]:
    """Group the checkpoints by the pixel size that their sections are brought to."""
    by_target: dict[float | None, dict[str, tuple[Checkpoint, list[str], int]]] = {}
    for choice in choices:
        for checkpoint in choice.checkpoints:
            members = by_target.setdefault(_target(voxel_size, checkpoint), {})
            mode = request.halo or choice.recipe.halo
            halo = checkpoint.header.halo_exact if mode == "exact" else checkpoint.header.halo_fast
            _, objects, known = members.setdefault(checkpoint.sha256, (checkpoint, [], halo))
            objects.append(choice.object)
            members[checkpoint.sha256] = (checkpoint, objects, max(halo, known))
    return tuple(_grid(facts, target, list(m.values()), voxel_size) for target, m in by_target.items())


def _target(voxel_size: Voxel | None, checkpoint: Checkpoint) -> float | None:
    """Return the pixel size to resample to, or None to use sections as they are."""
    wanted = checkpoint.header.pixel_size_nm
    if voxel_size is None or wanted is None:
        return None
    ratios = [v / wanted for v in voxel_size[1:]]
    if all(1 - RESCALE_TOLERANCE <= r <= 1 + RESCALE_TOLERANCE for r in ratios):
        return None
    if not all(1 / MAX_RESCALE <= r <= MAX_RESCALE for r in ratios):
        raise WrongVoxelSize(
            f"a voxel size of {voxel_in_words(voxel_size)} is more than {MAX_RESCALE:g} times off the {wanted:g} nm "
            f"pixels that {checkpoint.header.name} was trained on: correct it (--pixel-size 5.5 "
            "--section-thickness 40, in nm)"
        )
    return wanted


def _grid(
    facts: StackFacts,
    target: float | None,
    members: list[tuple[Checkpoint, list[str], int]],
    voxel_size: Voxel | None,
) -> Grid:
    _, height, width = facts.shape_zyx
    size = (height, width)
    if target is not None and voxel_size is not None:
        size = max(1, round(height * voxel_size[1] / target)), max(1, round(width * voxel_size[2] / target))
    alignment = lcm(*(c.header.alignment for c, _, _ in members))
    halo = -(-max(h for _, _, h in members) // alignment) * alignment
    return Grid(
        size_yx=size,
        pixel_size_nm=target if target is not None else (voxel_size[1] if voxel_size else None),
        is_resampled=target is not None,
        halo=halo,
        alignment=alignment,
        members=tuple(_member(c, objects) for c, objects, _ in members),
    )


def _member(checkpoint: Checkpoint, objects: list[str]) -> Member:
    return Member(
        name=checkpoint.header.name,
        path=str(Path(checkpoint.path).resolve()),
        sha256=checkpoint.sha256,
        sections=checkpoint.header.sections,
        objects=tuple(objects),
    )
