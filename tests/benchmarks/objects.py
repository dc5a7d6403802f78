"""Time and peak memory of numbering and measuring objects.

Usage: `python -m tests.benchmarks.objects [Z,Y,X ...] [--sections 32] [--split] [--check]`.

The phantom's true mitochondria, drawn at half the resolution, replace the probabilities of a stitched job. With
`--check` the labels are compared with cc3d on the whole volume, which is then held in memory.
"""

from __future__ import annotations

import argparse
import hashlib
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from emstream.jobs.folder import JobFolder
from emstream.jobs.record import Plan, Request
from emstream.phantom.sections import Phantom
from emstream.volume.files import created, opened, publishing
from emstream.volume.geometry import Slab
from emstream.volume.planes import Planes
from emstream.volume.pyramid import Pyramid
from emstream_postprocess.objects.steps import find_in_slab, number_objects
from emstream_postprocess.stitch import mask_of
from tests.plans import make_plan

NAME = "mitochondria"


def phantom_of(plan: Plan) -> Phantom:
    """Return the phantom at half the resolution, which is drawn four times as fast."""
    depth, height, width = plan.shape_zyx
    return Phantom((depth, -(-height // 2), -(-width // 2)), (50, 11, 11))


def write_slab(folder: JobFolder, plan: Plan, phantom: Phantom, slab: Slab) -> None:
    """Write the result of a slab as stitching does: the truth as probability, with noise around it."""
    shape = (slab.z_stop - slab.z_start, *plan.shape_zyx[1:])
    with publishing(folder.result(slab.index)) as part, created(part) as file:
        pyramid = Pyramid.create(file, f"{NAME}/probability", shape, "zstd")
        mask = Planes.create(file, f"{NAME}/mask", shape, "zstd")
        mask.dataset.attrs["threshold"] = 0.5
        for z in range(shape[0]):
            _, coarse = phantom.section(slab.z_start + z)
            labels = coarse.repeat(2, axis=0).repeat(2, axis=1)[: shape[1], : shape[2]]
            noise = np.random.default_rng(slab.z_start + z).integers(0, 60, labels.shape, dtype=np.uint8)
            probability = np.where(labels > 0, np.uint8(255) - noise, noise)
            pyramid.write(z, probability)
            mask.write(z, mask_of(probability, 0.5))


def whole_labels(folder: JobFolder, plan: Plan, least: int) -> NDArray[np.uint32]:
    """Return cc3d's labels of the whole volume, in the order of first voxels, without small objects."""
    import cc3d

    masks = []
    for slab in plan.slabs:
        with opened(folder.result(slab.index)) as file:
            planes = Planes.open(file, f"{NAME}/mask")
            masks += [planes.read(z) for z in range(planes.shape[0])]
    labels = cc3d.connected_components(np.stack(masks), connectivity=26, out_dtype=np.uint32)
    count, places = int(labels.max()) + 1, np.flatnonzero(labels)[::-1]
    found, first = labels.ravel()[places], np.zeros(count, np.int64)
    first[found] = places  # the last of several assignments stays, which is the first voxel
    order = np.argsort(first)
    order = order[np.bincount(found, minlength=count)[order] >= least]
    numbers = np.zeros(count, np.uint32)
    numbers[order] = np.arange(1, len(order) + 1)
    return np.asarray(numbers[labels])


def is_same(folder: JobFolder, plan: Plan, least: int) -> bool:
    """Return whether the labels of all slabs equal those of the whole volume."""
    expected = whole_labels(folder, plan, least)
    for slab in plan.slabs:
        with opened(folder.labels(slab.index)) as file:
            planes = Planes.open(file, f"{NAME}/labels")
            if any((planes.read(z) != expected[slab.z_start + z]).any() for z in range(planes.shape[0])):
                return False
    return True


def digest(folder: JobFolder, plan: Plan) -> str:
    """Return a digest of labels and table: equal for equal objects, however the volume was cut."""
    found = hashlib.sha256((folder.measurements / f"{NAME}.csv").read_bytes())
    for slab in plan.slabs:
        with opened(folder.labels(slab.index)) as file:
            planes = Planes.open(file, f"{NAME}/labels")
            for z in range(planes.shape[0]):
                found.update(planes.read(z).tobytes())
    return found.hexdigest()[:12]


def run(folder: JobFolder, plan: Plan, request: Request) -> dict[str, float]:
    """Number and measure; return the CPU seconds of each step, which other work on the machine changes little."""
    start, seconds = time.process_time(), {}
    for slab in plan.slabs:
        find_in_slab(folder, plan, request, slab)
    seconds["pieces"] = time.process_time() - start
    start = time.process_time()
    number_objects(folder, plan, request)
    seconds["join, labels, tables"] = time.process_time() - start
    return seconds


def main() -> None:
    """Print one line per depth."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shapes", nargs="*", default=["32,2000,2000", "96,2000,2000"], help="Z,Y,X ...")
    parser.add_argument("--sections", type=int, default=32, help="sections in a slab")
    parser.add_argument("--split", action="store_true", help="split touching objects, too")
    parser.add_argument("--check", action="store_true", help="compare with cc3d on the whole volume")
    parser.add_argument("--job", help="folder of existing results (for internal use)")
    arguments = parser.parse_args()
    for text in arguments.shapes:
        depth, height, width = (int(part) for part in text.split(","))
        plan = make_plan((depth, height, width), arguments.sections, NAME, voxel_size_nm=(50, 5.5, 5.5))
        request = Request(input="phantom", split_touching=arguments.split)
        if arguments.job:
            _print(JobFolder(Path(arguments.job)), plan, request, arguments.check)
            continue
        with tempfile.TemporaryDirectory() as scratch:
            phantom = phantom_of(plan)
            for slab in plan.slabs:
                write_slab(JobFolder(Path(scratch)), plan, phantom, slab)
            options = [f"--sections={arguments.sections}", f"--job={scratch}", *["--split"] * arguments.split]
            options += ["--check"] * arguments.check
            command = [sys.executable, "-m", "tests.benchmarks.objects", text, *options]
            subprocess.run(command, check=True)  # a separate process, so that its peak memory is that of the work


def _print(folder: JobFolder, plan: Plan, request: Request, is_checked: bool) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    seconds = run(folder, plan, request)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    voxels = float(np.prod(plan.shape_zyx))
    rows = len((folder.measurements / f"{NAME}.csv").read_text().splitlines()) - 1
    steps = ", ".join(f"{name} {s:.2f} s = {1e9 * s / voxels:.1f} ns/voxel" for name, s in seconds.items())
    same = f", equal to cc3d: {is_same(folder, plan, request.min_voxels)}" if is_checked else ""
    print(f"{plan.shape_zyx}: {rows} objects, {steps}, peak {peak:.0f} MB ({before:.0f} before), ", end="")
    print(f"labels and table {digest(folder, plan)}{same}", flush=True)


if __name__ == "__main__":
    main()
