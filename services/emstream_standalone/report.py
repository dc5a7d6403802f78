"""A report's way through the stages: the input is checked and opened, each checkpoint runs, the files are written."""

from __future__ import annotations

import platform
import shlex
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np

from emstream.errors import UsageError
from emstream.jobs.folder import WORK, JobFolder
from emstream.jobs.record import Plan, Request
from emstream.models.checkpoint import Checkpoint
from emstream.models.recipes import Choice, Quality, choose
from emstream.readers.limits import allow_decoding
from emstream.readers.open_stack import open_request
from emstream.readers.section_numbers import Named
from emstream.readers.stack import section_files
from emstream.settings import Settings
from emstream.version import __version__
from emstream.volume.intensity import IntensityRange, check_finite, to_uint8
from emstream.volume.parallel import cores
from emstream.volume.voxel_size import voxel_in_words
from emstream_inference.engines import make_engine
from emstream_inference.variants import variants
from emstream_postprocess.report import Wanted, drop_job, voxel_options
from emstream_preprocess.plan import make_plan, voxel_size_of
from emstream_standalone.evaluate import LabelSource, open_truth
from emstream_standalone.predict import PredictOptions, run
from emstream_standalone.request import chosen
from emstream_training.metrics.evaluate import read_section
from emstream_training.report.candidates import Candidate, Member, candidates_of, check_names, mean_threshold
from emstream_training.report.learning import Curve
from emstream_training.report.measure import Order, Predict, Ran, Sections, measure
from emstream_training.report.write import Making, write_report

Tell = Callable[[str], None]
"""Takes a line for the user, who waits."""


@dataclass(frozen=True, slots=True)
class Given:
    """What the command was given. compared: files by name; curves: files, and training: what they hold."""

    request: Request
    choice: Choice
    labels: LabelSource
    output: Path
    compared: dict[str, list[Path]]
    curves: tuple[Path, ...]
    training: tuple[Curve, ...]


def make_report(given: Given, order: Order, settings: Settings, tell: Tell) -> None:
    """Check the input, measure, write. Probability maps are in the output folder while the report is made.

    Raises what reading, predicting and writing raise; wrong labels are reported before any network runs.
    """
    with ExitStack() as files:
        sections, plan, notes = _open(given, settings, files)
        for warning in (*notes, *plan.warnings):
            tell(f"note: {warning}")
        making = _making(given, order, plan, settings)
        given.output.mkdir(parents=True, exist_ok=True)
        scratch = files.enter_context(tempfile.TemporaryDirectory(prefix=".emstream-", dir=given.output))
        predict = _predictor(given, plan, settings, tell)
        measured = measure(sections, order, predict, Path(scratch))
    write_report(measured, given.training, making, given.output)


