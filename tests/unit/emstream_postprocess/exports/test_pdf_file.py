"""PDF exports: a page per section and volume."""

from __future__ import annotations

import re
import zlib
from pathlib import Path

import numpy as np
import pytest

from emstream.errors import JobFailed
from emstream_postprocess.exports import pdf_file
from emstream_postprocess.exports.pdf_file import LEAST_POINTS, write
from tests.unit.emstream_postprocess.exports.volumes_at_hand import (
    PROVENANCE,
    Counter,
    exported,
    some_colours,
    some_labels,
    some_mask,
)


def images(content: bytes, encoding: bytes) -> list[bytes]:
    pattern = rb"/Filter /" + encoding + rb"[^>]*/Length (\d+) >>\nstream\n"
    return [content[m.end() : m.end() + int(m[1])] for m in re.finditer(pattern, content)]


def test_a_mask_is_kept_exactly_on_a_page_with_its_caption(tmp_path: Path) -> None:
    mask, count = some_mask(), Counter()
    write(tmp_path / "a.pdf", [exported(mask, first=5)], PROVENANCE, count)
    content = (tmp_path / "a.pdf").read_bytes()
    assert content.startswith(b"%PDF-1.5")
    assert content.endswith(b"%%EOF\n")
    assert b"/Count 2" in content
    found = [np.frombuffer(zlib.decompress(image), np.uint8) for image in images(content, b"FlateDecode")]
    assert (np.stack(found).reshape(mask.shape) == mask).all()
    assert count.strips == 4


def test_every_object_begins_where_the_table_says(tmp_path: Path) -> None:
    write(tmp_path / "a.pdf", [exported(some_mask())], PROVENANCE, Counter())
    content = (tmp_path / "a.pdf").read_bytes()
    start = int(content.split(b"startxref\n")[1].split()[0])
    rows = re.findall(rb"(\d{10}) 00000 n ", content[start:])
    for number, at in enumerate(rows, 1):
        assert content[int(at) :].startswith(b"%d 0 obj" % number)


def test_small_pictures_are_enlarged_so_that_captions_fit(tmp_path: Path) -> None:
    write(tmp_path / "a.pdf", [exported(some_mask((1, 20, 10)))], PROVENANCE, Counter())
    [width] = re.findall(rb"/MediaBox \[0 0 ([\d.]+) ", (tmp_path / "a.pdf").read_bytes())
    assert float(width) == LEAST_POINTS


def test_labels_are_colours_on_black_and_overlays_are_jpeg(tmp_path: Path) -> None:
    labels = some_labels((1, 4, 5), most=3)
    write(tmp_path / "a.pdf", [exported(labels, "cells/labels")], PROVENANCE, Counter())
    [image] = images((tmp_path / "a.pdf").read_bytes(), b"FlateDecode")
    colours = np.frombuffer(zlib.decompress(image), np.uint8).reshape(4, 5, 3)
    assert ((colours == 0).all(axis=2) == (labels[0] == 0)).all()
    write(tmp_path / "b.pdf", [exported(some_colours(), "cells/overlay")], PROVENANCE, Counter())
    assert len(images((tmp_path / "b.pdf").read_bytes(), b"DCTDecode")) == 2


def test_a_file_beyond_ten_digits_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf_file, "MOST_BYTES", 1000)
    with pytest.raises(JobFailed):
        write(tmp_path / "a.pdf", [exported(some_mask())], PROVENANCE, Counter())
