"""Exports of a job on disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from emstream.jobs.export_order import (
    ExportOrder,
    export_file,
    note_progress,
    orders,
    place_order,
    read_order,
    read_progress,
    withdraw,
)
from emstream.jobs.finish_tasks import FIRST_EXPORT
from emstream.jobs.folder import JobFolder


def order(z_stop: int = 2) -> ExportOrder:
    return ExportOrder(content="mask", format="tiff", combined=False, z=(0, z_stop), thresholds={"cells": 0.5})


@pytest.fixture
def folder(tmp_path: Path) -> JobFolder:
    return JobFolder(tmp_path)


def test_orders_are_numbered_and_the_same_order_is_the_same_export(folder: JobFolder) -> None:
    assert [place_order(folder, order(n)) for n in (1, 2, 1, 3)] == [FIRST_EXPORT + n for n in (0, 1, 0, 2)]
    assert orders(folder) == {FIRST_EXPORT + n: order(n + 1) for n in range(3)}
    assert not list((folder.exports / "orders").glob(".*"))


def test_an_order_is_read_back_and_an_unknown_one_is_none(folder: JobFolder) -> None:
    number = place_order(folder, order())
    assert read_order(folder, number) == order()
    assert read_order(folder, number + 1) is None
    assert orders(JobFolder(folder.path / "empty")) == {}


def test_a_withdrawn_order_is_gone_with_its_file_and_its_number_stays_used(folder: JobFolder) -> None:
    number = place_order(folder, order())
    file = export_file(folder, number, order())
    file.write_bytes(b"TIFF")
    note_progress(folder, number, 0.5)
    withdraw(folder, number)
    withdraw(folder, number)
    assert read_order(folder, number) is None
    assert read_progress(folder, number) is None
    assert not file.exists()
    assert place_order(folder, order()) == number + 1


def test_progress_is_read_as_noted(folder: JobFolder) -> None:
    number = place_order(folder, order())
    assert read_progress(folder, number) is None
    for share in (0.0, 0.12345, 1.0):
        note_progress(folder, number, share)
        assert read_progress(folder, number) == pytest.approx(share, abs=1e-4)


def test_files_are_named_by_number_and_format(folder: JobFolder) -> None:
    assert export_file(folder, 100_007, order()).relative_to(folder.path) == Path("exports/export-100007.tif")
