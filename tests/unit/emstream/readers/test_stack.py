"""The interface of readers."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from emstream.readers.stack import CheckedReader, Grey, Rows, StackFacts, StackReader


class Blank(StackReader):
    """The least that a reader has."""

    closed = 0

    @property
    def facts(self) -> StackFacts:
        return StackFacts((1, 2, 3), np.dtype(np.uint8))

    def blocks(self, z_start: int, z_stop: int) -> Iterator[Rows]:
        yield Rows(0, 0, self.sample(0)[np.newaxis])

    def sample(self, z: int) -> Grey:
        return np.zeros((2, 3), np.uint8)

    def close(self) -> None:
        self.closed += 1


def test_a_reader_closes_at_the_end_of_its_block() -> None:
    with Blank() as reader:
        assert [rows.values.shape for rows in reader.blocks(0, 1)] == [(1, 2, 3)]
        assert reader.closed == 0
    assert reader.closed == 1


def test_facts_that_a_format_does_not_state_are_unknown() -> None:
    facts = Blank().facts
    assert facts.voxel_size_nm is None
    assert (facts.section_depth, facts.names, facts.warnings, facts.origin) == (1, (), (), {})


def test_reading_ends_where_the_check_says_so() -> None:
    calls: list[int] = []

    def check() -> None:
        calls.append(1)
        if len(calls) > 1:
            raise InterruptedError

    with CheckedReader(Blank(), check) as reader:
        assert reader.facts == Blank().facts
        assert reader.sample(0).shape == (2, 3)
        with pytest.raises(InterruptedError):
            list(reader.blocks(0, 1))
