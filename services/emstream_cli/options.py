"""Options that commands share: each declared once, those that go together as groups."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import wraps
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

from emstream.client.client import Client
from emstream.errors import JobNotFound
from emstream.models.recipes import HaloMode, Quality
from emstream_cli.console import start
from emstream_cli.parse import parse_region, parse_scale

Verbose = Annotated[bool, typer.Option("--verbose", help="Log what happens.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, nothing else.")]
Checkpoints = Annotated[
    list[Path] | None,
    typer.Option("--checkpoint", help="Your own checkpoint. May be repeated, to average several."),
]
Dataset = Annotated[str | None, typer.Option(help="Data set inside an HDF5 file, e.g. /volumes/raw.")]
WrittenVoxel = Annotated[
    str | None,
    typer.Option("--voxel-size", metavar="Z,Y,X", help="Voxel size in nanometres, instead of the input's own."),
]
PixelSize = Annotated[
    str | None,
    typer.Option(
        "--pixel-size",
        metavar="NM",
        help="Pixel size in nanometres, instead of the input's own, e.g. 5.9; Y,X confirms pixels that are not square.",
    ),
]
SectionThickness = Annotated[
    float | None,
    typer.Option("--section-thickness", metavar="NM", help="Distance of sections in nanometres, e.g. 40."),
]
Threshold = Annotated[
    float | None,
    typer.Option(min=0.004, max=0.996, help="Threshold on the probability. Default: the recipe's."),
]
ContrastStretch = Annotated[
    bool,
    typer.Option("--contrast-stretch", help="Stretch 8-bit grey values, too: for stacks of low contrast."),
]


@dataclass(frozen=True, slots=True)
class FindOptions:
    """What to find, and what the input does not say."""

    objects: Annotated[
        list[str] | None,
        typer.Option(
            "--object",
            help="Structure to find. May be repeated; all: every one that `models` lists. Default: mitochondria.",
        ),
    ] = None
    quality: Annotated[Quality, typer.Option(help="fast: 1 variant, balanced: 4, accurate: 16.")] = "balanced"
    voxel_size: WrittenVoxel = None
    dataset: Dataset = None
    pixel_size: PixelSize = None
    section_thickness: SectionThickness = None

    def fields(self) -> dict[str, object]:
        """Return the fields of a request. Raises UsageError for a voxel size that is none."""
        return {
            "objects": tuple(self.objects or ()),
            "quality": self.quality,
            "dataset": self.dataset,
            **parse_scale(self.voxel_size, self.pixel_size, self.section_thickness),
        }


@dataclass(frozen=True, slots=True)
class LabelOptions:
    """Labels to score against."""

    labels: Annotated[
        Path, typer.Option(help="Labels of the same sections: 0 for background, and one other value for structure.")
    ]
    labels_dataset: Annotated[
        str | None, typer.Option(help="Data set of the labels inside an HDF5 file, e.g. /volumes/labels/mito.")
    ] = None
    instances: Annotated[
        bool, typer.Option("--instances", help="Labels and masks number objects: every number but 0 is structure.")
    ] = False


@dataclass(frozen=True, slots=True)
class TuneOptions:
    """How to predict, and what to do with what is found."""

    region: Annotated[
        str | None,
        typer.Option(metavar="Z:Z,Y:Y,X:X", help="Only a part, e.g. 0:5,1000:2024,0:1024 (stop excluded)."),
    ] = None
    halo: Annotated[
        HaloMode | None,
        typer.Option(help="exact: tiled equals untiled; fast: smaller margin. Default: the recipe's."),
    ] = None
    variants: Annotated[int | None, typer.Option(help="Test-time variants: 1, 4 or 16. Default: the quality's.")] = None
    threshold: Threshold = None
    contrast_stretch: ContrastStretch = False
    spread: Annotated[bool, typer.Option("--spread", help="Write how much variants and checkpoints differ.")] = False
    measure: Annotated[bool, typer.Option("--measure/--no-measure", help="Number and measure the objects.")] = True
    min_voxels: Annotated[
        int, typer.Option("--min-voxels", min=1, help="Smaller objects are not counted; the mask keeps them.")
    ] = 64
    split_touching: Annotated[
        bool, typer.Option("--split-touching", help="Cut objects that touch where they are narrow.")
    ] = False

    def fields(self) -> dict[str, object]:
        """Return the fields of a request. Raises UsageError for a region that is none."""
        return {
            "region": parse_region(self.region),
            "halo": self.halo,
            "variants": self.variants,
            "threshold": self.threshold,
            "contrast_stretch": self.contrast_stretch,
            "spread": self.spread,
            "measure": self.measure,
            "min_voxels": self.min_voxels,
            "split_touching": self.split_touching,
        }


Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace files that are there.")]


@dataclass(frozen=True, slots=True)
class ResultOptions:
    """What a run leaves in its output folder."""

    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for mask.h5, overlay.png, report.json.")]
    formats: Annotated[
        list[str], typer.Option("--format", help="h5, png, tiff. May be repeated; h5 is always written.")
    ] = field(default_factory=lambda: ["h5"])
    overlay: Annotated[bool, typer.Option("--overlay/--no-overlay", help="Write overlay.png.")] = True
    keep: Annotated[bool, typer.Option("--keep", help="Keep the working files (pyramids, timeline).")] = False
    restart: Annotated[
        bool,
        typer.Option("--restart", help="Replace what the output folder holds: an unfinished job, or a result."),
    ] = False
    as_json: AsJson = False

    @property
    def unique_formats(self) -> tuple[str, ...]:
        """The formats, each once, in the order given."""
        return tuple(dict.fromkeys(self.formats))


def checkpoint_paths(checkpoints: list[Path] | None) -> tuple[str, ...]:
    """Return the field `checkpoints` of a request."""
    return tuple(str(path.absolute()) for path in checkpoints or ())


Command = Callable[..., None]


def flattened(command: Command) -> Command:
    """Return a command that takes the fields of its groups as parameters of its own."""
    hints = get_type_hints(command, include_extras=True)
    groups: dict[str, type[Any]] = {name: hint for name, hint in hints.items() if _is_group(hint)}

    @wraps(command)
    def flat(**given: object) -> None:
        made = {name: _make(group, given) for name, group in groups.items()}
        command(**given, **made)

    parameters = [p for whole in signature(command).parameters.values() for p in _parts(whole, hints[whole.name])]
    flat.__signature__ = Signature(parameters)  # type: ignore[attr-defined]  # what typer reads
    flat.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return flat


def _is_group(hint: Any) -> bool:
    return isinstance(hint, type) and dataclasses.is_dataclass(hint)


def _parts(parameter: Parameter, hint: Any) -> Iterator[Parameter]:
    if not _is_group(hint):
        yield parameter.replace(annotation=hint, kind=Parameter.KEYWORD_ONLY)
        return
    hints = get_type_hints(hint, include_extras=True)
    for option in dataclasses.fields(hint):
        yield Parameter(option.name, Parameter.KEYWORD_ONLY, default=_default(option), annotation=hints[option.name])


def _default(field: dataclasses.Field[Any]) -> Any:
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return Parameter.empty if field.default is dataclasses.MISSING else field.default


def _make(group: type[Any], given: dict[str, object]) -> object:
    """Return the group, made of its fields, which leave `given`."""
    return group(**{field.name: given.pop(field.name) for field in dataclasses.fields(group)})


ID_LENGTH = 32
LISTED = 100
"""Number of jobs that the service lists at a time."""

JobId = Annotated[str, typer.Argument(metavar="ID", help="The job, by the first characters of its id.")]


@dataclass(frozen=True, slots=True)
class ServiceOptions:
    """Where the service is, and how to print its answers."""

    as_json: AsJson = False
    url: Annotated[
        str | None,
        typer.Option(help="The service. Default: EMSTREAM_URL, then the `emstream serve` of EMSTREAM_DATA."),
    ] = None
    key: Annotated[
        str | None,
        typer.Option(help="API key. Default: EMSTREAM_KEY, then the token of the `emstream serve` here."),
    ] = None
    verbose: Verbose = False

    def client(self) -> Client:
        """Return a client of the service; it is a context manager. Raises ServiceUnavailable if none is found."""
        start(self.verbose)
        return Client(self.url, self.key)


def whole_id(client: Client, start: str) -> str:
    """Return the id that begins so. Raises JobNotFound if there is none, or several."""
    if len(start) >= ID_LENGTH:
        return start
    found = [job.id for job in client.jobs(limit=LISTED) if start and job.id.startswith(start)]
    if len(found) != 1:
        raise JobNotFound(
            f"{len(found) or 'none'} of the last {LISTED} jobs begin{'s' * (not found)} with {start!r}: "
            "give the whole id, or more of it; see `emstream status`"
        )
    return found[0]
