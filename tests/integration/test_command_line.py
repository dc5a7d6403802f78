"""The command as a user meets it: results, sentences, exit codes."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile
from PIL import Image

from tests.integration.bad_inputs import BAD_INPUTS
from tests.integration.conftest import Invoke, noise_stack, write_pngs


def test_the_same_stack_in_every_format_gives_the_same_bytes(
    tmp_path: Path, emstream: Invoke, checkpoint_3fm: Path
) -> None:
    import mrcfile

    stack = noise_stack((4, 300, 280))
    write_pngs(tmp_path / "png", stack)
    tifffile.imwrite(tmp_path / "stack.tif", stack, photometric="minisblack")
    with h5py.File(tmp_path / "stack.h5", "w") as file:
        file.create_dataset("raw", data=stack, chunks=(4, 64, 64), compression="gzip")
    with mrcfile.new(tmp_path / "stack.mrc") as mrc:
        mrc.set_data(stack)
    with mrcfile.new(tmp_path / "imod.mrc") as mrc:  # unsigned bytes in mode 0, as IMOD writes them
        mrc.set_data(stack.view(np.int8))
    masks = []
    for source in ("png", "stack.tif", "stack.h5", "stack.mrc", "imod.mrc"):
        output = tmp_path / f"out-{source}"
        code, _, err = emstream(
            "predict", tmp_path / source, "-o", output, "--checkpoint", checkpoint_3fm, "--voxel-size", "50,5,5"
        )
        assert code == 0, err
        with h5py.File(output / "mask.h5") as file:
            masks.append(file["spots/mask"][()].tobytes() + file["spots/probability"][()].tobytes())
            assert file["spots/mask"].attrs["element_size_um"].tolist() == [0.05, 0.005, 0.005]
            assert file["spots/mask"].attrs["resolution"].tolist() == [50, 5, 5]
    assert len(set(masks)) == 1


def test_predict_writes_what_was_asked_for_and_nothing_else(
    tmp_path: Path, emstream: Invoke, checkpoint_3fm: Path
) -> None:
    source = write_pngs(tmp_path / "in", noise_stack((3, 120, 90)))
    output = tmp_path / "out"
    code, out, _ = emstream(
        *("predict", source, "-o", output, "--checkpoint", checkpoint_3fm, "--format", "png", "--format", "tiff"),
        *("--voxel-size", "50,5,5", "--timeline", "--json"),
    )
    assert code == 0
    assert json.loads(out) == json.loads((output / "report.json").read_text())
    names = {path.name for path in output.iterdir()}
    assert names == {
        *(".emstream.lock", "labels.h5", "mask.h5", "measurements", "overlay.png", "report.json"),
        *("spots.tif", "spots_png", "timeline.png"),
    }
    with h5py.File(output / "mask.h5") as file:
        mask = file["spots/mask"][()]
    assert set(np.unique(mask)) == {0, 255}
    pngs = [np.asarray(Image.open(path)) for path in sorted((output / "spots_png").iterdir())]
    assert (np.stack(pngs) == mask).all()
    with tifffile.TiffFile(output / "spots.tif") as tiff:
        assert (tiff.asarray() == mask).all()
        assert tiff.imagej_metadata is not None
        assert tiff.imagej_metadata["spacing"] == 0.05
    with Image.open(output / "overlay.png") as overlay:
        assert overlay.size == (2 * 90 + 8, 120)


def test_the_report_says_how_to_make_the_result_again(tmp_path: Path, emstream: Invoke, checkpoint_3fm: Path) -> None:
    source = write_pngs(tmp_path / "in put", noise_stack((2, 64, 64)))
    arguments = ("predict", source, "-o", tmp_path / "a", "--checkpoint", checkpoint_3fm, "--halo", "exact")
    assert emstream(*arguments)[0] == 0
    report = json.loads((tmp_path / "a" / "report.json").read_text())
    assert set(report["checkpoints"]) == {"spots-3fm"}
    assert report["fingerprint"]["precision"] == "f32"
    assert "--halo exact" in report["command"]
    first = (tmp_path / "a" / "mask.h5").read_bytes()
    words = shlex.split(report["command"].partition("emstream predict")[2])
    code, _, err = emstream("predict", *words)
    assert code == 2
    assert "holds a finished result: give another output folder, or --restart to replace it" in err
    assert emstream("predict", *words, "--restart")[0] == 0
    assert (tmp_path / "a" / "mask.h5").read_bytes() == first


def test_a_run_in_anothers_place_is_refused(tmp_path: Path, emstream: Invoke, checkpoint_3fm: Path) -> None:
    source = write_pngs(tmp_path / "in", noise_stack((2, 64, 64)))
    base = ("predict", source, "-o", tmp_path / "a", "--checkpoint", checkpoint_3fm)
    assert emstream(*base, "--keep")[0] == 0
    code, _, err = emstream(*base, "--halo", "exact")
    assert code == 2
    assert "--restart" in err
    assert emstream(*base, "--halo", "exact", "--restart")[0] == 0


def test_evaluate_prints_totals_and_sections(tmp_path: Path, emstream: Invoke, checkpoint_3fm: Path) -> None:
    stack = noise_stack((3, 100, 100))
    write_pngs(tmp_path / "in", stack)
    write_pngs(tmp_path / "labels", (stack > 128).astype(np.uint8))
    arguments = ("evaluate", "--images", tmp_path / "in", "--labels", tmp_path / "labels")
    code, out, _ = emstream(*arguments, "--object", "spots", "--checkpoint", checkpoint_3fm, "--json")
    assert code == 0
    found = json.loads(out)
    assert {"f1", "precision", "recall"} <= set(found["total"])
    assert len(found["sections"]) == 3
    write_pngs(tmp_path / "fewer", stack[:2])
    code, _, err = emstream(*arguments[:3], "--labels", tmp_path / "fewer", "--checkpoint", checkpoint_3fm)
    assert code == 2
    assert "give the labels of these sections" in err


def not_there(path: Path) -> Path:
    return path / "nowhere"


@pytest.mark.parametrize(("make", "phrase"), [*BAD_INPUTS, (not_there, "nowhere")])
def test_bad_input_gets_its_sentence_and_leaves_nothing(
    tmp_path: Path, emstream: Invoke, checkpoint_1fm: Path, make: Callable[[Path], Path], phrase: str
) -> None:
    source = make(tmp_path)
    code, out, err = emstream("predict", source, "-o", tmp_path / "out", "--checkpoint", checkpoint_1fm)
    assert code == 3, err
    assert out == ""
    assert phrase in err
    assert "Traceback" not in err
    assert err.strip().splitlines()[-1].startswith("emstream: ")
    assert not (tmp_path / "out" / "mask.h5").exists()


@pytest.mark.parametrize(
    ("arguments", "phrase"),
    [
        (("--object", "unicorns"), "they find: spots"),
        (("--voxel-size", "5"), "three numbers"),
        (("--voxel-size", "50,-5,5"), "positive"),
        (("--voxel-size", "50,900,900"), "more than 8 times off"),
        (("--variants", "3"), "1, 4 or 16"),
        (("--format", "gif"), "h5, png, tiff"),
        (("--checkpoint", "nowhere.onnx"), "no checkpoint"),
    ],
)
def test_wrong_usage_gets_its_sentence(
    tmp_path: Path, emstream: Invoke, checkpoint_1fm: Path, arguments: tuple[str, str], phrase: str
) -> None:
    source = write_pngs(tmp_path / "in", noise_stack((2, 64, 64)))
    code, _, err = emstream("predict", source, "-o", tmp_path / "out", "--checkpoint", checkpoint_1fm, *arguments)
    assert code == 2
    assert phrase in err


def test_a_wrong_setting_names_its_variable(emstream: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMSTREAM_MAX_BATCH", "many")
    code, _, err = emstream("models")
    assert code == 2
    assert "EMSTREAM_MAX_BATCH" in err


def test_a_file_that_is_no_checkpoint_is_told(tmp_path: Path, emstream: Invoke) -> None:
    (tmp_path / "x.onnx").write_bytes(b"no network")
    source = write_pngs(tmp_path / "in", noise_stack((2, 64, 64)))
    code, _, err = emstream("predict", source, "-o", tmp_path / "out", "--checkpoint", tmp_path / "x.onnx")
    assert code == 4
    assert "no ONNX file" in err or "no emstream header" in err


def test_the_phantom_command_makes_sections_that_info_reads(tmp_path: Path, emstream: Invoke) -> None:
    assert emstream("phantom", tmp_path / "p", "--shape", "2,64,80")[0] == 0
    code, out, _ = emstream("info", tmp_path / "p" / "images", "--json")
    assert code == 0
    assert json.loads(out)["shape_zyx"] == [2, 64, 80]
    assert emstream("phantom", tmp_path / "p.h5", "--shape", "2,64,80")[0] == 0
    code, out, _ = emstream("info", tmp_path / "p.h5", "--dataset", "raw")
    assert code == 0
    assert "voxel size: 5.5 nm pixels, 50 nm sections" in out
