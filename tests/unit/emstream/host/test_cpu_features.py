"""Processor instructions: AMX only where it is wanted, and the user's own limit stays."""

from __future__ import annotations

import os

import pytest

from emstream.host import ONEDNN_VARIABLE, WITHOUT_AMX, limit_instructions


def test_amx_is_left_out_unless_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ONEDNN_VARIABLE, raising=False)
    assert limit_instructions(use_amx=True) == "all"
    assert ONEDNN_VARIABLE not in os.environ
    monkeypatch.setenv(ONEDNN_VARIABLE, "")
    monkeypatch.delenv(ONEDNN_VARIABLE)
    assert limit_instructions(use_amx=False) == WITHOUT_AMX
    assert os.environ[ONEDNN_VARIABLE] == WITHOUT_AMX


@pytest.mark.parametrize("use_amx", [False, True])
def test_a_limit_of_the_users_stays(monkeypatch: pytest.MonkeyPatch, use_amx: bool) -> None:
    monkeypatch.setenv(ONEDNN_VARIABLE, "AVX2")
    assert limit_instructions(use_amx) == "AVX2"
