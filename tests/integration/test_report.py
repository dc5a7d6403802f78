"""`emstream report` on tiny sections and networks: all files, the same bytes again, and sentences for what is wrong."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

from emstream_training.metrics.confusion import Confusion
from emstream_training.metrics.curves import level_of
from tests.integration.conftest import Invoke, noise_stack, read_layer, run_job, write_pngs

SHAPE = (3, 70, 90)
CURVE = (
    "step,loss,f1,precision,recall,threshold,time\n10,0.9,0.2,0.3,0.1,0.5,12:00:00\n20,0.5,0.6,0.6,0.6,0.5,12:01:00\n"
)


@pytest.fixture
def stack(tmp_path: Path) -> NDArray[np.uint8]:
    stack = noise_stack(SHAPE)
    write_pngs(tmp_path / "images", stack)
    return stack


@pytest.fixture
def truth(tmp_path: Path, stack: NDArray[np.uint8]) -> NDArray[np.bool_]:
    truth = (stack // 2 + noise_stack(SHAPE, seed=1) // 2) > 120
    write_pngs(tmp_path / "labels", truth.astype(np.uint8) * 255)
    return truth


@pytest.fixture
def report(emstream: Invoke, tmp_path: Path, truth: NDArray[np.bool_]) -> Invoke:
    """Run `emstream report` on the sections; returns exit code, standard output, standard error."""
    sources = ("--images", tmp_path / "images", "--labels", tmp_path / "labels", "--quality", "fast")
    return lambda *arguments: emstream("report", *sources, "--output", tmp_path / "out", *arguments)


def test_a_whole_report(
    tmp_path: Path, report: Invoke, truth: NDArray[np.bool_], checkpoint_1fm: Path, checkpoint_3fm: Path
) -> None:
    (tmp_path / "curve.csv").write_text(CURVE)
    options = ("--checkpoint", checkpoint_1fm, "--checkpoint", checkpoint_3fm, "--curve", tmp_path / "curve.csv")
    code, out, err = report(*options, "--no-run-time")
    assert (code, "report.html" in out) == (0, True), err
    out_folder = tmp_path / "out"
    numbers = json.loads((out_folder / "report.json").read_text())
    names = ["spots-1fm", "spots-3fm", "ensemble (MultiResUNet)"]
    assert list(numbers["scores"]) == names
    assert numbers["main"] == names[-1]
    assert len(numbers["robustness"]) == 7
    assert numbers["training"][tmp_path.name]["f1"] == [0.2, 0.6]

    run_job(tmp_path / "images", tmp_path / "both", [checkpoint_1fm, checkpoint_3fm], halo="fast")
    mask = read_layer(tmp_path / "both") >= level_of(0.5)
    assert numbers["scores"][names[-1]]["total"]["f1"] == pytest.approx(Confusion.of(mask, truth).f1, abs=0.01)

    figures = sorted(path.stem for path in (out_folder / "figures").iterdir())
    examples = [figure for figure in figures if figure.startswith("example_")]
    assert set(figures) - set(examples) == {"f1_per_section", "precision_recall", "robustness", "training"}
    assert len(examples) == 3
    with Image.open(out_folder / "figures" / "robustness.png") as picture:
        assert picture.size == (1605, 915)
    check_page(out_folder / "report.html", figures)
    pdf = (out_folder / "report.pdf").read_bytes()
    assert len(re.findall(rb"/Type /Page\b", pdf)) == len(figures) + 3
    assert b"Date" not in pdf
    assert sorted(path.name for path in out_folder.iterdir()) == ["figures", "report.html", "report.json", "report.pdf"]


def check_page(path: Path, figures: list[str]) -> None:
    """The page is well-formed, needs no other file, and says in words what its pictures show."""
    text = path.read_text()
    page = ElementTree.fromstring(text.removeprefix("<!DOCTYPE html>"))
    pictures = list(page.iter("img"))
    assert len(pictures) == len(figures)
    assert all(picture.get("src", "").startswith("data:image/png;base64,") for picture in pictures)
    assert all(len(picture.get("alt", "")) > 20 for picture in pictures)
    assert "prefers-color-scheme: dark" in text
    assert "http" not in text
    assert "<script" not in text


def test_the_same_report_again_is_the_same_bytes(tmp_path: Path, report: Invoke, checkpoint_1fm: Path) -> None:
    contents = []
    for _ in range(2):
        code, _, err = report("--checkpoint", checkpoint_1fm, "--no-run-time", "--no-robustness")
        assert code == 0, err
        files = sorted(path for path in (tmp_path / "out").rglob("*") if path.is_file())
        contents.append({path.name: path.read_bytes() for path in files})
    assert contents[0] == contents[1]


def test_networks_are_set_against_each_other_and_timed(
    tmp_path: Path, report: Invoke, checkpoint_1fm: Path, checkpoint_3fm: Path
) -> None:
    options = ("--checkpoint", checkpoint_1fm, "--compare", f"other={checkpoint_3fm}", "--sizes", "64,96")
    code, _, err = report(*options, "--no-robustness")
    assert code == 0, err
    numbers = json.loads((tmp_path / "out" / "report.json").read_text())
    assert [score["family"] for score in numbers["scores"].values()] == ["MultiResUNet", "other"]
    assert [timing["side"] for timing in numbers["run_time"]] == [64, 96]
    assert numbers["run_time_line"]["r_squared"] == pytest.approx(1)
    assert "Two points always make a line" in (tmp_path / "out" / "report.html").read_text()
    for name in ("families", "run_time"):
        assert (tmp_path / "out" / "figures" / f"{name}.png").exists()
    assert f"--compare other={checkpoint_3fm}" in numbers["command"]


def test_thin_sections_are_known_by_what_their_file_says(
    tmp_path: Path,
    emstream: Invoke,
    monkeypatch: pytest.MonkeyPatch,
    truth: NDArray[np.bool_],
    checkpoint_1fm: Path,
    checkpoint_3fm: Path,
) -> None:
    models = tmp_path / "models"
    models.mkdir()
    shutil.copy(checkpoint_1fm, models / "thick.onnx")
    shutil.copy(checkpoint_3fm, models / "thin.onnx")
    thin = {"below_nm": 15, "checkpoints": ["thin"], "threshold": 0.6}
    recipe = {"checkpoints": ["thick"], "variants": 1, "halo": "fast", "threshold": 0.5, "fine": thin}
    book = {"object": "spots", "is_default": True} | dict.fromkeys(("fast", "balanced", "accurate"), recipe)
    (models / "spots.recipe.json").write_text(json.dumps(book))
    monkeypatch.setenv("EMSTREAM_MODELS", str(models))
    images = tmp_path / "thin.tif"
    spacing = {"spacing": 0.005, "unit": "um"}
    tifffile.imwrite(images, noise_stack(SHAPE), imagej=True, resolution=(200, 200), metadata={"axes": "ZYX"} | spacing)
    sources = ("--images", images, "--labels", tmp_path / "labels", "--output", tmp_path / "out")
    for options, number in (((), 3), (("--voxel-size", "50,5,5"), 1)):
        code, _, err = emstream("report", *sources, "--no-run-time", "--no-robustness", *options)
        assert code == 0, err
        assert list(json.loads((tmp_path / "out" / "report.json").read_text())["scores"]) == [f"spots-{number}fm"]


def numbered_labels(folder: Path) -> tuple[object, ...]:
    return "--labels", write_pngs(folder / "numbered", noise_stack(SHAPE))


def fewer_labels(folder: Path) -> tuple[object, ...]:
    return "--labels", write_pngs(folder / "fewer", np.zeros((2, *SHAPE[1:]), np.uint8))


@pytest.mark.parametrize(
    ("make", "code", "phrase"),
    [
        (numbered_labels, 2, "they must be 0 and one other value"),
        (fewer_labels, 2, "give the labels of these sections"),
        (lambda folder: ("--images", folder / "nowhere"), 3, "nowhere does not exist"),
        (lambda folder: ("--curve", folder / "nowhere.csv"), 3, "nowhere.csv cannot be read"),
        (lambda folder: ("--compare", "nothing"), 2, "--compare must be NAME=FILE"),
        (lambda folder: ("--compare", "MultiResUNet=x.onnx"), 2, "needs another NAME"),
        (lambda folder: ("--compare", f"other={folder / 'x.onnx'}"), 2, "there is no checkpoint"),
        (lambda folder: ("--sizes", "10"), 2, "--sizes must be from 64 to"),
        (lambda folder: ("--sizes", "big"), 2, "--sizes must be whole numbers"),
        (lambda folder: ("--object", "unicorns"), 2, "they find: spots"),
    ],
)
def test_what_does_not_fit_gets_its_sentence_before_a_network_runs(
    tmp_path: Path,
    report: Invoke,
    checkpoint_1fm: Path,
    make: Callable[[Path], tuple[object, ...]],
    code: int,
    phrase: str,
) -> None:
    found, out, err = report("--checkpoint", checkpoint_1fm, *make(tmp_path))
    assert (found, out) == (code, ""), err
    assert phrase in err
    assert "predicting" not in err


def test_without_matplotlib_the_command_says_how_to_install_it(
    report: Invoke, monkeypatch: pytest.MonkeyPatch, checkpoint_1fm: Path
) -> None:
    monkeypatch.setattr("emstream_cli.commands.report.find_spec", lambda name: None)
    code, _, err = report("--checkpoint", checkpoint_1fm)
    assert code == 4
    assert "pip install 'emstream[train]'" in err


def test_a_report_needs_no_torch() -> None:
    program = "import sys; sys.modules['torch'] = None; import emstream_training.report.write"
    subprocess.run([sys.executable, "-c", program], check=True)
