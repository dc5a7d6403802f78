"""A job made in shards, without a broker, and merged is the job made at once, byte for byte."""

from __future__ import annotations

from pathlib import Path

import pytest

from emstream.jobs.folder import WORK, JobFolder
from tests.integration.conftest import Invoke, noise_stack, write_pngs

FILES = ("mask.h5", "labels.h5", "measurements/spots.csv", "measurements/spots.parquet", "overlay.png")


@pytest.fixture
def small(emstream: Invoke, monkeypatch: pytest.MonkeyPatch) -> Invoke:
    """The command with slabs of two sections and small packages: the stack below has three slabs of four each."""
    monkeypatch.setenv("EMSTREAM_SLAB_SECTIONS", "2")
    monkeypatch.setenv("EMSTREAM_CORE_SIDE", "64")
    return emstream


@pytest.fixture
def order(tmp_path: Path, checkpoint_3fm: Path) -> tuple[object, ...]:
    source = write_pngs(tmp_path / "in", noise_stack((5, 120, 110)))
    return ("predict", source, "--checkpoint", checkpoint_3fm, "--halo", "fast", "--quality", "fast")


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in FILES}


def test_shards_merged_are_the_single_run_byte_for_byte(
    tmp_path: Path, small: Invoke, order: tuple[object, ...]
) -> None:
    assert small(*order, "-o", tmp_path / "single")[0] == 0
    single = bytes_of(tmp_path / "single")
    for count in (1, 2, 3, 5):  # 5: more shards than slabs, so slabs are shared
        for number in reversed(range(1, count + 1)):
            code, _, err = small(*order, "-o", tmp_path / f"{count}", "--shard", f"{number}/{count}")
            assert code == 0, err
        code, _, err = small("merge", tmp_path / f"{count}", "-o", tmp_path / f"merged-{count}")
        assert code == 0, err
        assert bytes_of(tmp_path / f"merged-{count}") == single, f"{count} shards"
        assert not (tmp_path / f"merged-{count}" / WORK).exists()


def test_a_killed_shard_is_named_and_goes_on_where_it_was(
    tmp_path: Path, small: Invoke, order: tuple[object, ...]
) -> None:
    assert small(*order, "-o", tmp_path / "single")[0] == 0
    for number in (1, 2):
        assert small(*order, "-o", tmp_path / "own", "--shard", f"{number}/2")[0] == 0
    half_done = JobFolder(tmp_path / "own" / "shard-2-of-2" / WORK)
    for path in (half_done.result(2), half_done.pieces(2)):
        path.unlink()  # as a kill before its last slab was stitched leaves it
    (half_done.path / "result" / ".00002.h5.1-1.part").write_bytes(b"begun")
    code, _, err = small("merge", tmp_path / "own", "-o", tmp_path / "merged")
    assert code == 4
    assert "shard 2/2" in err
    assert "4 of its 8 packages are left. Run its command again" in err
    kept = half_done.result(1).stat().st_ino
    assert small(*order, "-o", tmp_path / "own", "--shard", "2/2")[0] == 0
    assert half_done.result(1).stat().st_ino == kept, "made twice"
    assert small("merge", tmp_path / "own", "-o", tmp_path / "merged")[0] == 0
    assert bytes_of(tmp_path / "merged") == bytes_of(tmp_path / "single")


def test_shards_that_do_not_fit_together_are_told_in_a_sentence(
    tmp_path: Path, small: Invoke, order: tuple[object, ...]
) -> None:
    assert small(*order, "-o", tmp_path / "a", "--shard", "1/2")[0] == 0
    code, _, err = small("merge", tmp_path / "a", "-o", tmp_path / "m")
    assert code == 2
    assert "missing: shard 2/2" in err
    assert small(*order, "-o", tmp_path / "a", "--shard", "2/2", "--threshold", "0.4")[0] == 0
    code, _, err = small("merge", tmp_path / "a", "-o", tmp_path / "m")
    assert code == 2
    assert "shards 1/2 and 2/2 are of different jobs: the setting threshold is None and 0.4" in err
    code, _, err = small(*order, "-o", tmp_path / "a", "--shard", "2/2")
    assert code == 2
    assert "holds a job with another input, settings or engine" in err
    assert small(*order, "-o", tmp_path / "a", "--shard", "2/2", "--restart")[0] == 0
    record_path = tmp_path / "a" / "shard-2-of-2" / WORK / "job.json"
    record_path.write_text(record_path.read_text().replace('"precision": "f32"', '"precision": "bf16"'))
    code, _, err = small("merge", tmp_path / "a", "-o", tmp_path / "m")
    assert code == 2
    assert "the precision that predicted is 'f32' and 'bf16'" in err
    assert not (tmp_path / "m" / WORK / "job.json").exists()
    code, _, err = small(*order, "-o", tmp_path / "a", "--shard", "2/2", "--format", "png")
    assert code == 2
    assert "give them to emstream merge" in err
