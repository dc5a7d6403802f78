"""Each format has its writer."""

from __future__ import annotations

import inspect

import pytest

from emstream.jobs.export_formats import EXPORT_FORMATS, Form
from emstream_postprocess.exports.build import writer_of


@pytest.mark.parametrize("form", EXPORT_FORMATS)
def test_every_format_has_a_writer(form: Form) -> None:
    writer = writer_of(form)
    assert list(inspect.signature(writer).parameters) == ["part", "volumes", "provenance", "advance"]
