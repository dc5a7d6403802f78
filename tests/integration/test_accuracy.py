"""What the shipped recipe finds, on real sections and on the phantom it never saw."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from emstream.phantom import Phantom, write_sections
from services.demo import otsu_f1
from services.preprocess.readers.opening import open_stack
from services.training.evaluate import truth_sections


def f1_of(images: Path, labels: Path, *options: str) -> float:
    command = [sys.executable, "-m", "emstream", "evaluate", "--images", str(images), "--labels", str(labels)]
    done = subprocess.run([*command, "--object", "mitochondria", "--json", *options], capture_output=True, check=True)
    return float(json.loads(done.stdout)["total"]["f1"])


@pytest.mark.real
def test_the_default_recipe_on_sections_kept_out_of_training(real_mitochondria: Path) -> None:
    """Measured 2026-11-25: 0.768, see the model card."""
    assert f1_of(real_mitochondria / "val" / "images", real_mitochondria / "val" / "labels") >= 0.76


def test_the_fast_recipe_beats_a_threshold_on_a_phantom(tmp_path: Path) -> None:
    write_sections(Phantom((4, 700, 1000), seed=5), tmp_path, instances=False)
    ours = f1_of(tmp_path / "images", tmp_path / "labels", "--quality", "fast", "--voxel-size", "50,5.5,5.5")
    with open_stack(tmp_path / "images") as images, open_stack(tmp_path / "labels") as labels:
        grey = [rows.values[0] for rows in images.blocks(0, 4)]
        truth = list(truth_sections(labels, labels.facts.shape_zyx))
    assert ours >= 0.70
    assert otsu_f1(grey, truth) <= 0.45
