"""Files for the user appear whole, whoever else writes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.postprocess.outputs import _whole


def test_a_writer_that_comes_back_late_replaces_nothing(tmp_path: Path) -> None:
    final = tmp_path / "mask[1].h5"
    late = _whole(final)
    late.__enter__().write_text("late")
    with _whole(final) as part:
        part.write_text("whole")
    with pytest.raises(FileNotFoundError):
        late.__exit__(None, None, None)
    assert final.read_text() == "whole"
    assert [path.name for path in tmp_path.iterdir()] == [final.name]
