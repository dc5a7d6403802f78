"""A whole training of a tiny network: notes first, then a checkpoint whose weights are the best ones, rounded."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from emstream.errors import TrainingDataUnusable
from emstream.models.checkpoint import Header
from emstream.models.networks.serving import ServedNetwork
from emstream_training.data.labelled_files import LabelledStack
from emstream_training.fit import run as run_module
from emstream_training.fit.run import Order, _windows, check_marked, lines_on, train_checkpoint
from emstream_training.fit.train import WRITTEN
from emstream_training.settings import TrainingSettings
from tests.unit.emstream_training.stacks import grey_stack, labelled, truth_of, write_sections

SETTINGS = TrainingSettings(
    "spots", sections=1, width=0.125, patch=64, batch=1, steps=2, validate_every=1, save_every=1, threads=1
)


@pytest.fixture(scope="module", autouse=True)
def _threads() -> Iterator[None]:
    """Give other tests their threads back."""
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def order(tmp_path_factory: pytest.TempPathFactory) -> Order:
    folder = tmp_path_factory.mktemp("training")
    listed = {}
    for name, seed in (("sources", 0), ("validation", 1)):
        stack = grey_stack((2, 70, 80), seed)
        images = write_sections(folder / name / "images", stack)
        labels = write_sections(folder / name / "labels", truth_of(stack) * np.uint8(255))
        listed[name] = [{"images": str(images), "labels": str(labels)}]
    described = listed | {"pixel_size_nm": 5.0, "z_range_nm": [20, 60], "data_licence": "CC0"}
    (folder / "data.json").write_text(json.dumps(described))
    return Order(folder / "data.json", folder / "out", "spots-tiny", SETTINGS)


Written = tuple[ServedNetwork, Header, Path]


@pytest.fixture(scope="module")
def written() -> Iterator[list[Written]]:
    """Checkpoints as they would be written; their halos count as measured. Both take long, and are tested elsewhere."""
    found: list[Written] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run_module, "fast_halo", lambda network, windows, alignment, exact, threshold: 2 * alignment)
        patch.setattr(run_module, "export_checkpoint", lambda *arguments: found.append(arguments))
        yield found


@pytest.fixture(scope="module")
def told(order: Order, written: list[Written]) -> list[str]:
    """What the user was told during a training."""
    lines: list[str] = []
    assert train_checkpoint(order, lambda progress: None, lines.append) == order.output / "spots-tiny.onnx"
    return lines


def test_the_header_says_how_to_use_the_network_and_where_it_comes_from(
    order: Order, told: list[str], written: list[Written]
) -> None:
    _, header, path = written[0]
    assert path == order.output / "spots-tiny.onnx"
    assert (header.name, header.objects, header.sections, header.width) == ("spots-tiny", ("spots",), 1, 0.125)
    assert (header.pixel_size_nm, header.z_range_nm, header.data_licence) == (5.0, (20, 60), "CC0")
    assert (header.alignment, header.halo_exact, header.halo_fast) == (16, 160, 32)
    assert header.training["steps"] == 2
    held_out = header.metrics["held_out"]
    assert isinstance(held_out, dict)
    assert held_out["threshold"] == header.threshold


def test_its_weights_are_the_best_ones_as_float16(order: Order, told: list[str], written: list[Written]) -> None:
    best = torch.load(order.output / "best.pt", weights_only=True)["weights"]
    network = written[0][0].state_dict()
    convolutions = [name for name, weight in best.items() if weight.dim() == 4]
    assert convolutions
    for name in convolutions:
        assert torch.equal(network[name], best[name].half().float()), name


def test_notes_on_the_data_are_told_once_each(told: list[str]) -> None:
    assert told == ["images with labels labels: 2 sections, 0..1, paired by number"]


def test_sections_that_are_trained_on_and_held_out_are_noted() -> None:
    first = replace(labelled((4, 20, 20)), notes=("pairs", "a note"))
    lines = lines_on([first], [first])
    assert lines[:2] == ["pairs", "note: a note"]
    assert lines[2].startswith("note: sections 0, 1, 2, 3 of images, counted from 0, are in 'sources' and in")
    later = replace(labelled((2, 20, 20), first=4, last=5), notes=("other pairs",))
    assert lines_on([first], [later]) == ["pairs", "other pairs", "note: a note"]
    unread = replace(first, notes=())
    assert lines_on([unread], [replace(later, notes=())]) == []


def test_run_again_it_trains_nothing_and_writes_the_same_checkpoint(
    order: Order, told: list[str], written: list[Written]
) -> None:
    train_checkpoint(order, lambda progress: pytest.fail("trained"))
    (first, header, path), (second, same, there) = written[0], written[-1]
    assert (header, path) == (same, there)
    pairs = zip(first.state_dict().values(), second.state_dict().values(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)


def test_a_restart_deletes_the_older_training_first(
    order: Order, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in WRITTEN:
        (tmp_path / name).touch()
    (tmp_path / "notes.txt").touch()
    left: list[str] = []

    def stop(*_: object) -> Path:
        left.extend(path.name for path in tmp_path.iterdir())
        raise InterruptedError

    monkeypatch.setattr("emstream_training.fit.run.train", stop)
    with pytest.raises(InterruptedError):
        train_checkpoint(replace(order, output=tmp_path, restart=True), lambda progress: None)
    assert left == ["notes.txt"]


def unmarked(stack: LabelledStack) -> LabelledStack:
    return replace(stack, labels=tuple(np.zeros_like(label) for label in stack.labels))


@pytest.mark.parametrize(("empty", "named"), [("sources", "sources"), ("validation", "validation")])
def test_labels_that_mark_nothing_are_refused_by_their_side(empty: str, named: str) -> None:
    stacks, held_out = [labelled((1, 40, 40))], [labelled((1, 40, 40), 1)]
    check_marked(stacks, held_out)
    check_marked([unmarked(stacks[0]), stacks[0]], held_out)  # one that marks something is enough
    if empty == "sources":
        stacks = [unmarked(stack) for stack in stacks]
    else:
        held_out = [unmarked(stack) for stack in held_out]
    with pytest.raises(TrainingDataUnusable, match=rf"no label of '{named}' marks the structure .*\(labels\)"):
        check_marked(stacks, held_out)


@pytest.mark.parametrize(
    ("size", "window"), [((40, 50), (32, 48)), ((10, 16), (16, 16)), ((16, 100), (16, 96)), ((1, 1), (16, 16))]
)
def test_windows_are_sections_with_their_neighbours_cut_or_padded(
    size: tuple[int, int], window: tuple[int, int]
) -> None:
    stack = labelled((2, *size))
    found = list(_windows(stack, 3, 16))
    assert [planes.shape for planes in found] == [(3, *window)] * 2
    height, width = (min(a, b) for a, b in zip(size, window, strict=True))
    assert (found[0][1, :height, :width] == stack.images[0][:height, :width]).all()
    assert (found[0][2, :height, :width] == stack.images[1][:height, :width]).all()
    assert not found[0][:, height:].any()
