"""Names of section files: natural order and what their numbers tell."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emstream.readers.section_numbers import (
    Named,
    Pairing,
    in_natural_order,
    listed,
    natural_key,
    numbering_warnings,
    pair_sections,
    section_numbers,
    unpaired,
)

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


def files(form: str, numbers: Iterable[object]) -> tuple[str, ...]:
    return tuple(form.format(number) for number in numbers)


def paired(names: tuple[str, ...], others: tuple[str, ...]) -> Pairing:
    return pair_sections(Named("the images", len(names), names), Named("the labels", len(others), others))


def test_equal_numbers_are_pairs_whatever_surrounds_them() -> None:
    found = paired(files("raw_{:03d}.png", range(12)), files("lab{}.tif", range(12)))
    assert found == Pairing("12 sections, 000..011, paired by number")
    with_times = tuple(f"s{z:02d}_t{t}.tif" for z, t in ((5, 910), (6, 955), (9, 1000)))
    assert paired(with_times, files("{:02d}-mask.png", (5, 6, 9))).said == "3 sections, 05..09, paired by number"


def test_numbers_that_merely_count_leave_pairs_in_doubt() -> None:
    found = paired(files("m{:03d}.png", range(4)), files("l{:03d}.png", range(1, 5)))
    assert found.said == "4 sections, paired by place"
    assert found.doubt == (
        "the images are numbered 000 to 003 and the labels 001 to 004: paired by place, 000 belongs to 001. If equal "
        "numbers mean the same section, give only sections that both have (3 numbers, 1 to 3, are in both)"
    )
    assert paired(files("m{}.png", (40, 41, 43)), files("l{}.png", range(3))).doubt


def test_numbers_of_other_sections_are_wrong() -> None:
    found = paired(files("m{}.png", range(10, 20)), files("l{}.png", range(12, 22)))
    assert "10 belongs to 12. Give only sections that both have (8 numbers, 12 to 19, are in both)" in found.wrong
    one_gap = paired(files("m{}.png", (5, 6, 7, 9)), files("l{}.png", (5, 6, 8, 9)))
    assert "by place, 7 belongs to 8" in one_gap.wrong
    assert "are in both" not in paired(files("{}.png", (5, 6)), files("{}.png", (8, 9))).wrong


def test_without_numbers_names_are_compared_without_their_common_parts() -> None:
    assert paired(files("{}.png", "ab"), files("{}_mask.tif", "ab")) == Pairing("2 sections, a, b, paired by name")
    assert "paired by place, a.png with c.png" in paired(files("{}.png", "ab"), files("{}.png", "cd")).doubt


def test_pages_have_no_names_and_are_paired_by_place() -> None:
    assert paired(files("{}.png", range(3)), ()).said == "3 sections, paired by place"


def test_one_section_is_named() -> None:
    assert paired(("raw.png",), ("mask.png",)) == Pairing("1 section, raw.png with mask.png")
    assert "numbers of s5.png and l6.png differ" in paired(("s5.png",), ("l6.png",)).doubt


def test_numbers_that_only_one_stack_has_are_listed() -> None:
    images, labels = files("s{}.png", range(5)), files("l{}.png", (0, 1, 3, 7))
    assert unpaired(Named("images", 5, images), Named("labels", 4, labels)) == "labels lack 2, 4, and images lack 7"
    assert unpaired(Named("images", 5, images), Named("labels", 4)) == ""


@given(st.lists(st.integers(0, 10**6), min_size=2, max_size=9, unique=True), st.integers(1, 50))
def test_pairs_are_never_silent_where_numbers_differ(numbers: list[int], shift: int) -> None:
    names = files("s{}.png", sorted(numbers))
    found = paired(names, files("l{}.png", sorted(number + shift for number in numbers)))
    assert found.doubt or found.wrong
    assert paired(names, names).said.endswith("paired by number")


def test_depths_of_different_lengths_are_decimals() -> None:
    names = [f"slice_z={0.05 * number:g}um.png" for number in range(5, 25)]
    assert in_natural_order(sorted(names), str) == names
    (sentence,) = numbering_warnings(names)
    assert sentence == "Numbers in the names, 0.25 to 1.2, were read as decimals."


@pytest.mark.parametrize("names", [["z0.05um.png", "z0.1um.png"], ["z0.25um.png", "z0.3um.png"]])
def test_two_depths_are_enough(names: list[str]) -> None:
    assert in_natural_order(reversed(names), str) == names


def test_gaps_between_decimals_are_told() -> None:
    (sentence,) = numbering_warnings(["z0.25.png", "z0.3.png", "z0.4.png"])
    assert "not evenly spaced" in sentence


@pytest.mark.parametrize(
    "names",
    [
        [f"run.{number}.tif" for number in range(1, 13)],
        [f"s1.{number}.tif" for number in range(8, 13)],
        [f"s{group}.{number}.tif" for group in (1, 2) for number in range(1, 12)],
        ["a0.25_1.png", "a0.25_2.png", "a0.25_10.png"],
        ["z1.00.png", "z1.50.png", "z10.00.png"],
    ],
)
def test_numbers_behind_a_point_may_count_by_themselves(names: list[str]) -> None:
    assert in_natural_order(sorted(names), str) == names


@given(st.lists(st.integers(0, 10_000), unique=True, min_size=2))
def test_integers_are_ordered_as_by_their_natural_key(numbers: list[int]) -> None:
    names = [f"s{number}.png" for number in numbers]
    assert in_natural_order(names, str) == sorted(names, key=natural_key)
