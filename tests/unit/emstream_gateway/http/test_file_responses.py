"""Files as answers: ranges that are used, and ranges that are refused."""

from __future__ import annotations

import pytest

from emstream.api.problems import NoSuchRange
from emstream_gateway.http.bodies import is_range_usable


@pytest.mark.parametrize(
    ("text", "usable"),
    [
        ("bytes=0-0", True),
        ("bytes=5-", True),
        ("bytes=-3", True),
        ("bytes=0-999", True),
        (None, False),
        ("", False),
        ("bytes=-", False),
        ("bytes=3-1", False),
        ("bytes=0-1,3-4", False),
        ("bytes=x-", False),
        ("bytes=" + "9" * 40 + "-", False),
    ],
)
def test_one_range_that_can_be_read_is_used_and_others_are_ignored(text: str | None, usable: bool) -> None:
    assert is_range_usable(text, 10) is usable


@pytest.mark.parametrize("text", ["bytes=10-", "bytes=99-100", "bytes=-0"])
def test_a_range_outside_of_the_file_is_refused(text: str) -> None:
    with pytest.raises(NoSuchRange, match="10 bytes"):
        is_range_usable(text, 10)
