"""Tables of a report: cells as text."""

from __future__ import annotations

import numpy as np

from emstream_training.report import tables
from tests.unit.emstream_training.report.reports import TRUTH, measured, member


def test_totals_have_a_row_per_candidate_and_a_cell_per_column() -> None:
    found = measured()
    table = tables.totals(found)
    assert [row[0] for row in table.rows] == [candidate.name for candidate in found.candidates]
    assert {len(row) for row in table.rows} == {len(table.header)} == {len(table.widths)}
    cells = dict(zip(table.header, table.rows[0], strict=True))
    score = found.tallies["a"].score
    assert cells["threshold"] == "0.40"
    assert cells["F1"] == f"{score['f1']:.4f}"
    assert int(cells["true negatives"].replace("\u202f", "")) == score["true_negatives"]
    assert "3 of 40 x 50" in table.caption


def test_thousands_are_parted_and_an_unknown_share_is_a_dash() -> None:
    rows = tables.totals(measured(truth=np.zeros_like(TRUTH))).rows
    cells = dict(zip(tables.TOTALS, rows[0], strict=True))
    assert cells["average precision"] == "–"
    assert len(cells["true negatives"]) == len("5\u202f000")


def test_checkpoints_are_listed_once_with_their_hashes() -> None:
    table = tables.checkpoints(measured(member("a", 1), member("b", 5)))
    assert table.rows == (("a", "MultiResUNet", "1", "1", "1", "0"), ("b", "MultiResUNet", "5", "1", "1", "0"))
    assert table.is_text


def test_settings_keep_their_order() -> None:
    table = tables.settings({"object": "spots", "images": "here"})
    assert table.rows == (("object", "spots"), ("images", "here"))
