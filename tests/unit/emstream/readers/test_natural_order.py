"""Natural order of names."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from emstream.readers.section_numbers import natural_key


@given(st.lists(st.integers(0, 10_000), unique=True))
def test_numbers_inside_of_names_count_as_numbers(numbers: list[int]) -> None:
    names = [f"s{number}.png" for number in numbers]
    assert sorted(names, key=natural_key) == [f"s{number}.png" for number in sorted(numbers)]


@given(st.lists(st.text("aB10_.", max_size=6)))
def test_the_order_is_fixed_and_case_does_not_count(names: list[str]) -> None:
    ordered = sorted(names, key=natural_key)
    names.reverse()
    assert ordered == sorted(names, key=natural_key)
    folded = [natural_key(name.upper())[0] for name in ordered]
    assert folded == sorted(folded)


def test_names_may_begin_with_numbers() -> None:
    assert sorted(["10a", "9b", "a1"], key=natural_key) == ["9b", "10a", "a1"]
