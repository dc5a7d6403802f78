"""Settings from the environment: prefix EMSTREAM_, read once at the entry point, passed down."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from emstream.errors import SettingsError

CORE_SIDE = 1024
"""Side of a package's core in pixels, by default: a package of the paper and of CDeep3M."""
SLAB_SECTIONS = 32
"""Sections of a slab, by default."""


class Settings(BaseSettings):
    """All settings of emstream; their descriptions make docs/reference/settings.md."""

    model_config = SettingsConfigDict(env_prefix="EMSTREAM_", frozen=True)

    engine: Literal["auto", "openvino", "cuda", "torch"] = Field(
        "auto",
        description="openvino (CPU), cuda, torch (float32 reference); auto = cuda if available, else openvino.",
    )
    precision: Literal["auto", "f32", "bf16"] = Field(
        "auto", description="Arithmetic of the engine; auto = bf16 on CUDA, f32 on CPU."
    )
    threads: int = Field(0, ge=0, description="Threads of the CPU engine; 0 = all cores.")
    amx: bool = Field(False, description="Let the CPU engines use AMX; some virtual machines crash on it.")
    max_batch: int = Field(2, ge=1, description="Maximum windows computed at once; halved when memory runs out.")
    max_delay_ms: float = Field(5.0, ge=0, description="Milliseconds that a batch waits for more windows.")
    package_tasks: int = Field(3, ge=1, description="Packages read, predicted and written at the same time.")
    run_ahead: int = Field(4, ge=2, description="Maximum number of a job's slabs between reading and stitching.")
    slab_sections: int = Field(SLAB_SECTIONS, ge=1, le=256, description="Sections in a slab.")
    core_side: int = Field(CORE_SIDE, ge=64, le=4096, multiple_of=64, description="Side of a package's core in pixels.")
    max_voxels: int = Field(2**42, ge=1, description="Stacks with more voxels are refused.")
    decode_gb: float = Field(
        0.75,
        gt=0,
        description="Gigabytes that decoding a small file may take; large files may take 64 times their size.",
    )
    models: Path | None = Field(None, description="Folder of recipes and checkpoints instead of the shipped ones.")
    data: Path = Field(
        Path.home() / ".emstream", description="Folder of the service: jobs, uploads, the broker's files, keys."
    )
    redis_url: str = Field(
        "", description="Broker of the service, redis://, rediss:// or unix://; empty = emstream serve starts its own."
    )
    redis_prefix: str = Field("emstream:", description="Begins the name of every key in the broker.")
    url: str = Field("", description="Service that the client asks; empty = the emstream serve of this machine.")
    key: str = Field("", repr=False, description="The client's API key.")
    token: str = Field(
        "", repr=False, description="Admits its holder as owner local; emstream serve makes and keeps one."
    )
    worker_name: str = Field("", description="Stable name of a worker; empty = its host and process number.")
    host: str = Field("127.0.0.1", description="Address that the gateway binds; beyond loopback keys are needed.")
    port: int = Field(8080, ge=0, le=65535, description="Port of the gateway; 0 = any free one.")
    allowed_hosts: str = Field("", description="Further host names, comma-separated, that requests may name.")
    input_roots: str = Field("", description="Folders on the server, ':'-separated, that jobs may name as input.")
    preprocess_workers: int = Field(1, ge=1, description="Processes that read and clean, on one machine.")
    postprocess_workers: int = Field(1, ge=1, description="Processes that stitch and write, on one machine.")
    units_at_once: int = Field(8, ge=1, description="Units of a stage handed out at the same time, over all workers.")
    lease_s: float = Field(
        8.0, ge=1, description="Seconds without a sign of life after which another worker gets the work."
    )
    min_free_gb: float = Field(
        2.0, ge=0, description="Free disk under which no new slab is read and uploads are refused."
    )
    max_file_gb: float = Field(1024.0, gt=0, description="Largest file of an upload.")
    max_files: int = Field(8192, ge=1, description="Maximum number of files in one upload.")
    max_running_jobs: int = Field(1000, ge=1, description="Maximum number of unfinished jobs per key.")
    max_stored_gb: float = Field(16384.0, gt=0, description="Bytes that the jobs of one key may keep on disk.")
    keep_input_days: float = Field(
        0.0, ge=0, description="Days from a job's end until its input is deleted; 0 = never."
    )
    keep_intermediates_days: float = Field(
        0.0, ge=0, description="Days from a job's end until its sections are deleted; 0 = never."
    )
    keep_results_days: float = Field(
        0.0, ge=0, description="Days from a job's end until all of it is deleted; 0 = never."
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("WARNING", description="Least severe event logged.")
    log_format: Literal["text", "json"] = Field("text", description="Log lines as text or as JSON.")


OLD_NAMES = {"EMSTREAM_WINDOW": "units_at_once"}
"""Variables of 0.2 by the settings that they now are; read until 0.4."""


def read_settings() -> Settings:
    """Read the environment. Raises SettingsError naming the variable, its value, and what is allowed."""
    try:
        return Settings(**_from_old_names())
    except ValidationError as error:
        first = error.errors()[0]
        name = "EMSTREAM_" + "_".join(str(part) for part in first["loc"]).upper()
        raise SettingsError(f"{name} is {first['input']!r}: {first['msg']}. Change it or unset it.") from error


def _from_old_names() -> dict[str, Any]:
    """Return the settings that the environment has under their old names only; warn of each old name."""
    found = {}
    for old, setting in OLD_NAMES.items():
        new = f"EMSTREAM_{setting.upper()}"
        if old in os.environ:
            warnings.warn(f"{old} is now called {new}: rename it", FutureWarning, stacklevel=3)
            if new not in os.environ:
                found[setting] = os.environ[old]
    return found
