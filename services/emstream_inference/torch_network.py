"""A checkpoint's initialisers in the torch network that its header names."""

from __future__ import annotations

import torch

from emstream.errors import CheckpointDamaged
from emstream.models.checkpoint import Checkpoint, read_weights
from emstream.models.networks.serving import Probability, ServedNetwork


def build(checkpoint: Checkpoint) -> Probability:
    """Return the network in evaluation mode, float32. Raises CheckpointDamaged if weights are missing or do not fit."""
    header = checkpoint.header
    network = ServedNetwork(
        header.sections,
        len(header.objects),
        header.width,
        header.reduction,
        header.network,
        header.space_to_depth,
    )
    expected = {name for name in network.state_dict() if not name.endswith("num_batches_tracked")}
    weights = {n: torch.from_numpy(a.copy()) for n, a in read_weights(checkpoint.path).items() if n in expected}
    missing = sorted(expected - weights.keys())
    if missing:
        raise CheckpointDamaged(
            f"{checkpoint.path} lacks {len(missing)} weights of {header.network} (first: {missing[0]})"
        )
    try:
        network.load_state_dict(weights, strict=False)
    except RuntimeError as error:
        raise CheckpointDamaged(f"{checkpoint.path} does not fit its header: {error}") from error
    return Probability(network).eval()
