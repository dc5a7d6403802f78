"""Weights of one network as the start of another."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from emstream.models.networks.serving import ServedNetwork
from emstream_training.fit.resume import fitting_weights


def known_weights(network: ServedNetwork) -> dict[str, np.ndarray]:
    return {name: value.numpy() for name, value in network.state_dict().items()}


@pytest.mark.parametrize("sections", [1, 3, 5])
def test_three_sections_all_alike_give_what_they_gave(sections: int) -> None:
    torch.manual_seed(0)
    given, made = (ServedNetwork(count, 1, 0.125, 1).eval() for count in (3, sections))
    made.load_state_dict(fitting_weights(known_weights(given), made.state_dict()))
    section = torch.rand(1, 1, 32, 32) * 255
    if sections == 5:  # the outermost neighbours start without a say
        stack = torch.cat([torch.rand(1, 1, 32, 32) * 255, *[section] * 3, torch.rand(1, 1, 32, 32) * 255], 1)
    else:
        stack = section.repeat(1, sections, 1, 1)
    with torch.no_grad():
        torch.testing.assert_close(made(stack), given(section.repeat(1, 3, 1, 1)), rtol=1e-3, atol=1e-3)


def test_what_does_not_fit_starts_at_random() -> None:
    given, made = ServedNetwork(3, 1, 0.125, 1), ServedNetwork(3, 1, 0.25, 1)
    fitted = fitting_weights(known_weights(given), made.state_dict())
    assert all(fitted[name].shape == value.shape for name, value in made.state_dict().items())


@pytest.mark.parametrize("sections", [1, 3])
def test_seeing_every_pixel_begins_as_seeing_their_mean(sections: int) -> None:
    torch.manual_seed(0)
    given, made = (ServedNetwork(sections, 1, 0.125, 2, space_to_depth=detail).eval() for detail in (False, True))
    made.load_state_dict(fitting_weights(known_weights(given), made.state_dict()))
    windows = torch.rand(1, sections, 64, 64) * 255
    with torch.no_grad():
        torch.testing.assert_close(made(windows), given(windows), rtol=1e-3, atol=1e-3)