def _open(given: Given, settings: Settings, files: ExitStack) -> tuple[Sections, Plan, tuple[str, ...]]:
    """Return the sections as the networks get them, (y, x) uint8, with their truth, the plan of the run, and notes."""
    request = given.request
    allow_decoding(settings.decode_gb)
    reader = files.enter_context(open_request(Path(request.input), request, settings.max_voxels))
    shape = reader.facts.shape_zyx
    named = Named("the images", shape[0], section_files(reader.facts))
    truth = open_truth(named, shape, given.labels, files)
    plan = make_plan(reader, request, [given.choice])
    intensity = IntensityRange(plan.grey_low, plan.grey_high, np.dtype(plan.dtype))

    def grey(z: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
        values = read_section(reader, z)
        check_finite(values, f"section {z + 1}")
        return to_uint8(values, intensity)

    sections = Sections(given.choice.object, shape, grey, lambda z: read_section(truth.reader, z) != 0)
    return sections, plan, truth.notes


def _predictor(given: Given, plan: Plan, settings: Settings, tell: Tell) -> Predict:
    """Return the function that runs checkpoints on a stack as `emstream predict` would, by the recipe's settings."""
    recipe = given.choice.recipe
    common = given.request.model_copy(
        update={
            "objects": (given.choice.object,),
            "variants": recipe.variants,
            "halo": recipe.halo,
            "voxel_size_nm": plan.voxel_size_nm,
        }
    )

    def predict(what: str, stack: Path | None, checkpoints: Sequence[Checkpoint], folder: Path) -> Ran:
        tell(f"predicting {what}")
        own = {"checkpoints": tuple(str(checkpoint.path.resolve()) for checkpoint in checkpoints)}
        other = {} if stack is None else {"input": str(stack), "dataset": None}
        request = common.model_copy(update=own | other)
        report = run(PredictOptions(request, folder, Wanted((), has_overlay=False), keep=True), settings)
        job = JobFolder(folder / WORK)
        record = job.read_planned()
        assert record is not None
        drop_job(job)
        return Ran(report["timings"]["total_s"], len(record.plan.slabs) * record.plan.packages_per_slab)

    return predict


def _making(given: Given, order: Order, plan: Plan, settings: Settings) -> Making:
    recipe, fingerprint = given.choice.recipe, make_engine(settings).fingerprint()
    machine = f"{platform.system()} {platform.machine()}, {fingerprint['device']}, {cores()} cores"
    engine = f"{fingerprint['engine']} {fingerprint['version']}, {fingerprint['precision']}"
    command = command_line(given, order)
    return Making(
        machine=f"Engine: {engine}. Machine: {machine}",
        settings={
            "emstream": __version__,
            "object": given.choice.object,
            "images": f"{given.request.input}: {plan.source}",
            "labels": str(given.labels.path.absolute()),
            "voxel size": f"{voxel_in_words(plan.voxel_size_nm)} ({plan.voxel_size_source})",
            "quality": f"{given.request.quality}: {recipe.variants} variants, {recipe.halo} halo",
            "threshold": f"{recipe.threshold:g} on the probability",
            "fingerprint": ", ".join(f"{name} {value}" for name, value in fingerprint.items()),
            "machine": machine,
            "notes": " ".join(f"{warning}." for warning in plan.warnings) or "none",
            "command": command,
        },
        facts={
            "emstream": __version__,
            "settings": given.request.model_dump(mode="json"),
            "recipe": recipe.model_dump(mode="json"),
            "input": plan.source,
            "labels": str(given.labels.path.absolute()),
            "voxel_size_nm": plan.voxel_size_nm,
            "fingerprint": fingerprint,
            "machine": machine,
            "warnings": list(plan.warnings),
            "command": command,
        },
    )


def command_line(given: Given, order: Order) -> str:
    """Return the command that makes the report again."""
    request = given.request
    parts = ["emstream", "report", "--images", request.input, "--labels", str(given.labels.path.absolute())]
    parts += ["--labels-dataset", given.labels.dataset] if given.labels.dataset else []
    parts += ["--instances"] if given.labels.instances else []
    parts += ["--object", given.choice.object, "--quality", request.quality]
    parts += chain.from_iterable(("--checkpoint", path) for path in request.checkpoints)
    compared = [(name, file.absolute()) for name, files in given.compared.items() for file in files]
    parts += chain.from_iterable(("--compare", f"{name}={file}") for name, file in compared)
    parts += chain.from_iterable(("--curve", str(path.absolute())) for path in given.curves)
    scale = voxel_options(request).items()
    parts += chain.from_iterable((option, text) for option, text in scale if text is not None)
    if request.dataset is not None:
        parts += ["--dataset", request.dataset]
    parts += ["--sizes", ",".join(map(str, order.sides))] if order.sides else ["--no-run-time"]
    parts += [] if order.with_robustness else ["--no-robustness"]
    return shlex.join([*parts, "--output", str(given.output.absolute())])


def report_choice(request: Request, settings: Settings) -> Choice:
    """Return the checkpoints that are reported on, for sections as thick as the images'.

    Raises UsageError unless exactly one structure is found, and what reading the headers raises.
    """
    choices = chosen(request, settings)
    if len(choices) > 1:
        names = ", ".join(choice.object for choice in choices)
        raise UsageError(f"a report is about one structure, and this would be {names}: name one with --object")
    allow_decoding(settings.decode_gb)
    with open_request(Path(request.input), request, settings.max_voxels) as reader:
        return choices[0].for_voxel_size(voxel_size_of(request, reader.facts)[0])


def make_order(
    choice: Choice,
    quality: Quality,
    compared: dict[str, list[Path]],
    with_robustness: bool,
    sides: tuple[int, ...],
) -> Order:
    """Return the order. Raises UsageError for names that do not tell checkpoints apart, and what choosing raises.

    Thresholds: a checkpoint alone gets the recipe's if it is all of the recipe, else its own. The recipe's ensemble
    gets the recipe's; an ensemble that is only compared gets the mean of its checkpoints' own.
    """
    alone = len(choice.checkpoints) == 1
    members = [
        _member(c, c.header.network, choice, choice.recipe.threshold if alone else c.header.threshold)
        for c in choice.checkpoints
    ]
    candidates: list[Candidate] = candidates_of(members, choice.recipe.threshold)
    main, everyone = candidates[-1], list(members)
    for name, files in compared.items():
        if name in {member.family for member in members} | {"all"}:
            raise UsageError(f"--compare {name}=... needs another NAME: the report's own checkpoints are called {name}")
        own = choose((choice.object,), quality, files)[0]
        others = [_member(c, name, choice, c.header.threshold) for c in own.checkpoints]
        candidates += candidates_of(others, mean_threshold(others))
        everyone += others
    check_names(everyone)
    return Order(tuple(candidates), main, with_robustness, sides)


def _member(checkpoint: Checkpoint, family: str, choice: Choice, threshold: float) -> Member:
    weight = len(variants(choice.recipe.variants, checkpoint.header.sections))
    return Member(checkpoint, family, weight, threshold)
