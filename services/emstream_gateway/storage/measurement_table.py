"""A structure's table of measurements, written by a worker: sorted and paged column by column, by h5py alone."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emstream.api.problems import FieldProblem, WrongFields
from emstream.api.results import ColumnState
from emstream.jobs.folder import JobFolder
from emstream.volume.files import opened

Cell = int | float | bool | None
Row = dict[str, Cell]


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows of a table. facts: of all objects together; total: rows in the table."""

    facts: dict[str, object]
    columns: list[ColumnState]
    total: int
    rows: list[Row]


def table_path(folder: JobFolder, name: str) -> Path:
    """Return the path of a structure's columns."""
    return folder.measurements / f"{name}.h5"


def in_order(values: NDArray[Any], is_descending: bool) -> NDArray[np.int64]:
    """Return the indices of sorted values; the unknown ones (nan) come last in either direction.

    >>> in_order(np.array([2.0, np.nan, 3.0]), is_descending=True).tolist()
    [2, 0, 1]
    """
    order = np.argsort(values, kind="stable")
    known = order[: len(order) - int(np.count_nonzero(values != values))]
    return np.concatenate([known[::-1], order[len(known) :]]) if is_descending else order


def read_page(path: Path, sort: str, is_descending: bool, offset: int, limit: int) -> Page:
    """Return rows [offset, offset + limit) in order of the column `sort`. Raises WrongFields naming the columns.

    Largest arrays: one column.
    """
    with opened(path) as file:
        names = [str(name) for name in file.attrs["columns"]]
        if sort not in names:
            sentence = f"there is no column {sort[:40]!r}; there are: {', '.join(names)}"
            raise WrongFields([FieldProblem(field="sort", sentence=sentence)])
        order = in_order(file[sort][()], is_descending)
        chosen = order[offset : offset + limit]
        cells = [[None if v != v else v for v in file[name][()][chosen].tolist()] for name in names]
        columns = [ColumnState(name=n, unit=file[n].attrs["unit"], meaning=file[n].attrs["meaning"]) for n in names]
        facts = json.loads(file.attrs["facts"])
    return Page(facts, columns, len(order), [dict(zip(names, row, strict=True)) for row in zip(*cells, strict=True)])
