"""The wheel: its contents, without building the archive."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest
from hatchling.builders.wheel import WheelBuilder

from tests.places import ROOT


@pytest.fixture(scope="module")
def contents() -> list[PurePosixPath]:
    return [PurePosixPath(file.distribution_path) for file in WheelBuilder(str(ROOT)).recurse_included_files()]


def test_only_packages_of_emstream_stand_at_its_top(contents: list[PurePosixPath]) -> None:
    """A user's own package `services`, `shared` or `tests` is not hidden."""
    packages = {path.name for path in ROOT.glob("services/emstream_*")}
    assert {path.parts[0] for path in contents} == packages | {"emstream"}


def test_each_package_says_that_it_is_typed(contents: list[PurePosixPath]) -> None:
    assert {str(path.parent) for path in contents if path.name == "py.typed"} == {path.parts[0] for path in contents}


def test_networks_page_and_scripts_of_the_ledger_are_in_it(contents: list[PurePosixPath]) -> None:
    names = {str(path) for path in contents}
    assert "emstream_gateway/web/index.html" in names
    assert "emstream/ledger/lua/claim.lua" in names
    assert any(name.startswith("emstream/models/shipped/") and name.endswith(".onnx") for name in names)


def test_no_documents_but_the_cards_of_the_networks_are_in_it(contents: list[PurePosixPath]) -> None:
    pages = [path for path in contents if path.suffix == ".md"]
    assert {str(path.parent) for path in pages} == {"emstream/models/shipped"}
