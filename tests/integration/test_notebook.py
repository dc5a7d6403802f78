"""Arrays in, arrays out; the same masks as the command line's; and jobs that show themselves in a notebook."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile

import emstream
from emstream.client.replies import Job
from emstream.errors import BinaryInput, UsageError
from emstream_standalone.segment import checked_array, checked_voxel_size, segment
from tests.integration.conftest import Invoke, noise_stack, read_layer, write_pngs
from tests.replies import shown_job

PNG = b"\x89PNG\r\n\x1a\n"


def test_an_array_is_segmented_as_its_sections_are_on_the_command_line(
    tmp_path: Path,
    checkpoint_3fm: Path,
    emstream: Invoke,  # the command
) -> None:
    stack = noise_stack((3, 200, 300))
    found = segment(stack, voxel_size_nm=(50, 5, 5), quality="fast", checkpoints=[checkpoint_3fm])
    source, output = write_pngs(tmp_path / "sections", stack), tmp_path / "out"
    options = ["--voxel-size", "50,5,5", "--quality", "fast", "--checkpoint", checkpoint_3fm, "--keep"]
    code, _, error = emstream("predict", source, "-o", output, *options)
    assert code == 0, error
    assert (found.probabilities["spots"] == read_layer(output)).all()
    assert (found.masks["spots"] == (read_layer(output, "spots/mask") > 0)).all()
    assert found.masks["spots"].dtype == bool
    assert found.voxel_size_nm == (50, 5, 5)
    assert found._repr_png_().startswith(PNG)
    assert "spots:" in found._repr_html_()
    assert "emstream-" not in json.dumps(found.report)

    code, said, error = emstream("export", output, "--format", "tiff", "-o", tmp_path / "a.tif", "--z", "1:3")
    assert (code, said.strip()) == (0, str(tmp_path / "a.tif")), error
    assert (tifffile.imread(tmp_path / "a.tif") == read_layer(output, "spots/mask")[1:3]).all()
    code, said, _ = emstream("export", output, "--content", "original", "-o", tmp_path, "--json")
    with h5py.File(json.loads(said)["file"]) as file:
        assert (file["raw"][...] == stack).all()
    code, _, error = emstream("export", output, "--object", "cats", "-o", tmp_path)
    assert (code, "it has: spots" in error) == (2, True)
    code, _, error = emstream("export", output, "--z", "1-3", "-o", tmp_path)
    assert (code, "such as 0:10" in error) == (2, True)


@pytest.mark.parametrize(
    ("array", "words"),
    [
        ([[1, 2]], "numpy array"),
        (np.zeros((2, 2, 2, 2), np.uint8), "one channel"),
        (np.zeros((0, 4, 4), np.uint8), "at least one voxel"),
        (np.zeros((4, 4), bool), "got bool"),
        (np.zeros((4, 4), np.complex64), "astype"),
    ],
)
def test_arrays_that_cannot_be_segmented_are_told(array: object, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        checked_array(array)


def test_the_package_gives_segment_when_it_is_asked_for() -> None:
    assert emstream.segment is segment


def test_a_single_section_is_a_stack_of_one() -> None:
    assert checked_array(np.zeros((4, 5), np.uint16)).shape == (1, 4, 5)


@pytest.mark.parametrize("size", [(5,), (0, 1, 1), (1, 2, float("nan")), "5,5,5"])
def test_voxel_sizes_that_cannot_be_are_told(size: object) -> None:
    with pytest.raises(UsageError, match="three positive lengths"):
        checked_voxel_size(size)  # type: ignore[arg-type]


def test_what_is_wrong_with_the_values_is_told_of_the_array(checkpoint_3fm: Path) -> None:
    mask = (noise_stack((2, 64, 64)) > 128).astype(np.uint8)
    with pytest.raises(BinaryInput, match=r"^the array has exactly two grey values"):
        segment(mask, checkpoints=[checkpoint_3fm])
    with pytest.raises(UsageError, match="quality must be one of"):
        segment(mask, quality="best")  # type: ignore[arg-type]


def test_a_job_shows_its_picture_once_it_has_one() -> None:
    shown = shown_job("0" * 32, "running", name="<cortex>", progress=0.5)
    job = Job.model_validate(shown).with_picture(lambda: PNG)
    assert "<img" not in job._repr_html_()
    assert "&lt;cortex&gt;" in job._repr_html_()
    done = job.model_copy(update={"state": "completed"}).with_picture(lambda: PNG)
    [picture] = re.findall('base64,([^"]*)"', done._repr_html_())
    assert base64.b64decode(picture) == done._repr_png_() == PNG
