"""Files from a job that was kept."""

from __future__ import annotations

from pathlib import Path

import h5py
import pytest

from emstream.errors import Interrupted, UsageError
from emstream.jobs.export_order import Wish
from emstream.jobs.folder import WORK
from emstream.phantom.finished_job import write_result
from emstream.phantom.sections import Phantom
from emstream_standalone.kept import export_kept, is_kept_job

MASK = Wish("mask", "h5", None, False, None)


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """A folder as `predict --keep` leaves it, from a phantom's finished job."""
    job = write_result(Phantom((2, 40, 50), (50, 5, 5), 1), tmp_path / "jobs", owner="local", slab_sections=2)
    output = tmp_path / "kept"
    output.mkdir()
    job.path.rename(output / WORK)
    (output / "report.json").write_text("{}")
    return output


def test_a_mask_is_written_under_the_name_of_its_content(kept: Path, tmp_path: Path) -> None:
    (tmp_path / "saved").mkdir()
    path = export_kept(kept, tmp_path / "saved", MASK)
    assert (path.parent, path.suffix) == (tmp_path / "saved", ".h5")
    with h5py.File(path) as file:
        shapes: list[tuple[int, ...]] = []
        file.visititems(lambda name, item: shapes.append(item.shape) if isinstance(item, h5py.Dataset) else None)
    assert (2, 40, 50) in shapes


def test_an_older_file_of_the_name_is_replaced_only_if_asked_for(kept: Path, tmp_path: Path) -> None:
    final = tmp_path / "a.h5"
    final.write_text("old")
    with pytest.raises(UsageError, match=r"a\.h5 exists already: give another --output, or --overwrite to replace it"):
        export_kept(kept, final, MASK)
    assert final.read_text() == "old"
    assert export_kept(kept, final, MASK, overwrite=True) == final
    assert h5py.is_hdf5(final)


def test_only_a_folder_with_a_job_is_one(kept: Path, tmp_path: Path) -> None:
    assert is_kept_job(kept)
    assert not is_kept_job(tmp_path)


def test_a_job_that_is_not_done_is_refused(kept: Path, tmp_path: Path) -> None:
    (kept / "report.json").unlink()
    with pytest.raises(UsageError, match="holds no job that is done"):
        export_kept(kept, tmp_path / "a.h5", MASK)


def test_an_interruption_says_that_nothing_is_left(kept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("emstream_postprocess.exports.build.build_export", interrupt)
    with pytest.raises(Interrupted, match="nothing is left"):
        export_kept(kept, tmp_path / "a.h5", MASK)
