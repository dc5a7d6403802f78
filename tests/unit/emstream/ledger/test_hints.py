"""Messages: what goes in comes out, and anything else is refused with its bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emstream.errors import MessageUnreadable
from emstream.ledger.hints import Hint, decode
from emstream.stages import Stage


@given(stage=st.sampled_from(list(Stage)), job=st.text(min_size=1), unit=st.integers(0, 10**9))
def test_a_hint_survives_the_wire(stage: Stage, job: str, unit: int) -> None:
    assert decode(Hint(stage, job, unit).encode()) == Hint(stage, job, unit)


@pytest.mark.parametrize("message", [b"", b"{}", b"[]", b'{"version": 2}', b"\xff\xfe", b'{"version":1,"stage":"nap"}'])
def test_anything_else_is_refused_with_its_bytes(message: bytes) -> None:
    with pytest.raises(MessageUnreadable, match="no emstream message"):
        decode(message)
