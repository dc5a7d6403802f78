"""Processor instructions: AMX only where it is wanted, and the user's own limit stays."""

from __future__ import annotations

import os

import pytest

from emstream.host.cpu_features import VARIABLE, WITHOUT_AMX, limit_instructions


def test_amx_is_left_out_unless_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    assert limit_instructions(use_amx=True) == "all"
    assert VARIABLE not in os.environ
    monkeypatch.setenv(VARIABLE, "")
    monkeypatch.delenv(VARIABLE)
    assert limit_instructions(use_amx=False) == WITHOUT_AMX
    assert os.environ[VARIABLE] == WITHOUT_AMX


@pytest.mark.parametrize("use_amx", [False, True])
def test_a_limit_of_the_users_stays(monkeypatch: pytest.MonkeyPatch, use_amx: bool) -> None:
    monkeypatch.setenv(VARIABLE, "AVX2")
    assert limit_instructions(use_amx) == "AVX2"
