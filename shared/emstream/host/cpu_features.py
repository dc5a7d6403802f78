"""Processor instructions that the CPU engines may use."""

from __future__ import annotations

import os

VARIABLE = "ONEDNN_MAX_CPU_ISA"
WITHOUT_AMX = "AVX512_CORE_FP16"


def limit_instructions(use_amx: bool) -> str:
    """Keep oneDNN (in OpenVINO and in torch) from AMX unless wanted; return the limit in force, for the fingerprint.

    Some virtual machines offer AMX and lose the tiles' configuration when they switch threads: the process then dies of
    an illegal instruction in the middle of a batch (seen with bf16 in both engines), which nothing can catch. To be
    called before the engine's first computation; a limit that the user has set stays.
    """
    if not use_amx:
        os.environ.setdefault(VARIABLE, WITHOUT_AMX)
    return os.environ.get(VARIABLE, "all")
