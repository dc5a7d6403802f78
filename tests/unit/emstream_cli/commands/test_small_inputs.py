"""Commands that read and write small files: phantom, info, models, and the options of predict, merge and prepare."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import pytest
from typer.testing import CliRunner, Result

from emstream.errors import EngineUnavailable, UsageError
from emstream.models.recipes import shipped_books
from emstream_cli.commands import report
from emstream_cli.main import app

PHANTOM = ("--shape", "2,40,50", "--seed", "3")


def invoke(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def run(*words: object) -> str:
    done = invoke(*words)
    assert done.exit_code == 0, done.output
    return done.stdout


def refused(*words: object) -> str:
    done = invoke(*words)
    assert isinstance(done.exception, UsageError | EngineUnavailable), done.output
    return str(done.exception)


def test_a_phantom_has_images_labels_and_instances(tmp_path: Path) -> None:
    assert run("phantom", tmp_path / "p", *PHANTOM) == f"phantom: {tmp_path / 'p'}\n"
    assert {path.name for path in (tmp_path / "p").iterdir()} >= {"images", "labels", "instances"}
    run("phantom", tmp_path / "q", *PHANTOM, "--no-instances")
    assert not (tmp_path / "q" / "instances").exists()
    assert "sections of two would mix" in refused("phantom", tmp_path / "q", "--shape", "3,40,50")


def test_a_result_without_its_working_files_is_not_asked_of_a_service(tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text("{}")
    assert "predict again with --keep" in refused("export", tmp_path, "-o", tmp_path / "x.tif")


def test_a_phantom_in_one_file(tmp_path: Path) -> None:
    run("phantom", tmp_path / "p.h5", *PHANTOM)
    with h5py.File(tmp_path / "p.h5") as file:
        assert file["raw"].shape == (2, 40, 50)


def test_a_finished_phantom_is_a_job(tmp_path: Path) -> None:
    told = run("phantom", tmp_path / "data", *PHANTOM, "--result")
    job = told.removeprefix("job: ").strip()
    assert (tmp_path / "data" / "jobs" / job / "job.json").exists()


def test_a_phantom_of_no_shape_is_refused(tmp_path: Path) -> None:
    assert "--shape must be three whole numbers" in refused("phantom", tmp_path / "p", "--shape", "2,40")
    assert "--voxel-size" in refused("phantom", tmp_path / "p", "--voxel-size", "5")
    assert not (tmp_path / "p").exists()


def test_info_says_shape_and_voxel_size(tmp_path: Path) -> None:
    run("phantom", tmp_path / "p.h5", *PHANTOM)
    told = run("info", tmp_path / "p.h5", "--dataset", "raw")
    assert "shape (z, y, x): 2 x 40 x 50, uint8" in told
    assert "voxel size: 5.5 nm pixels, 50 nm sections" in told
    facts = json.loads(run("info", tmp_path / "p.h5", "--dataset", "raw", "--json"))
    assert facts["shape_zyx"] == [2, 40, 50]


def test_models_lists_every_recipe() -> None:
    books = shipped_books()
    told = run("models")
    assert all(f"\n{name}: trained on {book.trained_on}\n" in f"\n{told}" for name, book in books.items())
    assert set(json.loads(run("models", "--json"))) == set(books)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--voxel-size", "5"), "three numbers"),
        (("--region", "5"), "--region must be three ranges"),
        (("--variants", "3"), "1, 4 or 16, got 3"),
        (("--format", "gif"), "h5, png, tiff"),
        (("--shard", "9/8"), "a shard is i/n"),
        (("--shard", "x"), "--shard must be i/n"),
        (("--shard", "1/2", "--timeline"), "give them to emstream merge"),
        (("--shard", "1/2", "--no-overlay"), "give them to emstream merge"),
    ],
)
def test_predict_refuses_before_it_writes(words: tuple[str, ...], sentence: str, tmp_path: Path) -> None:
    assert sentence in refused("predict", tmp_path / "in", "-o", tmp_path / "out", *words)
    assert not (tmp_path / "out").exists()


def test_numbers_out_of_range_are_refused_by_typer(tmp_path: Path) -> None:
    for words in (("--threshold", "1"), ("--min-voxels", "0"), ("--quality", "best"), ("--halo", "wide")):
        assert invoke("predict", tmp_path, "-o", tmp_path, *words).exit_code == 2


def test_merge_refuses_folders_without_shards(tmp_path: Path) -> None:
    assert str(tmp_path) in refused("merge", tmp_path, "-o", tmp_path / "out")


def test_export_of_an_unfinished_kept_job_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".emstream").mkdir()
    (tmp_path / ".emstream" / "job.json").touch()
    assert invoke("export", tmp_path).exit_code != 0


def test_a_report_without_matplotlib_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(report, "find_spec", lambda name: None)
    told = refused("report", "--images", tmp_path, "--labels", tmp_path, "-o", tmp_path / "out")
    assert told == report.HOW_TO_INSTALL


def test_serve_names_what_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert "redis, celery, uvicorn, fastapi" in refused("serve")
