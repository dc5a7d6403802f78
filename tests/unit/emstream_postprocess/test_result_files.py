"""Files for the user appear whole, whoever else writes them, and hold what was stitched."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from emstream.phantom.finished_job import OBJECT, write_result
from emstream.phantom.sections import Phantom
from emstream.volume.files import created, opened
from emstream.volume.planes import Planes
from emstream.volume.pyramid import halve
from emstream_postprocess.result_files import _whole, write_mask_file
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
