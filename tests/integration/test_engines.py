"""Engines see the same weights and agree within the stated limits, on real sections with the shipped checkpoint."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from emstream.models.checkpoint import read_checkpoint
from emstream.models.recipes import MODELS, shipped_books
from emstream_inference.engines import Engine, OpenVinoEngine, TorchEngine
from emstream_training.metrics.confusion import Confusion
from tests.integration.conftest import noise_stack

UINT8 = NDArray[np.uint8]
SHIPPED = MODELS / "mitochondria-multiresunet-3fm.onnx"


def read_sections(folder: Path) -> UINT8:
    return np.stack([np.asarray(Image.open(path).convert("L")) for path in sorted(folder.iterdir())])


@cache
def predictions(folder: Path | None) -> dict[str, UINT8]:
    """Return each engine's probabilities of the windows whose middle sections have both neighbours."""
    stack = noise_stack((3, 256, 256)) if folder is None else read_sections(folder)
    windows = np.stack([stack[z - 1 : z + 2] for z in range(1, len(stack) - 1)])
    engines: dict[str, Engine] = {"torch f32": TorchEngine("cpu", "f32"), "openvino f32": OpenVinoEngine("f32")}
    found = {}
    if "BF16" in OpenVinoEngine("f32").fingerprint()["capabilities"]:
        engines["openvino bf16"] = OpenVinoEngine("bf16")
    for name, engine in engines.items():
        engine.load(read_checkpoint(SHIPPED))
        one_by_one = [engine.to_host(engine.forward(0, engine.to_device(w[None]))) for w in windows]
        found[name] = np.concatenate(one_by_one)[:, 0]
    return found


def test_float32_engines_agree_anywhere() -> None:
    found = predictions(None)
    assert np.abs(found["torch f32"].astype(int) - found["openvino f32"]).max() <= 1


@pytest.mark.real
def test_engines_agree_on_real_sections(real_mitochondria: Path) -> None:
    found = predictions(real_mitochondria / "val" / "images")
    reference = found["torch f32"].astype(int)
    assert np.abs(reference - found["openvino f32"]).max() <= 1


@pytest.mark.real
def test_bf16_on_a_cpu_stays_within_its_limits(real_mitochondria: Path) -> None:
    found = predictions(real_mitochondria / "val" / "images")
    if "openvino bf16" not in found:
        pytest.skip("this processor has no bf16")
    reference, half = found["torch f32"].astype(int), found["openvino bf16"]
    threshold = np.ceil(shipped_books()["mitochondria"].balanced.threshold * 255)
    truth = read_sections(real_mitochondria / "val" / "labels")[1:-1] > 0
    assert np.percentile(np.abs(reference - half), 99.9) <= 4
    assert np.mean((reference >= threshold) != (half >= threshold)) <= 1e-3
    scores = [Confusion.of(p >= threshold, truth).f1 for p in (reference, half)]
    assert abs(scores[0] - scores[1]) <= 0.002


def test_openvino_is_byte_equal_over_batch_sizes() -> None:
    engine = OpenVinoEngine("f32")
    engine.load(read_checkpoint(SHIPPED))
    windows = np.stack([noise_stack((3, 256, 256), seed) for seed in range(4)])
    together = engine.forward(0, windows)
    alone = np.concatenate([engine.forward(0, window[None]) for window in windows])
    assert (together == alone).all()


def test_openvino_is_byte_equal_over_thread_counts() -> None:
    window = noise_stack((3, 256, 256))[None]
    found = []
    for threads in (1, 2):
        engine = OpenVinoEngine("f32", threads)
        engine.load(read_checkpoint(SHIPPED))
        found.append(engine.forward(0, window))
    assert (found[0] == found[1]).all()


FIRST_WINDOWS = """
import sys, threading
import numpy as np
from emstream.models.checkpoint import read_checkpoint
from emstream.models.recipes import MODELS
from emstream_inference.engines import OpenVinoEngine
sys.setswitchinterval(1e-6)
engine = OpenVinoEngine()
engine.load(read_checkpoint(MODELS / "nuclei-multiresunet-1fm.onnx"))
engine.prepare(0, (1, 64, 64))
ready = threading.Barrier(2)
def predict():
    engine._request_for(0, (1, 64, 64))
    ready.wait()
    engine.forward(0, np.zeros((1, 1, 64, 64), np.uint8))
threads = [threading.Thread(target=predict) for _ in range(2)]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""


@pytest.mark.parametrize("attempt", range(3))
def test_two_lanes_may_begin_at_once(attempt: int) -> None:
    """OpenVINO itself would hang, for ever, in every second attempt."""
    subprocess.run([sys.executable, "-c", FIRST_WINDOWS], check=True, timeout=120)


def test_lanes_compute_what_one_thread_does() -> None:
    engine = OpenVinoEngine()
    number = engine.load(read_checkpoint(MODELS / "nuclei-multiresunet-1fm.onnx"))
    windows = noise_stack((6, 128, 128))
    alone = [engine.forward(number, window[None, None]) for window in windows]
    with ThreadPoolExecutor(2) as pool:
        together = list(pool.map(lambda window: engine.forward(number, window[None, None]), windows))
    assert all(np.array_equal(a, b) for a, b in zip(alone, together, strict=True))


def test_a_checkpoint_is_loaded_once(checkpoint_1fm: Path, checkpoint_3fm: Path) -> None:
    one, three = read_checkpoint(checkpoint_1fm), read_checkpoint(checkpoint_3fm)
    engines: list[Engine] = [TorchEngine("cpu", "f32"), OpenVinoEngine("f32")]
    for engine in engines:
        assert [engine.load(checkpoint) for checkpoint in (one, three, one)] == [0, 1, 0]
