"""A tiny network with random weights in a real checkpoint, and the run that the command line makes."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from emstream.jobs.folder import JobFolder
from emstream.jobs.record import Request
from emstream.models.checkpoint import Header, read_checkpoint
from emstream.models.networks.multiresunet import MultiResUNet
from emstream.models.networks.serving import Probability, ServedNetwork
from emstream.models.recipes import choose
from emstream.settings import Settings
from emstream.volume.files import opened
from emstream.volume.planes import Planes
from emstream_cli.main import main
from emstream_inference.engines import OpenVinoEngine
from emstream_postprocess.report import Wanted, finish
from emstream_standalone.in_process import Run, prepare_job
from emstream_training.fit.write_checkpoint import export_checkpoint

UINT8 = NDArray[np.uint8]
WIDTH = 0.15
Predict = Callable[..., UINT8]
Invoke = Callable[..., tuple[int, str, str]]


@pytest.fixture
def emstream(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Invoke:
    """Run the command in this process; returns exit code, standard output, standard error."""
    monkeypatch.setenv("EMSTREAM_PRECISION", "f32")
    monkeypatch.setenv("EMSTREAM_CORE_SIDE", "256")

    def invoke(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["emstream", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            main()
        captured = capsys.readouterr()
        code = stop.value.code
        return (code if isinstance(code, int) else 0), captured.out, captured.err

    return invoke


@pytest.fixture(scope="session")
def service_environment(tmp_path_factory: pytest.TempPathFactory, checkpoint_3fm: Path) -> dict[str, str]:
    """What a service of the tests runs with: a folder of recipes with one tiny network, and small packages."""
    folder = tmp_path_factory.mktemp("models")
    shutil.copy(checkpoint_3fm, folder / "spots.onnx")
    recipe = {"checkpoints": ["spots"], "variants": 1, "halo": "fast", "threshold": 0.5}
    book = {"object": "spots", "fast": recipe, "balanced": recipe, "accurate": recipe}
    (folder / "spots.recipe.json").write_text(json.dumps(book))
    cut = {"EMSTREAM_SLAB_SECTIONS": "4", "EMSTREAM_CORE_SIDE": "256", "EMSTREAM_MIN_FREE_GB": "0.001"}
    return {"EMSTREAM_MODELS": str(folder), **cut}


def make_checkpoint(path: Path, sections: int = 3, reduction: int = 1, name: str = "spots") -> Path:
    """Write a checkpoint of a narrow network with random weights whose probabilities spread over 0..1.

    A reduced one sees every pixel of a block, in channels of their own.
    """
    torch.manual_seed(3 + sections)
    network = ServedNetwork(sections, 1, WIDTH, reduction, space_to_depth=reduction > 1)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.bias, -0.3, 0.3)
    calibrate(network, sections, 32 * reduction)
    header = Header(
        name=f"{name}-{sections}fm",
        network="MultiResUNet",
        width=WIDTH,
        reduction=reduction,
        space_to_depth=reduction > 1,
        sections=sections,
        objects=(name,),
        normalisation="(grey - 128) / 64",
        alignment=16 * reduction,
        pixel_size_nm=5.0,
        z_range_nm=(10, 100),
        halo_exact=160 if reduction == 1 else 320,
        halo_fast=32,
        threshold=0.5,
    )
    export_checkpoint(network, header, path)
    return path


def calibrate(network: ServedNetwork, sections: int, side: int) -> None:
    """Run noise through the network, so that its batch norms match and its last layer spreads around 0.5."""
    noise = torch.from_numpy(np.random.default_rng(0).integers(0, 255, (2, sections, 4 * side, 4 * side)).astype("f4"))
    network.train()
    with torch.no_grad():
        for _ in range(30):
            network(noise)
        network.eval()
        logits = network(noise)
        assert isinstance(network.body, MultiResUNet)
        head = network.body.head
        head.weight /= logits.std()
        assert head.bias is not None
        head.bias.copy_((head.bias - logits.mean()) / logits.std())


@pytest.fixture(scope="session")
def checkpoint_3fm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_checkpoint(tmp_path_factory.mktemp("3fm") / "spots.onnx")


@pytest.fixture(scope="session")
def checkpoint_1fm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_checkpoint(tmp_path_factory.mktemp("1fm") / "spots.onnx", sections=1)


@pytest.fixture(scope="session")
def checkpoint_5fm_reduced(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_checkpoint(tmp_path_factory.mktemp("5fm") / "spots.onnx", sections=5, reduction=2)


def noise_stack(shape: tuple[int, int, int], seed: int = 0) -> UINT8:
    """Smooth noise, so that neighbouring sections and pixels matter."""
    depth, height, width = shape
    coarse = np.random.default_rng(seed).integers(0, 255, (depth, height // 5 + 1, width // 5 + 1), dtype=np.uint8)
    planes = [np.asarray(Image.fromarray(c).resize((width, height), Image.Resampling.BILINEAR)) for c in coarse]
    return np.stack(planes)


def write_pngs(folder: Path, stack: UINT8) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for z, section in enumerate(stack):
        Image.fromarray(section).save(folder / f"s{z}.png", compress_level=1)
    return folder


def run_job(
    source: Path, output: Path, checkpoints: list[Path], settings: Settings | None = None, **request: object
) -> JobFolder:
    """Run all stages in this process, in float32, and return the job's folder."""
    settings = settings or Settings(precision="f32", slab_sections=8, core_side=256)
    fields = {"halo": "exact", "variants": 1, "quality": "fast"} | request
    order = Request.model_validate(
        {
            "input": str(source),
            "checkpoints": tuple(str(c) for c in checkpoints),
            "slab_sections": settings.slab_sections,
            "core_side": settings.core_side,
            **fields,
        }
    )
    engine = OpenVinoEngine("f32")
    folder = JobFolder(output / ".emstream")
    choices = choose(order.objects, order.quality, checkpoints)
    record = prepare_job(folder, order, choices, engine, settings)
    Run(folder, record, engine, settings).execute(lambda counts: None)
    finish(folder, record, Wanted((), has_overlay=False), output, {})
    return folder


def read_layer(output: Path, layer: str = "spots/probability") -> UINT8:
    with opened(output / "mask.h5") as file:
        planes = Planes.open(file, layer)
        return np.stack([planes.read(z) for z in range(planes.shape[0])])


def whole_section(checkpoint: Path, stack: UINT8, z: int) -> UINT8:
    """Predict section z in one piece by torch float32, padded with zeros: what tiling must agree with."""
    from emstream_inference.torch_network import build

    loaded = read_checkpoint(checkpoint)
    network: Probability = build(loaded)
    half, last = loaded.header.sections // 2, len(stack) - 1
    planes = np.stack([stack[min(max(z + k, 0), last)] for k in range(-half, half + 1)])
    height, width = stack.shape[1:]
    alignment = loaded.header.alignment
    padded = [max(1024, -(-side // alignment) * alignment) for side in (height, width)]
    planes = np.pad(planes, [(0, 0), (0, padded[0] - height), (0, padded[1] - width)])
    with torch.inference_mode():
        probability = network(torch.from_numpy(planes)[None])[0, 0, :height, :width]
    whole: UINT8 = (probability * 255).round().to(torch.uint8).numpy()
    return whole
