"""A whole training: what is checked and reported before it, and the checkpoint after it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from emstream.errors import TrainingDataUnusable
from emstream.models.checkpoint import read_checkpoint
from emstream_training.fit.run import Order, check_marked, train_checkpoint
from emstream_training.settings import TrainingSettings
from tests.unit.emstream_training.stacks import grey_stack, labelled, truth_of, write_sections

IMAGES = grey_stack((3, 70, 80))
TINY = TrainingSettings("spots", width=0.125, sections=1, patch=64, batch=1, steps=1, validate_every=1, threads=1)


def order_of(folder: Path, **changes: object) -> Order:
    write_sections(folder / "images", IMAGES)
    write_sections(folder / "labels", truth_of(IMAGES) * 255)
    stack = {"images": "images", "labels": "labels"}
    content = {"sources": [{**stack, "last": 1}], "validation": [{**stack, "first": 2}], "pixel_size_nm": 5} | changes
    (folder / "data.json").write_text(json.dumps(content))
    return Order(folder / "data.json", folder / "out", "mine", TINY)


def test_a_training_says_its_pairs_once_and_ends_with_a_checkpoint(tmp_path: Path) -> None:
    lines: list[str] = []
    steps: list[int] = []
    path = train_checkpoint(order_of(tmp_path), lambda progress: steps.append(progress.step), lines.append)
    assert lines == ["images with labels labels: 3 sections, 0..2, paired by number"]
    assert steps[-1] == 1
    header = read_checkpoint(path).header
    assert (path.name, header.name, header.objects, header.pixel_size_nm) == ("mine.onnx", "mine", ("spots",), 5)
    assert header.training["sources"] == [read_source(tmp_path)]


def read_source(folder: Path) -> object:
    from emstream_training.data.sources import read_training_file

    return read_training_file(folder / "data.json").sources[0].for_header()


def test_nothing_is_trained_where_nothing_is_marked(tmp_path: Path) -> None:
    order = order_of(tmp_path)
    write_sections(tmp_path / "labels", np.zeros_like(IMAGES))
    with pytest.raises(TrainingDataUnusable, match=r"no label of 'sources' marks the structure .*labels\): give label"):
        train_checkpoint(order, lambda progress: None)
    assert not order.output.exists()


def test_each_list_needs_one_stack_with_structure() -> None:
    marked = labelled((2, 20, 20))
    empty = replace(marked, labels=tuple(np.zeros_like(label) for label in marked.labels))
    check_marked([empty, marked], [marked])
    with pytest.raises(TrainingDataUnusable, match="no label of 'validation'"):
        check_marked([marked], [empty, empty])
