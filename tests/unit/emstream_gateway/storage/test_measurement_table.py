"""Tables of measurements: sorted by any column, a page at a time."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emstream.api.problems import WrongFields
from emstream.jobs.folder import JobFolder
from emstream_gateway.storage.measurement_table import read_page, table_path


def write_table(path: Path, volumes: list[float]) -> Path:
    with h5py.File(path, "w") as file:
        file.attrs["columns"], file.attrs["facts"] = ["id", "volume"], json.dumps({"dropped": 3})
        columns = {"id": (np.arange(1, len(volumes) + 1, dtype=np.uint32), ""), "volume": (np.array(volumes), "nm3")}
        for name, (values, unit) in columns.items():
            file[name] = values
            file[name].attrs["unit"], file[name].attrs["meaning"] = unit, f"the {name}"
    return path


@pytest.fixture
def table(tmp_path: Path) -> Path:
    return write_table(tmp_path / "spots.h5", [5.0, 1.0, 9.0, 5.0])


def test_what_cannot_be_said_is_null_and_comes_last(tmp_path: Path) -> None:
    table = write_table(tmp_path / "spots.h5", [5.0, np.nan, 9.0])
    for is_descending, order in ((False, [5.0, 9.0, None]), (True, [9.0, 5.0, None])):
        assert [row["volume"] for row in read_page(table, "volume", is_descending, 0, 9).rows] == order


def test_a_page_holds_rows_in_order_with_units(table: Path) -> None:
    page = read_page(table, "volume", False, 1, 2)
    assert page.rows == [{"id": 1, "volume": 5.0}, {"id": 4, "volume": 5.0}]
    assert (page.total, page.facts) == (4, {"dropped": 3})
    assert [(column.name, column.unit, column.meaning) for column in page.columns] == [
        ("id", "", "the id"),
        ("volume", "nm3", "the volume"),
    ]


def test_the_largest_come_first_on_demand(table: Path) -> None:
    assert [row["id"] for row in read_page(table, "volume", True, 0, 10).rows] == [3, 4, 1, 2]


@pytest.mark.parametrize(("offset", "limit"), [(4, 10), (100, 1), (0, 0)])
def test_a_page_outside_of_the_table_is_empty(table: Path, offset: int, limit: int) -> None:
    assert read_page(table, "id", False, offset, limit).rows == []


def test_an_unknown_column_names_the_ones_there_are(table: Path) -> None:
    with pytest.raises(WrongFields, match="no column 'colour'; there are: id, volume") as caught:
        read_page(table, "colour", False, 0, 1)
    assert caught.value.fields[0].field == "sort"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20)
@given(volumes=st.lists(st.integers(0, 9), min_size=1, max_size=12), limit=st.integers(1, 5))
def test_pages_joined_are_the_sorted_table(tmp_path: Path, volumes: list[int], limit: int) -> None:
    path = write_table(tmp_path / "t.h5", [float(volume) for volume in volumes])
    rows = [row for at in range(0, len(volumes), limit) for row in read_page(path, "volume", False, at, limit).rows]
    assert [row["volume"] for row in rows] == sorted(volumes)
    assert sorted(row["id"] or 0 for row in rows) == list(range(1, len(volumes) + 1))


def test_a_structure_has_a_table_of_its_own(tmp_path: Path) -> None:
    assert table_path(JobFolder(tmp_path), "nuclei") == tmp_path / "measurements" / "nuclei.h5"
