"""Checkpoints: the network's own probabilities, convolutions in float16, and no traces of the exporting machine."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import openvino
import pytest
import torch

from emstream.models.checkpoint import Header, read_checkpoint, read_weights
from emstream.models.networks.serving import Probability, ServedNetwork
from emstream_training.fit.write_checkpoint import export_checkpoint

HEADER = Header.model_validate(
    {
        "name": "spots-tiny",
        "network": "MultiResUNet",
        "width": 0.125,
        "reduction": 1,
        "sections": 1,
        "objects": ["spots"],
        "normalisation": "",
        "alignment": 16,
        "pixel_size_nm": 5,
        "z_range_nm": [1, 100],
        "halo_exact": 160,
        "halo_fast": 64,
        "threshold": 0.5,
    }
)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[ServedNetwork, Path]:
    """A network whose convolutions are float16 values already, and its checkpoint."""
    torch.manual_seed(0)
    network = ServedNetwork(1, 1, 0.125, 1).eval()
    for parameter in network.parameters():
        if parameter.dim() == 4:
            parameter.data = parameter.data.half().float()
    path = tmp_path_factory.mktemp("checkpoint") / "tiny.onnx"
    export_checkpoint(network, HEADER, path)
    return network, path


def test_the_graph_gives_the_network_s_probabilities_for_any_size(exported: tuple[ServedNetwork, Path]) -> None:
    network, path = exported
    compiled = openvino.Core().compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    for shape in ((1, 1, 32, 64), (3, 1, 48, 16)):
        windows = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
        found = np.asarray(compiled({"windows": windows})["probabilities"])
        with torch.no_grad():
            expected = Probability(network)(torch.from_numpy(windows)).numpy()
        assert found.shape == (shape[0], 1, *shape[2:])
        np.testing.assert_allclose(found, expected, atol=1e-4)


def test_header_and_weights_are_read_back(exported: tuple[ServedNetwork, Path]) -> None:
    network, path = exported
    assert read_checkpoint(path).header == HEADER
    weights = read_weights(path)
    for name, value in network.state_dict().items():
        if not name.endswith("num_batches_tracked"):
            np.testing.assert_array_equal(np.asarray(weights[name], np.float32), value.numpy())


def test_the_file_has_no_debug_text(exported: tuple[ServedNetwork, Path]) -> None:
    _, path = exported
    model = onnx.load(path)
    assert not any(node.doc_string or node.metadata_props for node in model.graph.node)
    assert str(Path(__file__).parent).encode() not in path.read_bytes()
    assert [entry.key for entry in model.metadata_props] != []
