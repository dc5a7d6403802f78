"""Windows in, mean probabilities out: variants undone and checkpoints averaged on the device, quantised once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emstream.errors import CheckpointDamaged, ShapeError
from emstream.jobs.record import Grid
from emstream.models.checkpoint import read_checkpoint
from emstream.models.recipes import MODELS
from emstream_inference.engines import Engine
from emstream_inference.variants import Variant, variants

UINT8 = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class LoadedMember:
    """A network of the ensemble: its number in the engine, and which outputs become which of the wanted objects.

    outputs: pairs (channel of the network, position among the predictor's objects).
    """

    network: int
    sections: int
    outputs: tuple[tuple[int, int], ...]
    variants: tuple[Variant, ...]


class Predictor:
    """An ensemble, loaded. As many threads may predict at once as its engine has lanes."""

    def __init__(
        self, engine: Engine, members: Sequence[LoadedMember], objects: int, with_spread: bool = False
    ) -> None:
        self._engine = engine
        self._members = tuple(members)
        self._objects = objects
        self._with_spread = with_spread
        self.sections = max(m.sections for m in members)

    def prepare(self, window_yx: tuple[int, int]) -> None:
        """Compile the networks for windows of this size. May be called from any thread."""
        for member in self._members:
            self._engine.prepare(member.network, (member.sections, *window_yx))

    def predict(self, windows: UINT8) -> tuple[UINT8, UINT8 | None]:
        """Return mean and spread, each (n, objects, y, x) uint8.

        windows: (n, sections, y, x) uint8, sections as many as the widest member looks at. mean: p = v / 255 over all
        variants and checkpoints, averaged in float32. spread: 2 * standard deviation = v / 255, or None.
        """
        if windows.ndim != 4 or windows.shape[1] != self.sections:
            raise ShapeError(f"windows must be (n, {self.sections}, y, x), got {windows.shape}")
        device_windows = self._engine.to_device(windows)
        sums: list[Any] = [None] * self._objects
        squares: list[Any] = [None] * self._objects
        counts = [0] * self._objects
        for member in self._members:
            cut = (self.sections - member.sections) // 2
            seen = device_windows[:, cut : self.sections - cut]
            for variant in member.variants:
                turned = self._engine.forward(member.network, variant.apply(seen, self._engine.flip))
                found = variant.undo(turned, self._engine.flip)
                for channel, position in member.outputs:
                    p = found[:, channel : channel + 1]
                    counts[position] += 1
                    sums[position] = p if sums[position] is None else sums[position] + p
                    if self._with_spread:
                        squares[position] = p * p if squares[position] is None else squares[position] + p * p
        means = [s / count for s, count in zip(sums, counts, strict=True)]
        mean = np.concatenate([self._engine.to_host(m) for m in means], axis=1)
        return mean, self._spread(means, squares, counts)

    def _spread(self, means: list[Any], squares: list[Any], counts: list[int]) -> UINT8 | None:
        if not self._with_spread:
            return None
        variances = [(q / n - m * m).clip(0, 1) for m, q, n in zip(means, squares, counts, strict=True)]
        return np.concatenate([self._engine.to_host((4 * v) ** 0.5) for v in variances], axis=1)


def grid_objects(grid: Grid) -> list[str]:
    """Return the objects that a grid's checkpoints find, in a fixed order."""
    return list(dict.fromkeys(name for member in grid.members for name in member.objects))


def load_predictor(
    engine: Engine, grid: Grid, variant_count: int, with_spread: bool, models: Path | None = None
) -> Predictor:
    """Return the predictor of a grid. Raises CheckpointDamaged if a file is no longer the one that was planned with.

    models: where to look for checkpoints that are not where the plan found them; None = the shipped ones.
    """
    objects = grid_objects(grid)
    members = []
    for member in grid.members:
        there = Path(member.path)
        checkpoint = read_checkpoint(there if there.exists() else (models or MODELS) / there.name)
        if checkpoint.sha256 != member.sha256:
            raise CheckpointDamaged(
                f"{member.path} has changed since the job was planned: put the file back, or start the job again"
            )
        outputs = tuple(
            (channel, objects.index(name))
            for channel, name in enumerate(checkpoint.header.objects)
            if name in member.objects
        )
        chosen = variants(variant_count, checkpoint.header.sections)
        members.append(LoadedMember(engine.load(checkpoint), checkpoint.header.sections, outputs, chosen))
    return Predictor(engine, members, len(objects), with_spread)
