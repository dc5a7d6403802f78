"""Orders of reports: the variants that are compared, and their thresholds."""

from __future__ import annotations

from pathlib import Path

import pytest

from emstream.errors import UsageError
from emstream.models.checkpoint import Checkpoint, Header
from emstream.models.recipes import Choice, Recipe
from emstream_standalone import report
from emstream_standalone.report import make_order


def checkpoint(name: str, threshold: float, sections: int = 3) -> Checkpoint:
    header = Header(
        name=name,
        network="MultiResUNet",
        width=1,
        reduction=1,
        sections=sections,
        objects=("spots",),
        normalisation="(grey - 128) / 64",
        alignment=16,
        pixel_size_nm=5,
        z_range_nm=(10, 100),
        halo_exact=160,
        halo_fast=32,
        threshold=threshold,
    )
    return Checkpoint(Path(f"{name}.onnx"), header, name)


def choice(*checkpoints: Checkpoint) -> Choice:
    names = tuple(c.header.name for c in checkpoints)
    return Choice("spots", Recipe(checkpoints=names, variants=1, halo="fast", threshold=0.5), checkpoints)


def test_a_checkpoint_alone_has_the_threshold_of_its_recipe() -> None:
    order = make_order(choice(checkpoint("a", 0.3)), "fast", {}, True, (64, 128))
    assert [(c.name, c.threshold) for c in order.candidates] == [(order.main.name, 0.5)]
    assert (order.with_robustness, order.sides) == (True, (64, 128))


def test_of_an_ensemble_each_checkpoint_has_its_own_threshold() -> None:
    order = make_order(choice(checkpoint("a", 0.3, 1), checkpoint("b", 0.7, 3)), "fast", {}, False, ())
    assert [c.threshold for c in order.candidates] == [0.3, 0.7, 0.5]
    assert order.main is order.candidates[-1]
    assert len(order.main.members) == 2


def test_what_is_only_compared_has_its_own_threshold(monkeypatch: pytest.MonkeyPatch) -> None:
    other = checkpoint("other", 0.2)
    monkeypatch.setattr(report, "choose", lambda objects, quality, files: [choice(other)])
    order = make_order(choice(checkpoint("a", 0.3)), "fast", {"Theirs": [Path("other.onnx")]}, False, ())
    assert [(c.family, c.threshold) for c in order.candidates] == [("MultiResUNet", 0.5), ("Theirs", 0.2)]
    assert order.main.family == "MultiResUNet"


@pytest.mark.parametrize("name", ["MultiResUNet", "all"])
def test_a_name_that_the_report_uses_itself_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match=f"--compare {name}=... needs another NAME"):
        make_order(choice(checkpoint("a", 0.3)), "fast", {name: [Path("other.onnx")]}, False, ())
