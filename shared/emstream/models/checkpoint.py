"""A checkpoint: one ONNX file with the network, its weights, and how to use them.

Weights are stored as float16 under their torch state_dict names; the header is JSON in the file's metadata under
`emstream`. OpenVINO runs the file as it is; torch loads its initialisers into the network the header names. So all
engines see the same weights.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from emstream.errors import CheckpointDamaged, UnknownCheckpoint

METADATA_KEY = "emstream"
RESCALE_TOLERANCE = 0.2
"""Relative difference of pixel sizes up to which sections are used as they are, in prediction and in training."""
MAX_RESCALE = 8.0
"""Maximum ratio of a pixel size to the checkpoint's: a larger one is treated as a mistake."""
NetworkName = Literal["MultiResUNet", "DeepEM3D"]


class Header(BaseModel):
    """A checkpoint's header: the network's construction, and its use.

    sections: neighbouring sections seen at once (1, 3 or 5), the middle one predicted. alignment: windows' sides and
    origins are multiples of it. reduction: the network works on pixels this many times larger, and sees the mean
    of each block or, with space_to_depth, its pixels in channels of their own. pixel_size_nm: of the network's input;
    None = not stated by the training data. z_range_nm: section thicknesses it was trained for. halo_exact: beyond the
    receptive field; halo_fast: smallest whose mask differs in < 1e-4 of real voxels.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Literal[1] = 1
    name: str
    network: NetworkName
    width: float = Field(gt=0)
    reduction: int = Field(ge=1)
    space_to_depth: bool = False
    sections: Literal[1, 3, 5]
    objects: tuple[str, ...] = Field(min_length=1)
    normalisation: str
    alignment: int
    pixel_size_nm: float | None
    z_range_nm: tuple[float, float]
    halo_exact: int
    halo_fast: int
    threshold: float = Field(gt=0, lt=1)
    metrics: dict[str, object] = {}
    training: dict[str, object] = {}
    data_licence: str = ""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A checkpoint file and its header; `sha256` is the hash of the whole file."""

    path: Path
    header: Header
    sha256: str


def read_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint's header. Raises UnknownCheckpoint if there is no file, CheckpointDamaged if it is not one."""
    import onnx  # heavy, and only workers read checkpoints

    if not path.is_file():
        raise UnknownCheckpoint(
            f"there is no checkpoint {path}: `emstream models` lists the ones that come with emstream"
        )
    content = path.read_bytes()
    try:
        model = onnx.load_model_from_string(content)
        found = {entry.key: entry.value for entry in model.metadata_props}[METADATA_KEY]
        header = Header.model_validate_json(found)
    except (KeyError, ValidationError) as error:
        raise CheckpointDamaged(
            f"{path} has no emstream header ({error}): give a file written by `emstream train`"
        ) from error
    except Exception as error:  # protobuf raises its own DecodeError, which onnx does not re-export
        raise CheckpointDamaged(f"{path} is no ONNX file ({error}): copy or train the checkpoint again") from error
    return Checkpoint(path, header, hashlib.sha256(content).hexdigest())


def read_weights(path: Path) -> dict[str, NDArray[np.generic]]:
    """Return the weights by their state_dict names: float32, and int64 counters."""
    import onnx
    from onnx import numpy_helper

    model = onnx.load_model(path)
    arrays = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    stored = {name.removesuffix(HALF_SUFFIX): array for name, array in arrays.items()}
    return {name: a.astype(np.float32) if a.dtype == np.float16 else a for name, a in stored.items()}


HALF_SUFFIX = ".half"
"""Suffix of the names of initialisers stored as float16; a Cast node returns each under its name without it."""
