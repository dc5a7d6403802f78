"""A grid's checkpoints, loaded into an engine as one predictor."""

from __future__ import annotations

from pathlib import Path

from emstream.errors import CheckpointDamaged
from emstream.jobs.record import Grid
from emstream.models.checkpoint import read_checkpoint
from emstream.models.recipes import MODELS
from emstream_inference.engines import Engine
from emstream_inference.packages import grid_objects
from emstream_inference.predictor import LoadedMember, Predictor
from emstream_inference.variants import variants


def load_predictor(
    engine: Engine, grid: Grid, variant_count: int, with_spread: bool, models: Path | None = None
) -> Predictor:
    """Return the predictor of a grid. Raises CheckpointDamaged if a file is no longer the one that was planned with.

    models: where to look for checkpoints that do not lie here where the plan found them; None = the shipped ones.
    """
    objects = grid_objects(grid)
    members = []
    for member in grid.members:
        there = Path(member.path)
        checkpoint = read_checkpoint(there if there.exists() else (models or MODELS) / there.name)
        if checkpoint.sha256 != member.sha256:
            raise CheckpointDamaged(
                f"{member.path} has changed since the job was planned: put the file back, or start the job anew"
            )
        outputs = tuple(
            (channel, objects.index(name))
            for channel, name in enumerate(checkpoint.header.objects)
            if name in member.objects
        )
        chosen = variants(variant_count, checkpoint.header.sections)
        members.append(LoadedMember(engine.load(checkpoint), checkpoint.header.sections, outputs, chosen))
    return Predictor(engine, members, len(objects), with_spread)
