"""Names of section files: natural order and what their numbers tell."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from emstream.readers.section_numbers import listed, natural_key, numbering_warnings, section_numbers

NAMES = st.lists(st.text("aB10_9.-", max_size=8), max_size=12)


def test_numbers_in_names_sort_as_numbers() -> None:
    names = ["s10.png", "s2.png", "s1.png", "S11.png"]
    assert sorted(names, key=natural_key) == ["s1.png", "s2.png", "s10.png", "S11.png"]


@given(st.lists(st.integers(0, 10**12), unique=True), st.sampled_from(["", "image", "a1_"]))
def test_any_numbers_sort_by_value_whatever_their_padding(numbers: list[int], prefix: str) -> None:
    names = [f"{prefix}-{number:0{1 + number % 5}d}.tif" for number in numbers]
    assert sorted(names, key=natural_key) == [f"{prefix}-{n:0{1 + n % 5}d}.tif" for n in sorted(numbers)]


@given(NAMES, st.randoms())
def test_natural_order_does_not_depend_on_the_order_of_arrival(names: list[str], random: object) -> None:
    shuffled = [*names]
    random.shuffle(shuffled)  # type: ignore[attr-defined]  # hypothesis gives a random.Random
    assert sorted(shuffled, key=natural_key) == sorted(names, key=natural_key)


def test_the_number_is_the_last_run_of_digits_that_varies() -> None:
    assert section_numbers(["cell2_z003_5nm.png", "cell2_z004_5nm.png"]) == [3, 4]
    assert section_numbers(["front.png", "back.png"]) is None


def test_gaps_are_named() -> None:
    (sentence,) = numbering_warnings([f"s{n}.png" for n in (1, 2, 3, 5, 6, 10)])
    assert "missing: 4, 7-9." in sentence


def test_repeated_numbers_are_named() -> None:
    (sentence,) = numbering_warnings(["s1.png", "s02.png", "s2.png", "s3.png"])
    assert "more than once: 2." in sentence


def test_steps_are_told_and_gaps_counted_in_steps() -> None:
    step, gap = numbering_warnings(["s10.png", "s20.png", "s30.png", "s60.png"])
    assert "steps of 10" in step
    assert "40-50" in gap


def test_complete_numbering_gives_no_warning() -> None:
    assert numbering_warnings([f"s{n:03d}.png" for n in range(82, 120)]) == ()
    assert numbering_warnings(["only7.png"]) == ()


def test_long_lists_are_cut_after_five() -> None:
    assert listed([str(n) for n in range(8)]) == "0, 1, 2, 3, 4 and 3 more"
