"""Engines on networks whose answer is known: the same operations and bytes, and sentences where one cannot run."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from emstream.errors import CheckpointDamaged, EngineUnavailable
from emstream.models.checkpoint import Checkpoint
from emstream.models.networks.serving import Probability
from emstream.settings import Settings
from emstream_inference import engines
from emstream_inference.engines import Engine, OpenVinoEngine, TorchEngine, make_engine
from tests.unit.emstream_inference.checkpoints import write_middle, write_weights


@pytest.fixture(scope="module")
def openvino() -> OpenVinoEngine:
    return OpenVinoEngine("f32", threads=1)


@pytest.fixture(scope="module")
def reference() -> TorchEngine:
    return TorchEngine("cpu", "f32")


@pytest.fixture(params=["openvino", "reference"])
def engine(request: pytest.FixtureRequest) -> Engine:
    found: Engine = request.getfixturevalue(request.param)
    return found


@pytest.mark.parametrize("sections", [1, 3, 5])
def test_openvino_runs_a_checkpoint_on_windows_of_any_size(
    openvino: OpenVinoEngine, tmp_path: Path, sections: int
) -> None:
    number = openvino.load(write_middle(tmp_path / f"middle{sections}.onnx", sections))
    for shape in ((1, sections, 16, 32), (3, sections, 16, 32), (2, sections, 48, 16)):
        windows = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
        found = openvino.to_host(openvino.forward(number, openvino.to_device(windows)))
        assert (found == windows[:, sections // 2 : sections // 2 + 1]).all()


def test_windows_need_not_be_contiguous(openvino: OpenVinoEngine, tmp_path: Path) -> None:
    number = openvino.load(write_middle(tmp_path / "middle.onnx"))
    windows = np.random.default_rng(0).integers(0, 256, (2, 3, 16, 16), dtype=np.uint8)
    turned = openvino.flip(windows, 3).swapaxes(2, 3)
    assert (openvino.to_host(openvino.forward(number, turned)) == turned[:, 1:2]).all()


def test_torch_computes_the_network_of_the_checkpoint(reference: TorchEngine, tmp_path: Path) -> None:
    network, checkpoint = write_weights(tmp_path / "random.onnx")
    number = reference.load(checkpoint)
    windows = np.random.default_rng(0).integers(0, 256, (2, 1, 32, 16), dtype=np.uint8)
    with torch.inference_mode():
        expected = Probability(network)(torch.from_numpy(windows)).numpy()
    found = np.asarray(reference.forward(number, reference.to_device(windows)))
    assert found.shape == (2, 1, 32, 16)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_checkpoint_is_known_by_its_bytes_not_by_its_name(engine: Engine, tmp_path: Path) -> None:
    first, second = (write_weights(tmp_path / f"{seed}.onnx", seed)[1] for seed in (1, 2))
    copy = tmp_path / "copy.onnx"
    copy.write_bytes(first.path.read_bytes())
    numbers = [engine.load(checkpoint) for checkpoint in (first, second, first)]
    again = engine.load(Checkpoint(copy, first.header, first.sha256))
    assert numbers[0] == numbers[2] == again != numbers[1]


@given(st.lists(st.integers(0, 255), min_size=4, max_size=4), st.integers(0, 1))
def test_flipping_twice_changes_nothing(values: list[int], axis: int) -> None:
    windows = np.array(values, np.uint8).reshape(2, 2)
    for engine in (OpenVinoEngine.flip, TorchEngine.flip):
        array = windows if engine is OpenVinoEngine.flip else torch.from_numpy(windows)
        owner = _Torch() if engine is TorchEngine.flip else None
        once = engine(owner, array, axis)  # type: ignore[arg-type]  # flipping needs nothing else of an engine
        assert (np.asarray(once) == np.flip(windows, axis)).all()
        assert (np.asarray(engine(owner, once, axis)) == windows).all()  # type: ignore[arg-type]


class _Torch:
    _torch = torch


def test_every_probability_is_rounded_to_the_nearest_of_256_steps(engine: Engine) -> None:
    steps = np.arange(256, dtype=np.float32) / 255
    for shift in (-0.4, 0.0, 0.4):
        values = np.clip(steps + np.float32(shift / 255), 0, 1)
        mean = torch.from_numpy(values) if isinstance(engine, TorchEngine) else values
        assert engine.to_host(mean).tolist() == list(range(256))


def test_halves_are_rounded_to_even_by_both_engines(openvino: OpenVinoEngine, reference: TorchEngine) -> None:
    halves = ((np.arange(255) + 0.5) / 255).astype(np.float32)
    exact = halves[halves * np.float32(255) == np.arange(255) + 0.5]
    assert len(exact) > 100
    found = openvino.to_host(exact)
    assert (found == reference.to_host(torch.from_numpy(exact))).all()
    assert (found % 2 == 0).all()


def test_the_fingerprint_names_what_decides_the_bytes(engine: Engine) -> None:
    found = engine.fingerprint()
    assert found["engine"] == engine.name
    assert found["precision"] == engine.precision == "f32"
    assert set(found) >= {"engine", "version", "precision", "device", "instructions"}
    assert all(isinstance(value, str) and value for value in found.values())


def test_the_number_of_threads_is_no_part_of_the_fingerprint(openvino: OpenVinoEngine) -> None:
    other = OpenVinoEngine("f32", threads=3)
    assert other.fingerprint() == openvino.fingerprint()
    assert (openvino.lanes, other.lanes) == (1, 2)


def test_a_graph_that_does_not_run_is_refused_by_its_path(openvino: OpenVinoEngine, tmp_path: Path) -> None:
    checkpoint = write_middle(tmp_path / "three.onnx")
    number = openvino.load(checkpoint)
    checkpoint.path.write_bytes(checkpoint.path.read_bytes()[:100])
    with pytest.raises(CheckpointDamaged, match=r"three\.onnx does not run"):
        openvino.prepare(number, (3, 112, 16))


def test_an_engine_that_is_not_installed_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(EngineUnavailable, match=r"pip install 'emstream\[cpu\]'"):
        OpenVinoEngine()
    with pytest.raises(EngineUnavailable, match=r"pip install 'emstream\[gpu\]', or use EMSTREAM_ENGINE=openvino"):
        TorchEngine("cpu")


def test_cuda_without_a_device_says_what_to_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(EngineUnavailable, match="use EMSTREAM_ENGINE=openvino, or check the driver"):
        TorchEngine("cuda")


@pytest.mark.parametrize(("wanted", "precision"), [("auto", "f32"), ("f32", "f32"), ("bf16", "bf16")])
def test_torch_on_a_processor_is_float32_unless_bf16_is_asked_for(wanted: str, precision: str) -> None:
    assert TorchEngine("cpu", wanted).precision == precision  # type: ignore[arg-type]  # a parameter of the test


@pytest.mark.parametrize(("has_cuda", "name"), [(True, "cuda"), (False, "openvino")])
def test_auto_takes_cuda_where_there_is_one(
    monkeypatch: pytest.MonkeyPatch, has_cuda: bool, name: Literal["cuda", "openvino"]
) -> None:
    made: list[str] = []

    def make(device: str) -> object:
        made.append(device)
        return object()

    monkeypatch.setattr(engines, "_made", {})
    monkeypatch.setattr(engines, "_cuda_is_there", lambda: has_cuda)
    monkeypatch.setattr(engines, "OpenVinoEngine", lambda *settings: make("openvino"))
    monkeypatch.setattr(engines, "TorchEngine", lambda device, *settings: make(device))
    engine = make_engine(Settings(engine="auto"))
    assert made == [name]
    assert make_engine(Settings(engine="auto")) is engine is make_engine(Settings(engine=name))
    make_engine(Settings(engine="torch"))
    assert made == [name, "cpu"]


def test_without_a_drivers_file_torch_is_not_even_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "exists", lambda path: False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: pytest.fail("asked torch"))
    assert not engines._cuda_is_there()
