"""Export of a trained network as a checkpoint: an ONNX file with a header, weights of convolutions in float16."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import nn

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


CORE = 512
"""Side of a core in pixels; smaller than in prediction (1024), so that sections have twice as many seams."""
LARGEST_SHARE = 1e-4
"""Maximum share of pixels in which a mask made from tiles may differ from the mask of the whole section."""


@torch.no_grad()
def fast_halo(
    network: nn.Module, windows: list[NDArray[np.uint8]], alignment: int, exact: int, threshold: float
) -> int:
    """Return the smallest multiple of the alignment whose masks differ from the whole ones in < 1e-4 of the pixels.

    network: windows (1, sections, y, x) uint8 -> probabilities (1, 1, y, x). windows: whole sections with their
    neighbours, sides multiples of the alignment. exact: the halo beyond which nothing changes; the result if no window
    is larger than a core, since there is no seam to measure.
    """
    if all(max(w.shape[1:]) <= CORE for w in windows):
        return exact
    wholes = [_mask(network, w, threshold) for w in windows]
    for halo in range(alignment, exact, alignment):
        pairs = zip(windows, wholes, strict=True)
        flips = sum(int(np.count_nonzero(_tiled(network, w, halo, threshold) != whole)) for w, whole in pairs)
        if flips < LARGEST_SHARE * sum(whole.size for whole in wholes):
            return halo
    return exact


def _mask(network: nn.Module, window: NDArray[np.uint8], threshold: float) -> NDArray[np.bool_]:
    probabilities = network(torch.from_numpy(np.ascontiguousarray(window))[None])[0, 0].numpy()
    return np.asarray(probabilities >= threshold)


def _tiled(network: nn.Module, window: NDArray[np.uint8], halo: int, threshold: float) -> NDArray[np.bool_]:
    _, height, width = window.shape
    side_y, side_x = min(CORE + 2 * halo, height), min(CORE + 2 * halo, width)
    mask = np.zeros((height, width), bool)
    for y in range(0, height, CORE):
        for x in range(0, width, CORE):
            top = min(max(y - halo, 0), height - side_y)
            left = min(max(x - halo, 0), width - side_x)
            found = _mask(network, window[:, top : top + side_y, left : left + side_x], threshold)
            core = found[y - top : y - top + CORE, x - left : x - left + CORE]
            mask[y : y + CORE, x : x + CORE] = core
    return mask
