"""Tasks of a job's `finish` stage, and the numbers that they have as units in the ledger.

| unit                    | task                                                                                  |
|-------------------------|---------------------------------------------------------------------------------------|
| 0                       | the result: mask.h5, overlay.png, objects and their tables, the report                |
| 1, 2                    | masks in a further format, see `mask_files`                                           |
| 65535                   | all surfaces that are wanted                                                          |
| 100000 to 2^24 - 1      | the export that was ordered under this number, see `export_order`                     |
| 2^24 + slab             | labels of a slab, in help of unit 0, which makes them all where no worker helps       |
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

FIRST_EXPORT = 100_000
"""Number of a job's first export."""
_MESHES = (1 << 16) - 1
_LABELS_FROM = 1 << 24


class FinishKind(StrEnum):
    """Kinds of tasks, by what they make."""

    RESULT = "result"
    MASKS = "masks"
    MESHES = "meshes"
    EXPORT = "export"
    LABELS = "labels"


_NUMBERS = {
    FinishKind.RESULT: range(1),
    FinishKind.MASKS: range(1, 3),
    FinishKind.MESHES: range(1),
    FinishKind.EXPORT: range(FIRST_EXPORT, _LABELS_FROM),
    FinishKind.LABELS: range(1 << 24),
}
_BASES = {FinishKind.MESHES: _MESHES, FinishKind.LABELS: _LABELS_FROM}


@dataclass(frozen=True, slots=True)
class FinishTask:
    """A task. number: the format of masks (1 or 2), an order's number, or a slab; else 0.

    Raises ValueError for a number that the kind does not have.
    """

    kind: FinishKind
    number: int = 0

    def __post_init__(self) -> None:
        allowed = _NUMBERS[self.kind]
        if self.number not in allowed:
            raise ValueError(f"a task {self.kind} has a number from {allowed[0]} to {allowed[-1]}, got {self.number}")

    @property
    def unit(self) -> int:
        """The task's number as a unit of the ledger.

        >>> FinishTask(FinishKind.LABELS, 3).unit
        16777219
        """
        return _BASES.get(self.kind, 0) + self.number


RESULT = FinishTask(FinishKind.RESULT)
"""The task that ends a job."""


def task_of(unit: int) -> FinishTask:
    """Return the task that is a unit of the ledger. Raises ValueError for a unit that is none.

    >>> task_of(100_002)
    FinishTask(kind=<FinishKind.EXPORT: 'export'>, number=100002)
    """
    for kind, numbers in _NUMBERS.items():
        number = unit - _BASES.get(kind, 0)
        if number in numbers:
            return FinishTask(kind, number)
    raise ValueError(f"no task of finish has the unit {unit}")
