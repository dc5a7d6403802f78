"""Layers: open files as one list of sections, whatever they are stored in."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from emstream.errors import InputUnreadable, TrainingDataUnusable
from emstream_training.data.layers import Layer, Opening
from tests.unit.emstream_training.stacks import UINT8, grey_stack, write_sections

STACK = grey_stack((4, 20, 30))


def planes_of(layer: Layer, first: int, stop: int) -> list[UINT8]:
    return layer.planes(first, stop, lambda reader: lambda values: values.astype(np.uint8))


def test_a_stack_and_single_sections_give_the_same_planes(tmp_path: Path) -> None:
    folder = write_sections(tmp_path / "sections", STACK)
    tifffile.imwrite(tmp_path / "stack.tif", STACK, photometric="minisblack")
    with ExitStack() as files:
        layers = [
            Opening(True, files).layer("images", folder, None),
            Opening(False, files).layer("images", folder, None),
            Opening(True, files).layer("images", tmp_path / "stack.tif", None),
        ]
        assert [len(layer.readers) for layer in layers] == [1, 4, 1]
        for layer in layers:
            assert layer.depth == 4
            assert layer.sizes == [(20, 30)] * 4
            assert np.array_equal(planes_of(layer, 0, 4), STACK)
            assert np.array_equal(planes_of(layer, 1, 3), STACK[1:3])
            assert len(list(layer.samples())) == 4


def test_single_sections_are_in_natural_order_and_hidden_files_are_skipped(tmp_path: Path) -> None:
    for name, value in (("s10.png", 10), ("s9.png", 9), (".s1.png", 1), ("notes.txt", 0)):
        if name.endswith(".png"):
            Image.fromarray(np.full((5 + value, 6), value, np.uint8)).save(tmp_path / name)
        else:
            (tmp_path / name).write_text("no section")
    with ExitStack() as files:
        layer = Opening(False, files).layer("images", tmp_path, None)
        assert layer.sizes == [(14, 6), (15, 6)]
        assert [int(plane[0, 0]) for plane in planes_of(layer, 0, 2)] == [9, 10]


def test_a_reader_is_converted_by_its_own_function(tmp_path: Path) -> None:
    folder = write_sections(tmp_path, STACK)
    with ExitStack() as files:
        layer = Opening(False, files).layer("images", folder, None)
        order = {id(reader): number for number, reader in enumerate(layer.readers)}
        found = layer.planes(0, 4, lambda reader: lambda values: np.full_like(values, order[id(reader)], np.uint8))
    assert [int(plane.max()) for plane in found] == [0, 1, 2, 3]


def test_values_that_are_not_finite_are_reported_with_their_section(tmp_path: Path) -> None:
    stack = STACK.astype(np.float32)
    stack[2, 3, 4] = np.nan
    tifffile.imwrite(tmp_path / "stack.tif", stack, photometric="minisblack")
    with ExitStack() as files, pytest.raises(InputUnreadable, match=r"stack.tif, section 3"):
        planes_of(Opening(True, files).layer("images", tmp_path / "stack.tif", None), 0, 4)


def test_errors_name_the_key_of_the_training_file(tmp_path: Path) -> None:
    with ExitStack() as files, pytest.raises(TrainingDataUnusable, match=r"there is no .*nowhere \('ignore'\)"):
        Opening(True, files).layer("ignore", tmp_path / "nowhere", None)
    folder = write_sections(tmp_path, STACK)
    with ExitStack() as files, pytest.raises(TrainingDataUnusable, match="'labels_dataset' names it"):
        Opening(True, files).layer("labels", folder, "label")
