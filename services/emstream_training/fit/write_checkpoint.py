"""Export of a trained network as a checkpoint: an ONNX file with a header, weights of convolutions in float16."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path

import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

from emstream.models.checkpoint import HALF_SUFFIX, METADATA_KEY, Header
from emstream.models.networks.serving import Probability, ServedNetwork
from emstream.volume.files import write_bytes

OPSET = 20
"""ONNX operator set of a checkpoint's graph."""


def export_checkpoint(network: ServedNetwork, header: Header, path: Path) -> None:
    """Write `network` with `header` to `path`, weights of convolutions as float16.

    The file replaces an older one in one step. Its graph maps windows (n, sections, h, w) uint8 to probabilities
    (n, objects, h, w) float32. Raises DiskFull.
    """
    model = _to_onnx(Probability(network).eval(), header)
    _drop_prefix(model, "served.")
    _store_half(model)
    _strip_debug_text(model)
    helper.set_model_props(model, {METADATA_KEY: header.model_dump_json()})
    onnx.checker.check_model(model)
    write_bytes(path, model.SerializeToString())


def _to_onnx(module: Probability, header: Header) -> onnx.ModelProto:
    """Return the network as ONNX, for any number of windows and any sides that are multiples of the alignment."""
    side = 4 * header.alignment
    example = torch.zeros((2, header.sections, side, side), dtype=torch.uint8)
    dimensions = {
        0: torch.export.Dim("n", min=1),
        2: header.alignment * torch.export.Dim("rows", min=1),
        3: header.alignment * torch.export.Dim("columns", min=1),
    }
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # the exporter warns about its own parts
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            module,
            (example,),
            input_names=["windows"],
            output_names=["probabilities"],
            dynamic_shapes={"windows": dimensions},
            opset_version=OPSET,
            dynamo=True,
            optimize=False,
            verbose=False,
        )
    assert program is not None
    return program.model_proto


def _drop_prefix(model: onnx.ModelProto, prefix: str) -> None:
    """Give initialisers the names that they have in the state_dict of ServedNetwork."""
    for tensor in model.graph.initializer:
        tensor.name = tensor.name.removeprefix(prefix)
    for node in model.graph.node:
        for index, name in enumerate(node.input):
            if name.startswith(prefix):
                node.input[index] = name.removeprefix(prefix)


def _store_half(model: onnx.ModelProto) -> None:
    """Store 4-D float32 initialisers as float16 behind a Cast to float32."""
    casts = []
    for index, tensor in enumerate(model.graph.initializer):
        if tensor.data_type == TensorProto.FLOAT and len(tensor.dims) == 4:
            half = numpy_helper.to_array(tensor).astype("float16")
            name = tensor.name
            model.graph.initializer[index].CopyFrom(numpy_helper.from_array(half, name + HALF_SUFFIX))
            casts.append(helper.make_node("Cast", [name + HALF_SUFFIX], [name], to=TensorProto.FLOAT))
    nodes = list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend(casts + nodes)


def _strip_debug_text(model: onnx.ModelProto) -> None:
    """Remove the exporter's notes, which name files of the exporting machine."""
    for node in model.graph.node:
        node.doc_string = ""
        del node.metadata_props[:]
    del model.graph.value_info[:]
    del model.graph.metadata_props[:]
    for value in [*model.graph.input, *model.graph.output]:
        del value.metadata_props[:]
    for tensor in model.graph.initializer:
        del tensor.metadata_props[:]
    del model.metadata_props[:]
    model.doc_string = ""
