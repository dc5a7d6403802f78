"""Groups that several commands share, and the request that they make."""

from __future__ import annotations

from pathlib import Path

import pytest

from emstream.errors import UsageError
from emstream.jobs.record import Request
from emstream.settings import Settings
from emstream_cli.options import FindOptions, ResultOptions, TuneOptions, checkpoint_paths
from emstream_standalone.request import make_request


def request(find: FindOptions, tune: TuneOptions) -> Request:
    return make_request(Path("/stack"), Settings(), **find.fields(), **tune.fields())


def test_defaults_are_the_defaults_of_a_request() -> None:
    assert request(FindOptions(), TuneOptions()) == Request(input="/stack")


def test_every_option_reaches_the_request() -> None:
    find = FindOptions(["mitochondria", "nuclei"], "accurate", "50,5.5,5.5", "/volumes/raw")
    tune = TuneOptions("0:5,0:64,8:72", "exact", 4, 0.25, True, True, False, 9, True)
    assert request(find, tune) == Request(
        input="/stack",
        objects=("mitochondria", "nuclei"),
        quality="accurate",
        voxel_size_nm=(50, 5.5, 5.5),
        dataset="/volumes/raw",
        region=((0, 0, 8), (5, 64, 72)),
        halo="exact",
        variants=4,
        threshold=0.25,
        contrast_stretch=True,
        spread=True,
        measure=False,
        min_voxels=9,
        split_touching=True,
    )


def test_a_text_that_is_none_is_refused_when_the_request_is_made() -> None:
    with pytest.raises(UsageError, match="--voxel-size"):
        FindOptions(voxel_size="5").fields()
    with pytest.raises(UsageError, match="--region"):
        TuneOptions(region="5").fields()


def test_formats_are_made_once_in_the_order_given() -> None:
    assert ResultOptions(Path("out"), ["png", "h5", "png"]).unique_formats == ("png", "h5")
    assert ResultOptions(Path("out")).unique_formats == ("h5",)


def test_checkpoints_are_named_by_their_whole_paths(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert checkpoint_paths([Path("a.onnx"), Path("/b.onnx")]) == (str(tmp_path / "a.onnx"), "/b.onnx")
    assert checkpoint_paths(None) == ()
