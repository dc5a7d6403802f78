"""The formats as the API lists them."""

from __future__ import annotations

from emstream.jobs.export_formats import EXPORT_FORMATS
from emstream.readers.samples import is_clutter, sample_of
from emstream_gateway.routes.service import all_formats


def test_the_list_says_all_that_the_rule_of_samples_needs() -> None:
    formats = all_formats()
    stacks = {suffix for row in formats.stacks if row.is_stack for suffix in row.suffixes}
    images = {suffix for row in formats.stacks if row.is_image for suffix in row.suffixes}
    for suffix in stacks | images:
        assert (sample_of(f"x{suffix}") == f"x{suffix}") == (suffix in stacks)
        assert (sample_of(f"a/x{suffix}") == f"a/x{suffix}") == (suffix in stacks - images)
    assert all(map(is_clutter, formats.clutter))


def test_exports_come_in_the_order_to_offer_them() -> None:
    rows = all_formats().exports
    assert [row.name for row in rows] == list(EXPORT_FORMATS)
    assert rows[0].name == "tiff"


def test_the_stages_are_those_that_progress_is_shown_of() -> None:
    assert all_formats().stages == ["preprocess", "inference", "postprocess"]
