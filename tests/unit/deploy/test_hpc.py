"""The cluster's scripts: they parse, and the array of shards runs the right commands (with stand-ins for Slurm)."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.places import ROOT

HPC = ROOT / "services" / "deploy" / "hpc"
SCRIPTS = sorted([*HPC.glob("*.sh"), *HPC.glob("*.sbatch")])
SBATCH = """#!/bin/bash
# Runs what is submitted at once: for each number of the array, if there is one.
for word in "$@"; do
    case $word in
        --array=*) last=${word#--array=1-} ;;
        --wrap=*) wrap=${word#--wrap=} ;;
        --dependency=*) echo "$word" >>"$CALLS" ;;
    esac
done
for number in $(seq "${last:-1}"); do SLURM_ARRAY_TASK_ID=$number bash -c "$wrap"; done
echo "4711;cluster"
"""
EMSTREAM = """#!/bin/bash
printf '%s|' "$@" >>"$CALLS"; echo >>"$CALLS"
"""


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_parse(script: Path) -> None:
    assert SCRIPTS
    subprocess.run(["bash", "-n", script], check=True)
    assert os.access(script, os.X_OK)
    if shellcheck := shutil.which("shellcheck", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}"):
        subprocess.run([shellcheck, script], check=True)


def run_shards(tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, text in (("sbatch", SBATCH), ("emstream", EMSTREAM)):
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    environment = {"PATH": f"{programs}:{os.environ['PATH']}", "CALLS": str(tmp_path / "calls")}
    command = [str(HPC / "shards.sh"), *arguments]
    return subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)


def test_the_array_makes_each_shard_and_then_merges(tmp_path: Path) -> None:
    (tmp_path / "my sections").mkdir()
    result = run_shards(tmp_path, "my sections", "out", "3", "--voxel-size", "50,5,5")
    assert result.returncode == 0, result.stderr
    source, out = tmp_path / "my sections", tmp_path / "out"
    parts = [f"predict|{source}|-o|{out}/parts|--voxel-size|50,5,5|--shard|{n}/3|" for n in (1, 2, 3)]
    expected = [*parts, "--dependency=afterok:4711", f"merge|{out}/parts|-o|{out}|"]
    assert (tmp_path / "calls").read_text().splitlines() == expected


@pytest.mark.parametrize("count", ["0", "x", "", "3-5"])
def test_what_is_no_number_of_shards_is_told(tmp_path: Path, count: str) -> None:
    result = run_shards(tmp_path, ".", "out", count)
    assert result.returncode == 2
    assert "SHARDS must be a number from 1" in result.stderr
