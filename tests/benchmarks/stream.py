"""Speed of the service compared with its parts.

Usage: `python -m tests.benchmarks.stream [rate samples latency fair cancel]`; all of them by default.

Each figure is a ratio within one run, or seconds on this machine. The shipped checkpoint and the real broker, gateway
and workers are used.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from emstream.api_keys import KeyFile
from emstream.client.client import Client
from emstream.client.replies import Job
from emstream.jobs.folder import JobFolder
from emstream.jobs.record import Plan
from emstream.jobs.timeline import Timeline, TimelineEntry
from emstream.settings import Settings
from emstream.stages import Stage
from emstream_inference.engines import make_engine
from emstream_inference.predictor import load_predictor
from tests.benchmarks.scaling import write_noise
from tests.integration.service import Service, running

FAST = {"quality": "fast", "voxel_size_nm": [50, 5.5, 5.5], "measure": False}
"""Settings for masks alone; `tests.benchmarks.objects` measures the numbering of objects."""
BARE_WINDOWS = 400
"""Windows of one measurement of the bare engine, about a minute; over 15 s its rate varies by 10 %."""


def submit(service: Service, shape: tuple[int, int, int], folder: Path, name: str, client: Client | None = None) -> Job:
    """Write a stack of noise and submit it."""
    path = folder / f"{name}.tif"
    write_noise(path, shape)
    return (client or service.client).submit(path, FAST)[0]


def units(service: Service, job: Job) -> list[TimelineEntry]:
    """Return a job's finished units."""
    return Timeline(JobFolder(service.data / "jobs" / job.id).timeline_path).read()


def plan_of(service: Service, job: Job) -> Plan:
    """Return a job's plan."""
    record = JobFolder(service.data / "jobs" / job.id).read()
    assert record is not None
    assert record.plan is not None
    return record.plan


def span(found: list[TimelineEntry], stage: str | None = None) -> float:
    """Return seconds from the first start to the last stop."""
    chosen = [u for u in found if stage in (None, u.stage)]
    return max(u.stop for u in chosen) - min(u.start for u in chosen)


def idle_share(found: list[TimelineEntry]) -> float:
    """Return the share of the time between first and last package in which the engine was idle."""
    inference = sorted((u for u in found if u.stage == Stage.INFERENCE), key=lambda u: u.start)
    engine = [u.engine_s for u in inference if u.engine_s is not None]
    busy = max(stop for _, stop in engine) - min(start for start, _ in engine)
    return 1 - busy / span(inference)


