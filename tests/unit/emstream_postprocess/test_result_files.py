"""Files for the user appear whole, whoever else writes them, and hold what was stitched."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest
import tifffile

from emstream.phantom.finished_job import OBJECT, write_result
from emstream.phantom.sections import Phantom
from emstream.volume.colours import colour_of
from emstream.volume.files import created, opened
from emstream.volume.planes import Planes
from emstream.volume.pyramid import halve
from emstream_postprocess.result_files import (
    OVERLAY_OPACITY,
    _whole,
    side_by_side,
    write_mask_file,
    write_png_masks,
    write_tiff_masks,
    write_zipped_masks,
)
from emstream_postprocess.stitch import write_result as stitch


def test_a_writer_that_comes_back_late_replaces_nothing(tmp_path: Path) -> None:
    final = tmp_path / "mask[1].h5"
    late = _whole(final)
    late.__enter__().write_text("late")
    with _whole(final) as part:
        part.write_text("whole")
    with pytest.raises(FileNotFoundError):
        late.__exit__(None, None, None)
    assert final.read_text() == "whole"
    assert [path.name for path in tmp_path.iterdir()] == [final.name]


def test_the_spread_is_stitched_with_its_pyramid_and_comes_into_the_users_file(tmp_path: Path) -> None:
    folder = write_result(Phantom((2, 64, 600)), tmp_path / "jobs", slab_sections=2)
    record = folder.read()
    assert record is not None
    plan = record.plan
    assert plan is not None
    folder.result(0).unlink()
    folder.probability(0).parent.mkdir()
    layers = {n: np.random.default_rng(s).integers(0, 255, (2, 64, 600), np.uint8) for s, n in enumerate("ps")}
    with created(folder.probability(0)) as file:
        for name, layer in (("probability", layers["p"]), ("spread", layers["s"])):
            planes = Planes.create(file, f"{OBJECT}/{name}", layer.shape, "zstd")
            for z, section in enumerate(layer):
                planes.write(z, section)
    stitch(folder, plan, plan.slabs[0], with_spread=True)
    write_mask_file(folder, plan, {}, True, tmp_path / "mask.h5")
    with opened(tmp_path / "mask.h5") as file:
        assert (Planes.open(file, f"{OBJECT}/spread").read(1) == layers["s"][1]).all()
        assert (Planes.open(file, f"{OBJECT}/probability").read(1) == layers["p"][1]).all()
    with opened(folder.result(0)) as file:
        assert (Planes.open(file, f"{OBJECT}/spread/s1").read(1) == halve(layers["s"][1])).all()


@pytest.mark.parametrize("limit", [2**32, 1000])
def test_masks_are_a_tiff_stack_of_any_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int) -> None:
    monkeypatch.setattr("emstream_postprocess.exports.tiff_stack.CLASSIC_TIFF_LIMIT", limit)
    folder = write_result(Phantom((2, 600, 700)), tmp_path / "jobs", slab_sections=2)
    record = folder.read()
    assert record is not None
    plan = record.plan
    assert plan is not None
    write_tiff_masks(folder, plan, OBJECT, tmp_path / "mask.tif")
    with opened(folder.result(0)) as file:
        masks = Planes.open(file, f"{OBJECT}/mask")
        assert (tifffile.imread(tmp_path / "mask.tif") == np.stack([masks.read(z) for z in range(2)])).all()


def test_masks_are_a_png_per_section_named_by_its_number(tmp_path: Path) -> None:
    folder = write_result(Phantom((3, 64, 96)), tmp_path / "jobs", slab_sections=2)
    record = folder.read()
    assert record is not None
    plan = record.plan
    assert plan is not None
    write_png_masks(folder, plan, OBJECT, tmp_path / "png")
    write_zipped_masks(folder, plan, OBJECT, tmp_path / "png.zip")
    names = [f"{OBJECT}_{z:04d}.png" for z in range(3)]
    assert sorted(path.name for path in (tmp_path / "png").iterdir()) == names
    with zipfile.ZipFile(tmp_path / "png.zip") as archive:
        assert archive.namelist() == names
        assert archive.read(names[1]) == (tmp_path / "png" / names[1]).read_bytes()


def test_the_overlay_shows_the_section_left_and_the_structure_in_colour_right() -> None:
    raw = np.full((40, 50), 100, np.uint8)
    mask = np.zeros((40, 50), np.uint8)
    mask[:20] = 255
    picture = np.asarray(side_by_side(raw, {"mitochondria": mask}))
    assert picture.shape == (40, 50 + 8 + 50, 3)
    assert (picture[:, :50] == 100).all()
    assert (picture[:, 50:58] == 255).all()
    assert picture[0, 60].tolist() == [
        round(100 + OVERLAY_OPACITY * (paint - 100)) for paint in colour_of("mitochondria")
    ]
    assert (picture[30, 60:] == 100).all()
