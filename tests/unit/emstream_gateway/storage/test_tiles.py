"""Tiles: layers by name, files by section, boxes by level, and their pictures."""

from __future__ import annotations

from pathlib import Path

import imagecodecs
import numpy as np
import pytest

from emstream.api.problems import SectionNotReady
from emstream.errors import JobNotFound
from emstream.jobs.folder import JobFolder
from emstream.jobs.record import JobRecord, PlannedJob, Request
from emstream_gateway.storage.tiles import (
    TILE,
    Layer,
    Place,
    SlabFiles,
    encode,
    etag_of,
    file_of,
    layer_of,
    not_ready,
    read_tile,
    uncertainty_of,
    version_of,
)
from tests.plans import make_plan

PLAN = make_plan((5, 1000, 700), 2)


def job(spread: bool = False) -> PlannedJob:
    request = Request(input="input", spread=spread)
    return JobRecord(id="0" * 32, owner="ann", request=request).with_plan(PLAN)


@pytest.mark.parametrize(
    ("text", "layer"),
    [
        ("raw", Layer("raw")),
        ("spots", Layer("probability", "spots")),
        ("spots.labels", Layer("labels", "spots")),
        ("spots.spread", Layer("spread", "spots", is_stored=False)),
    ],
)
def test_an_address_names_a_layer(text: str, layer: Layer) -> None:
    assert layer_of(text, job()) == layer


def test_spread_is_read_where_the_job_stored_it() -> None:
    assert layer_of("spots.spread", job(spread=True)).is_stored


@pytest.mark.parametrize("text", ["", "cats", "cats.labels", "spots.colour", "raw.labels", "spots."])
def test_other_layers_are_not_found(text: str) -> None:
    with pytest.raises(JobNotFound, match=r"it has: raw, spots, and of each object \.spread and \.labels"):
        layer_of(text, job())


def test_a_section_is_in_the_file_of_its_slab(tmp_path: Path) -> None:
    folder = JobFolder(tmp_path)
    assert file_of(folder, PLAN, Layer("raw"), 3) == folder.stack(1)
    assert file_of(folder, PLAN, Layer("labels", "spots"), 4) == folder.labels(2)
    assert file_of(folder, PLAN, Layer("probability", "spots"), 0) == folder.result(0)
    for z in (-1, 5):
        with pytest.raises(JobNotFound, match="it has 0 to 4"):
            file_of(folder, PLAN, Layer("raw"), z)


@pytest.mark.parametrize("place", [Place(0, 9, 0, 0), Place(0, -1, 0, 0), Place(0, 0, 2, 0), Place(0, 0, 0, -1)])
def test_places_outside_of_the_section_are_not_found(tmp_path: Path, place: Place) -> None:
    with pytest.raises(JobNotFound, match="level"):
        read_tile(SlabFiles(), tmp_path / "none.h5", PLAN, Layer("raw"), place)


def test_a_tile_of_a_slab_that_is_not_published_says_what_it_waits_for(tmp_path: Path) -> None:
    with pytest.raises(SectionNotReady, match="section 3 is not there yet: it is still being read"):
        read_tile(SlabFiles(), tmp_path / "none.h5", PLAN, Layer("raw"), Place(3, 0, 0, 0))
    assert "numbered once all sections are stitched" in str(not_ready(Layer("labels", "spots"), Place(0, 0, 0, 0)))


def test_uncertainty_is_largest_at_one_half() -> None:
    grey = np.arange(256, dtype=np.uint8)
    uncertainty = uncertainty_of(grey)
    assert (uncertainty[0], uncertainty[255]) == (0, 0)
    assert set(np.flatnonzero(uncertainty == uncertainty.max())) <= set(range(122, 134))
    assert (uncertainty == uncertainty[::-1]).all()
    expected = [4 * p / 255 * (1 - p / 255) * 255 for p in range(256)]
    assert np.abs(uncertainty - np.array(expected)).max() <= 0.5


def test_grey_tiles_are_grey_pictures_and_labels_coloured_ones() -> None:
    grey = np.arange(64, dtype=np.uint8).reshape(8, 8)
    assert (imagecodecs.png_decode(encode(grey, "png")) == grey).all()
    assert imagecodecs.jpeg8_decode(encode(grey, "jpg")).shape == (8, 8)
    labels = np.zeros((4, 4), np.uint32)
    labels[1, 1], labels[2, 2], labels[3, 3] = 1, 2, 1
    picture = imagecodecs.png_decode(encode(labels, "png"))
    assert picture.shape[:2] == (4, 4)
    assert (picture[1, 1] == picture[3, 3]).all()
    assert not (picture[1, 1] == picture[2, 2]).all()


def test_a_tag_belongs_to_a_file_a_layer_and_a_place(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    facts, place = (tmp_path / "a").stat(), Place(0, 0, 0, 0)
    tags = {
        etag_of(facts, "raw", place, "png"),
        etag_of(facts, "raw", place, "jpg"),
        etag_of(facts, "spots", place, "png"),
        etag_of(facts, "raw", Place(1, 0, 0, 0), "png"),
    }
    assert len(tags) == 4
    assert etag_of(facts, "raw", place, "png") in tags


def test_the_version_changes_with_the_record_and_the_labels(tmp_path: Path) -> None:
    folder = JobFolder(tmp_path)
    versions = [version_of(folder)]
    folder.record_path.write_text("{}")
    versions.append(version_of(folder))
    (tmp_path / "labels").mkdir()
    versions.append(version_of(folder))
    assert len(set(versions)) == 3
    assert version_of(folder) == versions[-1]
    assert TILE == 512
