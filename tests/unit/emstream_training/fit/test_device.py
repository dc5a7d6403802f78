"""The device: CUDA if there, and a sentence where it is not."""

from __future__ import annotations

import pytest
import torch

from emstream.errors import EngineUnavailable, OutOfMemory
from emstream_training.fit.device import choose_device, full_memory_explained, wants_bf16


@pytest.mark.parametrize(
    ("wanted", "has_cuda", "found"),
    [("auto", False, "cpu"), ("auto", True, "cuda"), ("cpu", True, "cpu"), ("cuda", True, "cuda")],
)
def test_auto_is_cuda_if_there(monkeypatch: pytest.MonkeyPatch, wanted: str, has_cuda: bool, found: str) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: has_cuda)
    assert choose_device(wanted) == found


def test_cuda_that_is_not_there_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(EngineUnavailable, match="--device cpu"):
        choose_device("cuda")


@pytest.mark.parametrize("fast", [True, False])
def test_bf16_is_taken_where_it_is_fast_or_asked_for(monkeypatch: pytest.MonkeyPatch, fast: bool) -> None:
    monkeypatch.setattr("emstream_training.fit.device.has_fast_bf16", lambda device: fast)
    assert [wants_bf16(precision, "cpu") for precision in ("auto", "f32", "bf16")] == [fast, False, True]


def test_a_full_gpu_is_reported() -> None:
    with pytest.raises(OutOfMemory, match="smaller --batch"), full_memory_explained():
        raise torch.OutOfMemoryError("CUDA out of memory")
