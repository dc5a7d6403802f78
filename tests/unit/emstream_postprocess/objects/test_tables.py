"""Tables of measurements: the same values in three files, each with units, and the same bytes each time."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from emstream.volume.files import opened
from emstream_postprocess.objects.measure import Column
from emstream_postprocess.objects.tables import SUFFIXES, write_tables

COLUMNS = [
    Column("id", "", "number of the object", np.array([1, 2, 3])),
    Column("length_um", "µm", "longest axis", np.array([0.1, 1 / 3, 1e-9])),
    Column("touches_border", "", "whether it is cut", np.array([True, False, True])),
]
FACTS: dict[str, object] = {"voxel_size_nm": (50.0, 5.5, 5.5), "count": 3}


def rows_of(path: Path) -> list[list[str]]:
    return list(csv.reader(path.read_text().splitlines()))


def test_the_csv_states_seven_digits_words_and_the_voxel_size(tmp_path: Path) -> None:
    write_tables(tmp_path, "spots", COLUMNS, FACTS)
    assert rows_of(tmp_path / "spots.csv") == [
        ["id", "length_um", "touches_border", "voxel_size_zyx_nm"],
        ["1", "0.1", "true", "50 x 5.5 x 5.5"],
        ["2", "0.3333333", "false", "50 x 5.5 x 5.5"],
        ["3", "1e-09", "true", "50 x 5.5 x 5.5"],
    ]


def test_an_unknown_voxel_size_is_called_unknown(tmp_path: Path) -> None:
    write_tables(tmp_path, "spots", COLUMNS, {"voxel_size_nm": None})
    assert {row[-1] for row in rows_of(tmp_path / "spots.csv")[1:]} == {"unknown"}


def test_parquet_and_hdf5_hold_the_values_exactly_with_unit_and_meaning(tmp_path: Path) -> None:
    write_tables(tmp_path, "spots", COLUMNS, FACTS, made_for="this choice")
    table = pq.read_table(tmp_path / "spots.parquet")
    with opened(tmp_path / "spots.h5") as file:
        assert list(file.attrs["columns"]) == [column.name for column in COLUMNS]
        assert file.attrs["made_for"] == "this choice"
        for column in COLUMNS:
            assert table[column.name].to_pylist() == column.values.tolist() == file[column.name][()].tolist()
            metadata = table.schema.field(column.name).metadata
            assert metadata == {b"unit": column.unit.encode(), b"meaning": column.meaning.encode()}
            assert (file[column.name].attrs["unit"], file[column.name].attrs["meaning"]) == (
                column.unit,
                column.meaning,
            )
        assert json.loads(file.attrs["facts"]) == json.loads(table.schema.metadata[b"emstream"])


def test_many_rows_are_written_part_by_part_and_none_is_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emstream_postprocess.objects.tables.ROWS", 4)
    write_tables(tmp_path, "spots", [Column("id", "", "", np.arange(11))], {})
    assert [row[0] for row in rows_of(tmp_path / "spots.csv")] == ["id", *map(str, range(11))]
    assert pq.read_table(tmp_path / "spots.parquet")["id"].to_pylist() == list(range(11))


def test_no_objects_make_a_table_of_titles(tmp_path: Path) -> None:
    write_tables(tmp_path, "spots", [Column("id", "", "", np.zeros(0, np.int64))], {})
    assert rows_of(tmp_path / "spots.csv") == [["id", "voxel_size_zyx_nm"]]
    assert len(pq.read_table(tmp_path / "spots.parquet")) == 0


def test_the_same_objects_make_the_same_bytes(tmp_path: Path) -> None:
    for folder in ("one", "other"):
        write_tables(tmp_path / folder, "spots", COLUMNS, FACTS, "choice")
    for suffix in SUFFIXES:
        one, other = ((tmp_path / folder / f"spots{suffix}").read_bytes() for folder in ("one", "other"))
        assert one == other


def test_what_stops_the_last_file_leaves_no_table_that_counts_as_made(tmp_path: Path) -> None:
    checks = iter([None, None, RuntimeError("lost the lease")])

    def check() -> None:
        error = next(checks)
        if error is not None:
            raise error

    with pytest.raises(RuntimeError, match="lost the lease"):
        write_tables(tmp_path, "spots", COLUMNS, FACTS, "choice", check)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["spots.csv", "spots.parquet"]
