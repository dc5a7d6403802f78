"""A job is divided without gap or overlap; folders of shards are found, and what is wrong with them is said."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emstream.errors import UsageError
from emstream.jobs.shards import Shard, Share, find_shards, parse_shard, share_of
from emstream.ledger.terms import Found, JobShape
from emstream.stages import Stage

SHAPES = st.builds(JobShape, st.integers(1, 12), st.integers(1, 6))


def shares(shape: JobShape, count: int) -> list[Share]:
    return [share_of(shape, Shard(number, count)) for number in range(1, count + 1)]


@given(SHAPES, st.integers(1, 90))
def test_shards_make_every_package_exactly_once(shape: JobShape, count: int) -> None:
    made = [package for share in shares(shape, count) for package in share.packages]
    assert made == list(range(shape.slabs * shape.packages_per_slab))


@given(SHAPES, st.integers(1, 90))
def test_shards_are_whole_slabs_unless_there_are_too_few(shape: JobShape, count: int) -> None:
    for share in shares(shape, count):
        if shape.slabs >= count:
            assert list(share.slabs) == list(share.whole_slabs)
        assert set(share.whole_slabs) <= set(share.slabs)
    sizes = [len(share.packages) for share in shares(shape, count)]
    assert max(sizes) - min(sizes) <= (shape.packages_per_slab if shape.slabs >= count else 1)


@given(SHAPES, st.integers(1, 90), st.data())
def test_what_others_make_is_never_ready(shape: JobShape, count: int, data: st.DataObject) -> None:
    share = share_of(shape, Shard(data.draw(st.integers(1, count)), count))
    read = data.draw(st.sets(st.sampled_from(range(shape.slabs))))
    ready = share.as_if_others_were_done(Found(shape, slabs=frozenset(read))).ready()
    assert set(ready[Stage.PREPROCESS]) == set(share.slabs) - read
    assert set(ready[Stage.INFERENCE]) <= set(share.packages)
    assert set(ready[Stage.POSTPROCESS]) <= set(share.slabs)


@given(SHAPES, st.integers(1, 90), st.data())
def test_a_share_is_done_once_its_own_slabs_are_stitched_and_its_other_packages_are_there(
    shape: JobShape, count: int, data: st.DataObject
) -> None:
    share = share_of(shape, Shard(data.draw(st.integers(1, count)), count))
    assert share.missing(Found(shape)) == list(share.packages)
    done = Found(shape, packages=frozenset(share.packages), results=frozenset(share.whole_slabs))
    assert share.missing(done) == []


@pytest.mark.parametrize("text", ["0/4", "5/4", "2", "a/b", "2/", "-1/3", "1/0"])
def test_what_is_no_shard_is_told(text: str) -> None:
    with pytest.raises(UsageError, match="such as 2/8"):
        parse_shard(text)


def make(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).mkdir(parents=True)
    return folder


def test_shards_are_found_in_one_folder_and_in_many(tmp_path: Path) -> None:
    make(tmp_path / "a", "shard-1-of-3", "shard-10-of-x")
    make(tmp_path / "b", "shard-3-of-3", "shard-2-of-3")
    expected = [Shard(1, 3), Shard(2, 3), Shard(3, 3)]
    assert list(find_shards([tmp_path / "a", tmp_path / "b"])) == expected
    assert list(find_shards([tmp_path / "a" / "shard-1-of-3", tmp_path / "b", tmp_path / "b"])) == expected


def test_missing_doubled_and_foreign_shards_are_named(tmp_path: Path) -> None:
    empty = make(tmp_path / "empty", "x")
    with pytest.raises(UsageError, match=r"no folder shard-I-of-N in .*empty"):
        find_shards([empty])
    few = make(tmp_path / "few", "shard-2-of-4")
    with pytest.raises(UsageError, match=r"missing: shard 1/4, 3/4, 4/4\. Run .* --shard 1/4"):
        find_shards([few])
    again = make(tmp_path / "again", "shard-2-of-4")
    with pytest.raises(UsageError, match="shard 2/4 is there twice"):
        find_shards([few, again])
    other = make(tmp_path / "other", "shard-3-of-5")
    with pytest.raises(UsageError, match=r"several divisions are there, .*few/shard-2-of-4 and .*other/shard-3-of-5"):
        find_shards([few, other])
