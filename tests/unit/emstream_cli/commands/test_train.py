"""emstream train and prepare: options over the defaults or a checkpoint's, and the order that a training gets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

pytest.importorskip("torch")

import emstream_training.fit.run as run_module
from emstream.models.recipes import MODELS
from emstream_cli.commands.train import NetworkOptions
from emstream_cli.main import app
from emstream_training.fit.run import Order
from emstream_training.settings import FINE_TUNING, LEARNING_RATE, TrainingSettings

SHIPPED = MODELS / "nuclei-multiresunet-1fm.onnx"
Train = Callable[..., tuple[Order, Result]]


@pytest.fixture
def train(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Train:
    """Run the command with words; return the order that the training got, and the command's result."""
    orders: list[Order] = []

    def note(order: Order, show: object, tell: Callable[[str], None]) -> Path:
        orders.append(order)
        tell("labels: 2 of 3 sections")
        return order.output / f"{order.name}.onnx"

    monkeypatch.setattr(run_module, "train_checkpoint", note)

    def run(*words: object) -> tuple[Order, Result]:
        given = ["train", str(tmp_path / "data.json"), "-o", str(tmp_path / "out"), "--device", "cpu"]
        done = CliRunner().invoke(app, [*given, *map(str, words)])
        assert done.exit_code == 0, done.output
        return orders[-1], done

    return run


def test_without_options_the_paper_s_network_learns_mitochondria(train: Train, tmp_path: Path) -> None:
    order, done = train()
    settings = order.settings
    assert (settings.object_name, settings.network, settings.sections, settings.width) == (
        "mitochondria",
        "MultiResUNet",
        3,
        1.0,
    )
    assert (settings.minutes, settings.steps, settings.batch, settings.patch, settings.seed) == (60, None, 4, 512, 1)
    assert (order.name, order.restart) == ("mitochondria-multiresunet-3fm", False)
    assert done.stdout == f"checkpoint: {tmp_path / 'out' / order.name}.onnx\n"
    assert "labels: 2 of 3 sections" in done.stderr


def test_options_reach_the_settings(train: Train) -> None:
    network = ("--object", "nuclei", "--network", "DeepEM3D", "--sections", 1, "--width", 0.5, "--learning-rate", 0.01)
    schedule = ("--steps", 7, "--batch", 2, "--patch", 128, "--seed", 3, "--validate-every", 4, "--save-every", 5)
    order, _ = train(*network, *schedule, "--name", "mine", "--restart")
    expected = replace(
        TrainingSettings("nuclei", "DeepEM3D", 1, 0.5, learning_rate=0.01),
        steps=7,
        batch=2,
        patch=128,
        seed=3,
        validate_every=4,
        save_every=5,
        use_bf16=order.settings.use_bf16,
    )
    assert order.settings == expected
    assert (order.name, order.restart) == ("mine", True)


def test_fine_tuning_takes_structure_and_network_from_the_checkpoint(train: Train) -> None:
    order, _ = train("--from", SHIPPED)
    assert (order.settings.object_name, order.settings.sections) == ("nuclei", 1)
    assert order.settings.start_from == str(SHIPPED)
    assert order.settings.learning_rate == pytest.approx(LEARNING_RATE * FINE_TUNING)
    assert order.name == "nuclei-multiresunet-1fm"


def test_what_is_given_counts_more_than_what_the_checkpoint_has(train: Train) -> None:
    order, _ = train("--from", SHIPPED, "--object", "nucleoli", "--learning-rate", 0.01)
    assert (order.settings.object_name, order.settings.learning_rate) == ("nucleoli", 0.01)
    assert order.settings.sections == 1


@pytest.mark.parametrize("given", [True, False])
def test_a_switch_may_be_turned_off_too(given: bool) -> None:
    base = TrainingSettings("spots", reduction=2, space_to_depth=True)
    assert NetworkOptions().over(base) == base
    assert NetworkOptions(space_to_depth=given).over(base).space_to_depth == given


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--sections", "4"), "sections must be 1, 3 or 5, got 4"),
        (("--reduction", "3"), "reduction must be 1, 2 or 4, got 3"),
        (("--space-to-depth",), "add --reduction 2, or leave --space-to-depth out"),
        (("--patch", "100"), "patch must be a multiple of 16"),
        (("--from", "none.onnx"), "there is no checkpoint none.onnx"),
    ],
)
def test_a_network_that_cannot_be_is_refused_before_anything_is_read(
    tmp_path: Path, words: tuple[str, ...], sentence: str
) -> None:
    done = CliRunner().invoke(app, ["train", str(tmp_path / "none.json"), "-o", str(tmp_path / "out"), *words])
    assert sentence in str(done.exception)
    assert not (tmp_path / "out").exists()


def test_prepare_names_both_files_that_it_writes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def write(data: Path, output: Path, tell: Callable[[str], None]) -> Path:
        tell("skipped: notes.txt")
        return output.with_suffix(".json")

    monkeypatch.setattr("emstream_training.data.prepare.prepare", write)
    done = CliRunner().invoke(app, ["prepare", "data.json", "-o", str(tmp_path / "variants.h5")])
    assert done.stdout.splitlines() == [
        f"variants: {tmp_path / 'variants.h5'}",
        f"training file: {tmp_path / 'variants.json'}",
    ]
    assert "skipped: notes.txt" in done.stderr
