"""`emstream evaluate` on masks and probabilities that are there: figures, and sentences for what does not fit."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from emstream_training.metrics.confusion import Confusion
from emstream_training.metrics.curves import Histograms
from tests.integration.conftest import Invoke, noise_stack, write_pngs

UINT8 = NDArray[np.uint8]
SHAPE = (3, 70, 50)


@pytest.fixture
def evaluate(emstream: Invoke) -> Invoke:
    """Run `emstream evaluate` in this process; returns exit code, standard output, standard error."""
    return lambda *arguments: emstream("evaluate", *arguments)


@pytest.fixture
def probability() -> UINT8:
    return noise_stack(SHAPE)


@pytest.fixture
def truth() -> NDArray[np.bool_]:
    return (noise_stack(SHAPE) // 2 + noise_stack(SHAPE, seed=1) // 2) > 120


@pytest.fixture
def labels(tmp_path: Path, truth: NDArray[np.bool_]) -> Path:
    return write_pngs(tmp_path / "labels", truth.astype(np.uint8))


def write_mask_file(path: Path, probability: UINT8, names: tuple[str, ...] = ("spots",), level: int = 128) -> Path:
    with h5py.File(path, "w") as file:
        for name in names:
            file.create_dataset(f"{name}/probability", data=probability, chunks=(1, 32, 32), compression="gzip")
            mask = np.where(probability >= level, np.uint8(255), np.uint8(0))
            file.create_dataset(f"{name}/mask", data=mask, chunks=(1, 32, 32), compression="gzip", shuffle=True)
    return path


def test_every_kind_of_mask_gets_the_same_counts(
    tmp_path: Path, evaluate: Invoke, probability: UINT8, truth: NDArray[np.bool_], labels: Path
) -> None:
    mask = probability >= 128
    counts = Confusion.of(mask, truth)
    tifffile.imwrite(tmp_path / "stack.tif", mask.astype(np.uint8) * 255, photometric="minisblack")
    tifffile.imwrite(tmp_path / "p.tif", (probability / 255).astype(np.float32), photometric="minisblack")
    sources = [
        write_mask_file(tmp_path / "mask.h5", probability),
        write_pngs(tmp_path / "masks", mask.astype(np.uint8) * 255),
        write_pngs(tmp_path / "probabilities", probability),
        tmp_path / "stack.tif",
        tmp_path / "p.tif",
    ]
    for source in sources:
        code, out, err = evaluate("--masks", source, "--labels", labels, "--json")
        assert code == 0, err
        found = json.loads(out)
        assert found["total"]["true_positives"] == counts.hits, source
        assert found["total"]["f1"] == round(counts.f1, 6)
        assert [section["f1"] for section in found["sections"]] == [
            round(Confusion.of(m, t).f1, 6) for m, t in zip(mask, truth, strict=True)
        ]
        assert ("average_precision" in found["total"]) == (source.name in ("mask.h5", "probabilities", "p.tif"))
        assert ("read as probabilities" in err) == (source.name in ("probabilities", "p.tif"))


def test_probabilities_give_the_whole_curve_and_a_threshold(
    tmp_path: Path, evaluate: Invoke, probability: UINT8, truth: NDArray[np.bool_], labels: Path
) -> None:
    source = write_mask_file(tmp_path / "mask.h5", probability)
    _, out, _ = evaluate("--masks", source, "--labels", labels, "--json")
    total = json.loads(out)["total"]
    whole = Histograms.of(probability, truth)
    assert total["average_precision"] == pytest.approx(whole.average_precision, abs=1e-6)
    assert total["recall_at_precision_0.80"] == pytest.approx(whole.recall_at_precision(0.80), abs=1e-6)
    assert total["precision_at_recall_0.95"] == pytest.approx(whole.precision_at_recall(0.95), abs=1e-6)
    _, out, _ = evaluate("--masks", source, "--labels", labels, "--json", "--threshold", total["best_threshold"])
    assert json.loads(out)["total"]["f1"] == total["best_f1"] >= total["f1"]


def test_what_is_ignored_does_not_count(
    tmp_path: Path, evaluate: Invoke, probability: UINT8, truth: NDArray[np.bool_], labels: Path
) -> None:
    wrong = (probability >= 128) != truth
    ignored = write_pngs(tmp_path / "ignored", wrong.astype(np.uint8))
    source = write_pngs(tmp_path / "masks", (probability >= 128).astype(np.uint8) * 255)
    code, out, _ = evaluate("--masks", source, "--labels", labels, "--ignore", ignored, "--json")
    assert code == 0
    total = json.loads(out)["total"]
    assert (total["f1"], total["iou"], total["false_positives"], total["false_negatives"]) == (1, 1, 0, 0)
    assert total["true_positives"] + total["true_negatives"] == np.count_nonzero(~wrong)


def test_membranes_are_measured_by_their_regions_too(tmp_path: Path, evaluate: Invoke) -> None:
    pytest.importorskip("skimage")
    walls = np.zeros((2, 40, 40), np.uint8)
    walls[:, ::13] = walls[:, :, ::13] = 255
    labels = write_pngs(tmp_path / "labels", walls)
    broken = walls.copy()
    broken[1, 13, 20] = 0
    source = write_mask_file(tmp_path / "mask.h5", broken, ("membranes",))
    code, out, err = evaluate("--masks", source, "--labels", labels, "--json")
    assert code == 0, err
    found = json.loads(out)
    assert found["sections"][0]["adapted_rand_error_thinned"] == found["sections"][0]["variation_of_information"] == 0
    errors = [section["adapted_rand_error_thinned"] for section in found["sections"]]
    assert found["total"]["adapted_rand_error_thinned"] == pytest.approx(np.mean(errors), abs=1e-6)
    assert found["total"]["merge"] > 0
    _, out, _ = evaluate("--masks", source, "--labels", labels, "--json", "--no-membranes")
    assert "adapted_rand_error_thinned" not in json.loads(out)["total"]
    _, out, _ = evaluate("--masks", write_pngs(tmp_path / "png", broken), "--labels", labels, "--membranes")
    assert "adapted Rand error" in out


def test_without_scikit_image_membranes_are_counted_and_a_note_says_what_is_missing(
    tmp_path: Path, evaluate: Invoke, monkeypatch: pytest.MonkeyPatch, probability: UINT8, labels: Path
) -> None:
    monkeypatch.setattr("emstream_training.metrics.regions.find_spec", lambda name: None)
    source = write_mask_file(tmp_path / "mask.h5", probability, ("membranes",))
    code, out, err = evaluate("--masks", source, "--labels", labels)
    assert code == 0
    assert "total" in out
    assert "note: adapted Rand error" in err
    code, _, err = evaluate("--masks", source, "--labels", labels, "--membranes")
    assert code == 2
    assert "pip install" in err


def test_masks_are_scored_without_torch_or_scikit_image(tmp_path: Path, probability: UINT8, labels: Path) -> None:
    source = write_mask_file(tmp_path / "mask.h5", probability, ("membranes",))
    arguments = ["evaluate", "--masks", str(source), "--labels", str(labels)]
    blocked = "sys.modules.update(dict.fromkeys(('torch', 'skimage', 'scipy', 'openvino')))"
    program = f"import sys; {blocked}; sys.argv[1:] = {arguments!r}; from emstream_cli.main import main; main()"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "average precision" in done.stdout
    assert "pip install" in done.stderr


def not_binary(folder: Path) -> tuple[object, ...]:
    stack = np.zeros(SHAPE, np.uint8)
    stack[0, 0, 0], stack[2, 1, 1] = 255, 7
    return "--labels", write_pngs(folder / "numbered", stack)


def fewer(folder: Path) -> tuple[object, ...]:
    return "--labels", write_pngs(folder / "fewer", np.zeros((2, *SHAPE[1:]), np.uint8))


def smaller_ignored(folder: Path) -> tuple[object, ...]:
    return "--ignore", write_pngs(folder / "ignored", np.zeros((3, 20, 20), np.uint8))


def numbered_masks(folder: Path) -> tuple[object, ...]:
    stack = np.arange(np.prod(SHAPE), dtype=np.uint16).reshape(SHAPE)
    tifffile.imwrite(folder / "numbered.tif", stack, photometric="minisblack")
    return "--masks", folder / "numbered.tif"


def damaged(folder: Path) -> tuple[object, ...]:
    content = write_mask_file(folder / "whole.h5", noise_stack(SHAPE)).read_bytes()
    (folder / "half.h5").write_bytes(content[: len(content) // 2])
    return "--masks", folder / "half.h5"


@pytest.mark.parametrize(
    ("make", "code", "phrase"),
    [
        (not_binary, 2, "the values 255 and 7 in addition to 0 (section 3)"),
        (fewer, 2, "give the labels of these sections"),
        (smaller_ignored, 2, "and the pixels to ignore (3, 20, 20): give the pixels to ignore of these sections"),
        (numbered_masks, 2, "For numbered objects add --instances"),
        (damaged, 3, "half.h5 cannot be read"),
        (lambda folder: ("--masks", folder / "nowhere"), 3, "nowhere does not exist"),
        (lambda folder: ("--labels", folder / "nowhere"), 3, "nowhere does not exist"),
        (lambda folder: ("--images", folder / "labels"), 2, "one of them"),
        (lambda folder: ("--checkpoint", folder / "x.onnx"), 2, "without a network"),
        (lambda folder: ("--contrast-stretch",), 2, "scored as they are"),
        (lambda folder: ("--object", "unicorns"), 2, "holds masks of spots; there is no 'unicorns'"),
        (lambda folder: ("--object", "spots", "--object", "dots"), 2, "one structure is scored at a time"),
    ],
)
def test_what_does_not_fit_gets_its_sentence(
    tmp_path: Path,
    evaluate: Invoke,
    probability: UINT8,
    labels: Path,
    make: Callable[[Path], tuple[object, ...]],
    code: int,
    phrase: str,
) -> None:
    source = write_mask_file(tmp_path / "mask.h5", probability)
    found, out, err = evaluate("--masks", source, "--labels", labels, *make(tmp_path))
    assert found == code, err
    assert phrase in err
    assert out == ""
    assert err.strip().splitlines()[-1].startswith("emstream: ")


def test_a_file_of_several_objects_asks_for_one(
    tmp_path: Path, evaluate: Invoke, probability: UINT8, labels: Path
) -> None:
    source = write_mask_file(tmp_path / "mask.h5", probability, ("dots", "spots"))
    code, _, err = evaluate("--masks", source, "--labels", labels)
    assert code == 2
    assert "holds masks of dots, spots: name one of them with --object" in err
    assert evaluate("--masks", source, "--labels", labels, "--object", "dots")[0] == 0
    assert evaluate("--masks", source, "--labels", labels, "--dataset", "spots/probability")[0] == 0


def test_wrong_labels_are_told_before_the_network_runs(tmp_path: Path, evaluate: Invoke, checkpoint_1fm: Path) -> None:
    images = write_pngs(tmp_path / "images", noise_stack(SHAPE))
    code, out, err = evaluate("--images", images, *not_binary(tmp_path), "--checkpoint", checkpoint_1fm)
    assert code == 2
    assert (out, len(err.strip().splitlines())) == ("", 1)
