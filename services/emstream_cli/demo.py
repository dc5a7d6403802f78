"""`make demo`: the main job on a made-up volume with known truth, or on the user's own sections."""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from emstream.client.address import read_server_file
from emstream.client.client import Client
from emstream.client.replies import Job
from emstream.errors import EmstreamError, JobFailed, ServiceUnavailable, UsageError
from emstream.phantom.sections import Phantom, write_sections
from emstream.readers.open_stack import open_stack
from emstream.stages import Stage
from emstream_cli.console import say, start, warn
from emstream_postprocess.report import draw_timeline
from emstream_standalone.progress import StageProgress
from emstream_training.metrics.confusion import Confusion, otsu_threshold
from emstream_training.metrics.evaluate import score, truth_sections

SHAPE = (8, 1500, 1300)
OUTPUT = Path("demo")


def main() -> int:
    """Run the demo and return its exit code."""
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--input", type=Path, help="your own sections, instead of a phantom")
    arguments = parser.parse_args()
    try:
        demonstrate(arguments.input)
    except EmstreamError as error:
        sys.stderr.write(f"emstream: {error}\n")
        return error.exit_code
    return 0


def demonstrate(source: Path | None) -> None:
    """Segment `source`, or a phantom and score it, through the whole service; everything is left in demo/."""
    start(verbose=False)
    for leftover in ("phantom", "service", "mitochondria_png"):
        shutil.rmtree(OUTPUT / leftover, ignore_errors=True)
    settings: dict[str, object] = {"objects": ["mitochondria"], "formats": ["h5", "png"]}
    images = source
    if images is None:
        depth, height, width = SHAPE
        say(f"Making a phantom of {depth} x {height} x {width} voxels in {OUTPUT / 'phantom'} ...")
        write_sections(Phantom(SHAPE), OUTPUT / "phantom")
        images = OUTPUT / "phantom" / "images"
        settings["voxel_size_nm"] = [50, 5.5, 5.5]
    say("Starting the service: broker, gateway, and the preprocess, inference and postprocess workers ...")
    with running_service(OUTPUT / "service") as client:
        say(f"Finding mitochondria in {images} by {client.url} ...")
        segment(client, images, settings)
    shutil.unpack_archive(OUTPUT / "mitochondria_png.zip", OUTPUT / "mitochondria_png")
    (OUTPUT / "mitochondria_png.zip").unlink()
    shutil.rmtree(OUTPUT / "service")
    for name in ("mask.h5", "mitochondria_png", "overlay.png", "timeline.png", "report.json"):
        say(f"  {OUTPUT / name}")
    timings = json.loads((OUTPUT / "report.json").read_text())["timings"]
    say(f"{timings['total_s']:.1f} s for all stages; look at {OUTPUT / 'overlay.png'}")
    if source is None:
        say(_scores(OUTPUT / "phantom"))


def segment(client: Client, images: Path, settings: dict[str, object]) -> None:
    """Upload, poll until done, download, and draw the timeline. Raises JobFailed with the service's sentence."""
    jobs = client.submit(images, settings)
    if len(jobs) != 1:
        raise UsageError(f"{images} holds {len(jobs)} samples: give the folder of one, or use `emstream submit`")
    with StageProgress() as progress:
        job = client.wait(jobs[0].id, lambda job: progress(_counts(job)))
    for warning in job.warnings:
        warn(f"note: {warning}")
    if job.state != "completed":
        raise JobFailed(job.errors[0].sentence if job.errors else f"the job ended as {job.state}")
    client.fetch(job.id, OUTPUT, formats=("h5", "png"), overwrite=True)
    lanes = client.timeline([job.id])["lanes"]
    assert isinstance(lanes, dict)
    units = [(lane, float(u["start"]), float(u["stop"])) for lane, found in lanes.items() for u in found]
    draw_timeline(units, OUTPUT / "timeline.png")


@contextmanager
def running_service(data: Path) -> Iterator[Client]:
    """Run `emstream serve` on a free port for as long as the context lasts. Raises ServiceUnavailable."""
    command = [sys.executable, "-m", "emstream_cli", "serve", "--data", str(data), "--port", "0", "--no-open"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        if not any("http://" in line for line in process.stdout):
            raise ServiceUnavailable(f"the service did not start; its logs are in {data / 'logs'}")
        found = read_server_file(data)
        with Client(found.url, found.key) as client:
            yield client
    finally:
        process.send_signal(signal.SIGINT)
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def _counts(job: Job) -> dict[Stage, tuple[int, int]]:
    return {stage: (job.stages[stage].done, job.stages[stage].total) for stage in Stage}


def _scores(phantom: Path) -> str:
    with open_stack(phantom / "labels") as labels, open_stack(phantom / "images") as images:
        shape = labels.facts.shape_zyx
        truth = list(truth_sections(labels, shape))
        ours = score(OUTPUT / "mask.h5", "mitochondria", truth, shape)["total"]
        grey = [np.asarray(rows.values[0], np.uint8) for rows in images.blocks(0, shape[0])]
    return (
        f"F1 against the truth: {ours['f1']:.3f} (precision {ours['precision']:.3f}, recall {ours['recall']:.3f}); "
        f"an Otsu threshold gets {otsu_f1(grey, truth):.3f}"
    )


def otsu_f1(sections: list[NDArray[np.uint8]], truth: list[NDArray[np.bool_]]) -> float:
    """Return the F1 of "darker than Otsu's threshold", for comparison. sections, truth: (y, x) each."""
    threshold = otsu_threshold(sum(np.bincount(s.ravel(), minlength=256) for s in sections))
    counts = [Confusion.of(s <= threshold, t) for s, t in zip(sections, truth, strict=True)]
    return sum(counts, Confusion()).f1


if __name__ == "__main__":
    sys.exit(main())
