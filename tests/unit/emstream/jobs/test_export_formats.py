"""The table of export formats."""

from __future__ import annotations

from typing import get_args

import pytest

from emstream.errors import UsageError
from emstream.jobs.export_formats import (
    CONTENTS,
    EXPORT_FORMATS,
    MEDIA_TYPES,
    ZIP,
    ExportFormat,
    Form,
    content_named,
    format_named,
    titles_for,
)

ROWS = list(EXPORT_FORMATS.values())


def test_every_name_of_the_api_has_a_row() -> None:
    assert set(get_args(Form)) == set(EXPORT_FORMATS)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_format_keeps_only_what_it_holds(row: ExportFormat) -> None:
    assert set(row.exact) <= set(row.contents) <= set(CONTENTS)
    assert row.title
    assert row.hint
    assert not row.suffix.startswith(".")


def test_several_tiffs_are_zipped_and_one_is_not() -> None:
    tiff = format_named("tiff")
    assert (tiff.suffix_for(1), tiff.media_type_for(1)) == ("tif", "image/tiff")
    assert (tiff.suffix_for(2), tiff.media_type_for(2)) == ("zip", ZIP)
    h5 = format_named("h5")
    assert (h5.suffix_for(3), h5.media_type_for(3)) == ("h5", "application/x-hdf5")


def test_media_types_are_listed_once() -> None:
    assert sorted(MEDIA_TYPES) == ["application/pdf", "application/x-hdf5", ZIP, "image/tiff"]


def test_an_unknown_name_is_refused_with_those_that_exist() -> None:
    assert content_named("mask") == "mask"
    with pytest.raises(UsageError, match=r"content must be one of mask, labels.* got 'shape'"):
        content_named("shape")
    with pytest.raises(UsageError, match=r"format must be one of h5, tiff.* got 'docx'"):
        format_named("docx")


def test_jpeg_and_pdf_are_not_offered_for_numbers_of_objects() -> None:
    assert "JPEG" not in titles_for("labels")
    assert "PDF" not in titles_for("labels")
    assert "JPEG" in titles_for("overlay")
