"""The preprocess worker: plans, slabs and inspections of uploaded sections, shown by the user's own names."""

from __future__ import annotations

from pathlib import Path

import imagecodecs
import numpy as np
import pytest

from emstream.errors import EmptyInput
from emstream.jobs.folder import JobFolder
from emstream.jobs.inspection import Inspection, inspection_folder, picture_path, read_inspection, write_inspection
from emstream.jobs.record import InputFile, JobRecord, Request
from emstream.ledger.hints import Hint
from emstream.ledger.terms import JobShape
from emstream.settings import Settings
from emstream.stages import Stage
from emstream.volume.files import opened
from emstream.work.loop import Made, Unit
from emstream_preprocess.worker import Preprocess

REQUEST = Request(input="input", objects=("mitochondria",), quality="fast", voxel_size_nm=(50, 5, 5), slab_sections=2)
SECTIONS = np.random.default_rng(0).integers(0, 256, (3, 40, 48), dtype=np.uint8)


class House:
    """An upload of three sections, called by their user raw_1.png to raw_3.png, and a worker."""

    def __init__(self, folder: JobFolder) -> None:
        self.folder = folder
        self.worker = Preprocess(Settings(data=folder.path.parent))
        names = [(f"raw_{z + 1}.png", f"input/{z:05d}.png") for z in range(len(SECTIONS))]
        files = tuple(InputFile(name=name, stored=stored, size=1, sha256="") for name, stored in names)
        self.record = JobRecord(id=folder.path.name, owner="ann", name="cortex", request=REQUEST, files=files)
        (folder.path / "input").mkdir(parents=True)
        self.upload(SECTIONS)
        folder.write(self.record)

    def upload(self, sections: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> None:
        for file, section in zip(self.record.files, sections, strict=True):
            (self.folder.path / file.stored).write_bytes(imagecodecs.png_encode(section))

    def make(self, stage: Stage, unit: int = 0) -> Made:
        record = self.folder.read()
        assert record is not None
        return self.worker.make(Unit(Hint(stage, record.id, unit), self.folder, record, lambda: None))


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(JobFolder(tmp_path / "j"))


def test_a_plan_is_written_into_the_record_and_brings_the_shape(house: House) -> None:
    made = house.make(Stage.PLAN)
    planned = house.folder.read_planned()
    assert planned is not None
    assert planned.plan.shape_zyx == SECTIONS.shape
    assert made.shape == planned.plan.job_shape == JobShape(2, planned.plan.packages_per_slab)
    assert planned.plan.section_names == ("raw_1.png", "raw_3.png")


def test_a_plan_that_is_there_is_not_made_again(house: House) -> None:
    house.make(Stage.PLAN)
    before = house.folder.record_path.read_bytes()
    for file in house.record.files:
        (house.folder.path / file.stored).unlink()
    assert house.make(Stage.PLAN).shape is not None
    assert house.folder.record_path.read_bytes() == before


def test_slabs_hold_the_uploaded_sections(house: House) -> None:
    house.make(Stage.PLAN)
    for slab in range(2):
        house.make(Stage.PREPROCESS, slab)
    found = []
    for slab in range(2):
        with opened(house.folder.stack(slab)) as file:
            found.append(file["raw/s0"][()])
    assert (np.concatenate(found) == SECTIONS).all()


def test_warnings_and_source_have_no_path_of_the_server(house: House) -> None:
    blank = SECTIONS.copy()
    blank[1] = 0
    house.upload(blank)
    house.make(Stage.PLAN)
    planned = house.folder.read_planned()
    assert planned is not None
    assert any(warning.startswith("raw_2.png looks blank") for warning in planned.plan.warnings)
    for text in (planned.plan.source, *planned.plan.warnings):
        assert str(house.folder.path) not in text
        assert "00001.png" not in text


def test_an_input_that_is_gone_is_refused_with_the_way_out(house: House) -> None:
    for path in (house.folder.path / "input").iterdir():
        path.unlink()
    (house.folder.path / "input").rmdir()
    with pytest.raises(EmptyInput, match="upload it again, or put it back and retry the job"):
        house.make(Stage.PLAN)


def test_one_stack_stays_open_until_another_job_comes(tmp_path: Path) -> None:
    first, second = House(JobFolder(tmp_path / "a")), House(JobFolder(tmp_path / "b"))
    second.worker = first.worker
    first.make(Stage.PLAN)
    kept = first.worker._open
    first.make(Stage.PREPROCESS, 0)
    assert first.worker._open is kept
    second.make(Stage.PLAN)
    assert first.worker._open is not None
    assert first.worker._open[0] == "b"


@pytest.fixture
def look(tmp_path: Path) -> House:
    return House(inspection_folder(tmp_path, "j"))


def test_an_inspection_says_what_a_plan_would_and_plans_nothing(look: House) -> None:
    made = look.make(Stage.PLAN)
    found = read_inspection(look.folder)
    assert found is not None
    assert (found.problem, found.shape_zyx, found.dtype) == (None, SECTIONS.shape, "uint8")
    assert found.sections == ("raw_1.png", "raw_2.png", "raw_3.png")
    assert str(look.folder.path) not in found.source
    assert made.shape == JobShape(0, 0)
    assert look.folder.read_planned() is None


def test_a_problem_is_said_with_the_users_names(look: House) -> None:
    (look.folder.path / "input" / "00001.png").write_bytes(b"\x89PNG\r\n\x1a\ncut off")
    look.make(Stage.PLAN)
    found = read_inspection(look.folder)
    assert found is not None
    assert found.problem is not None
    assert "raw_2.png" in found.problem
    assert str(look.folder.path) not in found.problem


def test_wanted_pictures_are_drawn_once_the_stack_is_known_to_be_readable(look: House) -> None:
    look.make(Stage.PLAN)
    mark = picture_path(look.folder, 2).with_suffix(".wanted")
    mark.parent.mkdir()
    mark.touch()
    look.make(Stage.PLAN)
    assert not mark.exists()
    picture = imagecodecs.png_decode(picture_path(look.folder, 2).read_bytes())
    assert picture.shape == SECTIONS.shape[1:]
    order = np.argsort(SECTIONS[2], axis=None)
    assert (np.diff(picture.ravel()[order].astype(int)) >= 0).all()  # stretched, not turned round


def test_of_a_stack_with_a_problem_it_looks_again(look: House) -> None:
    write_inspection(look.folder, Inspection(problem="a file was missing"))
    look.make(Stage.PLAN)
    found = read_inspection(look.folder)
    assert found is not None
    assert found.problem is None