def bare_rate(plan: Plan, windows: int) -> float:
    """Return the engine's windows per second with all lanes busy and no other work on the machine."""
    settings = Settings()
    engine = make_engine(settings)
    predictor = load_predictor(engine, plan.grids[0], plan.variants, with_spread=False)
    shape = (settings.max_batch // engine.lanes, predictor.sections, *plan.tilings[0].read_yx)
    batch = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    with ThreadPoolExecutor(engine.lanes) as pool:
        for batches in (engine.lanes, windows // len(batch)):
            began = time.perf_counter()
            list(pool.map(predictor.predict, [batch] * batches))
    return windows / (time.perf_counter() - began)


def rate(folder: Path) -> None:
    """Compare the service's windows per second, from start to masks, with the bare engine's, on 64 whole packages.

    Reading the first slab and stitching the last one overlap with nothing; with four slabs, that is a quarter of it.
    """
    for shape in ((32, 8192, 8192), (128, 4096, 4096)):
        rate_of(folder / f"slabs of {shape[0]}", shape)


def rate_of(folder: Path, shape: tuple[int, int, int]) -> None:
    """Compare the rates on one stack."""
    folder.mkdir()
    with running(folder / "data") as service:
        first = submit(service, (1, 2048, 2048), folder, "first")
        service.client.wait(first.id)
        bare = [bare_rate(plan_of(service, first), BARE_WINDOWS)]
        job = submit(service, shape, folder, "large")
        began = time.monotonic()
        service.client.wait(job.id)
        seconds = time.monotonic() - began
        found, plan = units(service, job), plan_of(service, job)
    windows = sum(u.windows or 0 for u in found)
    bare.append(bare_rate(plan, BARE_WINDOWS))
    packages = sum(u.stage == Stage.INFERENCE for u in found)
    print(
        f"{packages} packages of {shape}, {windows} windows in {seconds:.1f} s: {windows / seconds:.2f} per s; ",
        end="",
    )
    print(f"bare engine before and after {bare[0]:.2f} and {bare[1]:.2f} per s; ", end="")
    print(f"ratio {windows / seconds / (sum(bare) / 2):.3f}; engine idle {idle_share(found):.4f}")
    print("stages, s:", {s.value: round(span(found, s), 1) for s in Stage}, flush=True)


def samples(folder: Path) -> None:
    """Time six samples of three slabs with default settings."""
    with running(folder / "data") as service:
        began = time.monotonic()
        jobs = [submit(service, (96, 1024, 1024), folder, f"sample{k}") for k in range(6)]
        for job in jobs:
            service.client.wait(job.id)
        makespan = time.monotonic() - began
        by_sample = [units(service, job) for job in jobs]
    found = [unit for units_of_one in by_sample for unit in units_of_one]
    sums = {s: sum(u.stop - u.start for u in found if u.stage == s) for s in Stage}
    engine = idle_share(found)
    busy = span(found, Stage.INFERENCE) * (1 - engine)
    moments = sum(overlaps(*triple) for triple in zip(by_sample, by_sample[1:], by_sample[2:], strict=False))
    print(
        f"makespan {makespan:.1f} s; engine busy {busy:.1f} s; stages in sum",
        {s.value: round(v, 1) for s, v in sums.items()},
    )
    print(f"makespan over slowest stage alone {makespan / busy:.3f}; engine idle {engine:.4f}; ", end="")
    print(f"moments with samples k, k+1, k+2 in the three stages: {moments}")


def overlaps(first: list[TimelineEntry], second: list[TimelineEntry], third: list[TimelineEntry]) -> int:
    """Count triples of units of three successive samples in postprocess, inference, preprocess that share a moment."""
    return sum(
        max(u.start for u in triple) < min(u.stop for u in triple)
        for a in first
        for b in second
        for c in third
        for triple in [(a, b, c)]
        if [u.stage for u in triple] == [Stage.POSTPROCESS, Stage.INFERENCE, Stage.PREPROCESS]
    )


def latency(folder: Path) -> None:
    """Time one section of 1024 x 1024 from its last byte to the mask, and the network's share; the first compiles."""
    with running(folder / "data") as service:
        for attempt in ("first", "second", "third"):
            job = submit(service, (1, 1024, 1024), folder, attempt)
            began = time.monotonic()
            while not service.client.job(job.id).is_over:
                time.sleep(0.005)
            seconds = time.monotonic() - began
            found = units(service, job)
            network = span(found, Stage.INFERENCE)
            stages = {s.value: round(span(found, s), 3) for s in Stage}
            print(
                f"{attempt}: {seconds:.2f} s, of these the network {network:.2f} s; the rest {seconds - network:.2f} s",
                stages,
            )


def fair(folder: Path) -> None:
    """Compare the time of a job of 20 packages, behind another owner's job of 400, with its time alone."""
    with running(folder / "data", EMSTREAM_SLAB_SECTIONS="1", EMSTREAM_CORE_SIDE="256") as service:
        keys = KeyFile(service.data / "keys.json")
        with Client(service.client.url, keys.add("anna")) as anna, Client(service.client.url, keys.add("ben")) as ben:
            times = []
            for name in ("warm", "alone", "behind"):
                if name == "behind":
                    big = submit(service, (16, 1280, 1280), folder, "big", anna)
                    while anna.job(big.id).progress < 0.1:
                        time.sleep(0.1)
                began = time.monotonic()
                ben.wait(submit(service, (5, 512, 512), folder, name, ben).id)
                times.append(time.monotonic() - began)
            big_left = 1 - anna.job(big.id).progress
            anna.cancel(big.id)
    print(f"20 packages alone {times[1]:.1f} s, behind 400 of another owner {times[2]:.1f} s: ", end="")
    print(f"{times[2] / times[1]:.2f} times (the large one had {100 * big_left:.0f} % to go)")


def cancel(folder: Path) -> None:
    """Time the cancelling of a job of 20 000 packages."""
    with running(folder / "data", EMSTREAM_SLAB_SECTIONS="1", EMSTREAM_CORE_SIDE="64") as service:
        job = submit(service, (20, 2048, 2048), folder, "many")
        while service.client.job(job.id).stages["inference"].done < 10:
            time.sleep(0.05)
        total = service.client.job(job.id).stages["inference"].total
        began = time.monotonic()
        service.client.cancel(job.id)
        answered = time.monotonic() - began
        while any(service.leased(stage) for stage in Stage):
            time.sleep(0.01)
        print(f"cancelled {total} packages: answered after {answered:.3f} s, ", end="")
        print(f"nothing runs after {time.monotonic() - began:.2f} s")


BENCHMARKS = {f.__name__: f for f in (rate, samples, latency, fair, cancel)}


def main() -> None:
    """Run the named benchmarks, or all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("which", nargs="*", metavar="NAME", help=", ".join(BENCHMARKS))
    for name in parser.parse_args().which or BENCHMARKS:
        with tempfile.TemporaryDirectory() as scratch:
            print(f"-- {name}", flush=True)
            BENCHMARKS[name](Path(scratch))


if __name__ == "__main__":
    main()
