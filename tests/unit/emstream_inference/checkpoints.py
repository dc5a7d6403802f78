"""Checkpoints without a trained network: one that gives back the middle section, one of random weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

from emstream.models.checkpoint import METADATA_KEY, Checkpoint, Header, read_checkpoint
from emstream.models.networks.serving import ServedNetwork

WIDTH = 0.125


def header_of(name: str, changes: dict[str, object]) -> Header:
    """Return the header of a network of one section, with these changes."""
    fields: dict[str, object] = {
        "name": name,
        "network": "MultiResUNet",
        "width": WIDTH,
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
    return Header.model_validate(fields | changes)


def write_middle(path: Path, sections: int = 3) -> Checkpoint:
    """Write a network whose probability is the middle section's grey value over 255."""
    middle = numpy_helper.from_array(np.array([sections // 2]), "middle")
    scale = numpy_helper.from_array(np.float32(255), "scale")
    nodes = [
        helper.make_node("Cast", ["windows"], ["grey"], to=TensorProto.FLOAT),
        helper.make_node("Gather", ["grey", "middle"], ["section"], axis=1),
        helper.make_node("Div", ["section", "scale"], ["probabilities"]),
    ]
    windows = helper.make_tensor_value_info("windows", TensorProto.UINT8, ["n", sections, "y", "x"])
    found = helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", 1, "y", "x"])
    graph = helper.make_graph(nodes, "middle", [windows], [found], [middle, scale])
    return _saved(graph, header_of(path.stem, {"sections": sections}), path)


def write_weights(
    path: Path, seed: int = 0, leave_out: str = "", changes: dict[str, object] | None = None
) -> tuple[ServedNetwork, Checkpoint]:
    """Write the weights of a random network without its graph, which torch does not need; `leave_out`: one of them."""
    torch.manual_seed(seed)
    network = ServedNetwork(1, 1, WIDTH, 1).eval()
    tensors = [
        numpy_helper.from_array(w.numpy(), name) for name, w in network.state_dict().items() if name != leave_out
    ]
    value = helper.make_tensor_value_info("windows", TensorProto.UINT8, [1])
    graph = helper.make_graph([], "weights", [value], [value], tensors)
    return network, _saved(graph, header_of(path.stem, changes or {}), path)


def _saved(graph: onnx.GraphProto, header: Header, path: Path) -> Checkpoint:
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    helper.set_model_props(model, {METADATA_KEY: header.model_dump_json()})
    path.write_bytes(model.SerializeToString())
    return read_checkpoint(path)
