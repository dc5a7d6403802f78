"""Device and arithmetic of a training."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from emstream.errors import EngineUnavailable, OutOfMemory
from emstream_training.settings import TrainingSettings


def choose_device(wanted: str) -> str:
    """Return "cuda" or "cpu" for auto, cuda or cpu; auto is CUDA where available. Raises EngineUnavailable."""
    has_cuda = torch.cuda.is_available()
    if wanted == "cuda" and not has_cuda:
        raise EngineUnavailable("torch finds no CUDA device: give --device cpu, or check nvidia-smi")
    return "cuda" if has_cuda and wanted != "cpu" else "cpu"


def wants_bf16(precision: str, device: str) -> bool:
    """Return whether to compute in bfloat16 for auto, f32 or bf16; auto is bfloat16 where the device is fast at it."""
    return precision == "bf16" or (precision == "auto" and has_fast_bf16(device))


def has_fast_bf16(device: str) -> bool:
    """Return whether the device multiplies bfloat16 itself; emulated, it is slower than float32 (2.3 times on AVX2)."""
    if device == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


def set_up(settings: TrainingSettings) -> None:
    """Set torch's options of the whole process: threads, and on CUDA the search for the fastest convolutions."""
    torch.set_num_threads(settings.threads)
    torch.backends.cudnn.benchmark = settings.device == "cuda"  # patches have one size


def autocast(settings: TrainingSettings) -> torch.autocast:
    """Return the context in which the network runs."""
    return torch.autocast(settings.device, torch.bfloat16, enabled=settings.use_bf16)


@contextmanager
def full_memory_explained() -> Iterator[None]:
    """Raise OutOfMemory, whose message gives remedies, when the GPU's memory is full."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise OutOfMemory(
            "the GPU's memory is full: give a smaller --batch, --patch or --width, or --device cpu"
        ) from error
