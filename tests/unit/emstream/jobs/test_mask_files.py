"""Masks and labels in a job's folder."""

from __future__ import annotations

from pathlib import Path

import h5py
import pytest

from emstream.jobs.folder import JobFolder
from emstream.jobs.mask_files import FORMATS, export_path, labels_dataset, made_for, mask_task


def test_each_format_has_a_file_of_its_own_and_a_task() -> None:
    folder = JobFolder(Path("job"))
    paths = [export_path(folder, form, "cells") for form in FORMATS]
    assert [str(path) for path in paths] == [
        "job/exports/mask.h5",
        "job/exports/cells.tif",
        "job/exports/cells_png.zip",
    ]
    assert [mask_task(form).unit for form in FORMATS] == [0, 1, 2]


def test_an_unknown_format_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="one of h5, tiff, png, got 'jpeg'"):
        export_path(JobFolder(Path("job")), "jpeg")


def test_labels_say_what_they_were_made_for(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        assert made_for(file) == ""
        file.attrs["made_for"] = "0.5"
        assert made_for(file) == "0.5"
    assert labels_dataset("cells") == "cells/labels"
