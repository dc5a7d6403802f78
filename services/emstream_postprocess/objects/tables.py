"""measurements/<object>.csv, .parquet, .h5: one row per object, each column with its unit and meaning.

The HDF5 holds each column as a data set of its own, which the gateway sorts and pages by h5py alone. The same job gives
the same bytes. A value that cannot be stated is an empty cell in CSV, and not a number (nan) in the others.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from emstream.volume.files import Check, created, publishing
from emstream_postprocess.objects.measure import Column

ROWS = 65536
"""Rows written at once."""
SUFFIXES = (".csv", ".parquet", ".h5")


def write_tables(
    folder: Path,
    name: str,
    columns: Sequence[Column],
    facts: dict[str, object],
    made_for: str = "",
    check: Check = lambda: None,
) -> None:
    """Publish an object's tables, the HDF5 last. facts: of the whole, such as the voxel size, in HDF5 and Parquet.

    made_for: see `derive`; kept in the HDF5. check: called before each is published.
    """
    _write_csv(folder / f"{name}.csv", columns, facts, check)
    _write_parquet(folder / f"{name}.parquet", columns, facts, check)
    _write_columns(folder / f"{name}.h5", columns, facts, made_for, check)


def _write_csv(final: Path, columns: Sequence[Column], facts: dict[str, object], check: Check) -> None:
    """The voxel size is a column, too: a row that is copied elsewhere keeps it."""
    voxel_size = facts.get("voxel_size_nm")
    edges = voxel_size if isinstance(voxel_size, list | tuple) else ()
    stated = " x ".join("unknown" if v is None else f"{v:g}" for v in edges) or "unknown"
    with publishing(final, check) as part, part.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerow([*(c.name for c in columns), "voxel_size_zyx_nm"])
        for start in range(0, len(columns[0].values), ROWS):
            text = io.StringIO()
            cells = [_cells(column.values[start : start + ROWS]) for column in columns]
            csv.writer(text, lineterminator="\n").writerows([*row, stated] for row in zip(*cells, strict=True))
            file.write(text.getvalue())


def _cells(values: Any) -> list[str]:
    if values.dtype == np.float64:
        return ["" if np.isnan(v) else f"{v:.7g}" for v in values.tolist()]
    return [str(v).lower() for v in values.tolist()]


def _write_parquet(final: Path, columns: Sequence[Column], facts: dict[str, object], check: Check) -> None:
    from arro3.core import Array, Field, Schema, Table
    from arro3.io import write_parquet

    arrays = [Array.from_numpy(np.ascontiguousarray(c.values)) for c in columns]
    fields = [
        Field(c.name, array.type, metadata={"unit": c.unit, "meaning": c.meaning})
        for c, array in zip(columns, arrays, strict=True)
    ]
    schema = Schema(fields, metadata={"emstream": json.dumps(facts, sort_keys=True)})
    content = io.BytesIO()  # not the file: of a full disk the library knows no error but a panic
    write_parquet(Table.from_arrays(arrays, schema=schema), content, compression="zstd(3)", max_row_group_size=ROWS)
    with publishing(final, check) as part:
        part.write_bytes(content.getbuffer())


def _write_columns(
    final: Path, columns: Sequence[Column], facts: dict[str, object], made_for: str, check: Check
) -> None:
    with publishing(final, check) as part, created(part) as file:
        file.attrs["made_for"] = made_for
        file.attrs["facts"] = json.dumps(facts, sort_keys=True)
        file.attrs["columns"] = [c.name for c in columns]
        for column in columns:
            dataset = file.create_dataset(column.name, data=column.values)
            dataset.attrs["unit"], dataset.attrs["meaning"] = column.unit, column.meaning
