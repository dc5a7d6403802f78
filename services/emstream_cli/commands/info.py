"""`emstream info` and `emstream models`: a stack before anything runs, and the structures that can be found."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Annotated

import typer

from emstream.errors import WrongVoxelSize
from emstream.jobs.record import Request
from emstream.models.recipes import MODELS, checkpoints_of, shipped_books
from emstream.readers.formats import ALL_KINDS
from emstream.readers.stack import StackFacts
from emstream.volume.voxel_size import VoxelSize, voxel_in_words
from emstream_cli.console import say, start
from emstream_cli.options import AsJson, Dataset, PixelSize, SectionThickness, Verbose, WrittenVoxel
from emstream_cli.parse import parse_scale


def info(
    source: Annotated[Path, typer.Argument(metavar="INPUT", help=f"Folder of sections, or a {ALL_KINDS} file.")],
    dataset: Dataset = None,
    voxel_size: WrittenVoxel = None,
    pixel_size: PixelSize = None,
    section_thickness: SectionThickness = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Show shape, voxel size, section order and warnings of a stack, from its headers."""
    from emstream.readers.limits import allow_decoding
    from emstream.readers.open_stack import open_stack

    settings = start(verbose)
    scale = parse_scale(voxel_size, pixel_size, section_thickness)
    allow_decoding(settings.decode_gb)
    with open_stack(source, dataset, settings.max_voxels) as reader:
        facts = _scaled(reader.facts, Request.model_validate({"input": str(source)} | scale))
    if as_json:
        say(json.dumps(dataclasses.asdict(facts), default=str))
        return
    say(facts.source)
    say(f"shape (z, y, x): {' x '.join(map(str, facts.shape_zyx))}, {facts.dtype}")
    say(f"voxel size: {voxel_in_words(facts.voxel_size_nm)}")
    for warning in [*facts.warnings, *_asked_for(facts.voxel_size_nm)]:
        say(f"note: {warning}")


def models(
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """List the structures that can be found, with their recipes and how well they do."""
    settings = start(verbose)
    folder = settings.models or MODELS
    books = shipped_books(folder)
    if as_json:
        say(json.dumps({name: book.model_dump() for name, book in books.items()}))
        return
    for name, book in books.items():
        say(f"{name}: trained on {book.trained_on}" if book.trained_on else name)
        for quality in ("fast", "balanced", "accurate"):
            recipe = getattr(book, quality)
            say(f"  {quality:9} {', '.join(recipe.checkpoints)}; {recipe.variants} variants, {recipe.halo} halo, "
                f"threshold {recipe.threshold:.2f}. {recipe.measured}")  # fmt: skip
            if recipe.fine:
                say(f"  {'':9} {recipe.fine.words}: "
                    f"{', '.join(recipe.fine.checkpoints)}, threshold {recipe.fine.threshold:.2f}. "
                    f"{recipe.fine.measured}")  # fmt: skip
    used = {name for book in books.values() for name in checkpoints_of(book)}
    others = sorted(path.stem for path in folder.glob("*.onnx") if path.stem not in used)
    if others:
        say(f"in no recipe, for --checkpoint {folder / 'NAME.onnx'}: {', '.join(others)}")
    say(f"Cards and licences: {folder}")


def _scaled(facts: StackFacts, request: Request) -> StackFacts:
    """Return the facts with the voxel size that a run would use; a doubtful one stays, with its question."""
    from emstream_preprocess.plan import voxel_size_of

    try:
        return dataclasses.replace(facts, voxel_size_nm=voxel_size_of(request, facts)[0])
    except WrongVoxelSize as doubt:
        return dataclasses.replace(facts, warnings=(*facts.warnings, str(doubt)))


def _asked_for(size: VoxelSize | None) -> list[str]:
    """Return the sentence that asks for what the input does not say."""
    if size is None:
        return ["the voxel size is not in the file: give --pixel-size and --section-thickness (in nm)"]
    return ["the section thickness is not in the file: give --section-thickness (in nm)"] if size[0] is None else []
