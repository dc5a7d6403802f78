"""DeepEM3D goes through the same checkpoints and engines as MultiResUNet."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from emstream.models.checkpoint import Header, read_checkpoint
from emstream.models.networks.serving import ServedNetwork, architecture
from emstream_inference.engines import Engine, OpenVinoEngine, TorchEngine
from emstream_training.fit.write_checkpoint import export_checkpoint
from tests.integration.conftest import noise_stack

pytestmark = pytest.mark.slow(reason="computes the larger network by two engines")

WIDTH = 0.1
SECTIONS = 3


def write_narrow(path: Path, reduction: int) -> None:
    """Write a checkpoint with random weights, batch norms measured on noise."""
    torch.manual_seed(7)
    network = ServedNetwork(SECTIONS, 1, WIDTH, reduction, "DeepEM3D")
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = None  # the mean over all passes
    noise = torch.from_numpy(noise_stack((2 * SECTIONS, 256, 256))).float().view(2, SECTIONS, 256, 256)
    with torch.no_grad():
        for _ in range(3):
            network.train()(noise)
    made = architecture("DeepEM3D")
    header = Header(
        name="spots",
        network=made.name,
        width=WIDTH,
        reduction=reduction,
        sections=SECTIONS,
        objects=("spots",),
        normalisation="(grey - 128) / 64",
        alignment=made.aligned(reduction),
        pixel_size_nm=None,
        z_range_nm=(10, 100),
        halo_exact=made.exact_halo(reduction),
        halo_fast=32,
        threshold=0.5,
    )
    export_checkpoint(network, header, path)


def test_engines_agree_on_deepem3d_within_one_grey_value(tmp_path: Path) -> None:
    path = tmp_path / "spots.onnx"
    write_narrow(path, reduction=2)
    checkpoint = read_checkpoint(path)
    assert (checkpoint.header.network, checkpoint.header.alignment, checkpoint.header.halo_exact) == (
        "DeepEM3D",
        32,
        480,
    )
    engines: list[Engine] = [TorchEngine("cpu", "f32"), OpenVinoEngine("f32")]
    for side_yx in ((256, 256), (96, 160)):
        windows = noise_stack((2 * SECTIONS, *side_yx), seed=1).reshape(2, SECTIONS, *side_yx)
        found = []
        for engine in engines:
            number = engine.load(checkpoint)
            found.append(engine.to_host(engine.forward(number, engine.to_device(windows))).astype(int))
        assert found[0].shape == (2, 1, *side_yx)
        assert np.abs(found[0] - found[1]).max() <= 1
        assert np.ptp(found[0]) > 50  # the maps are no constant
