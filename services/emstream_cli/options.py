"""Options that several commands share, each declared once; the ones that go together are groups."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer

from emstream.models.recipes import HaloMode, Quality
from emstream_cli.parse import parse_region, parse_voxel_size

Verbose = Annotated[bool, typer.Option("--verbose", help="Log what happens.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, nothing else.")]
Checkpoints = Annotated[
    list[Path] | None,
    typer.Option("--checkpoint", help="Your own checkpoint. May be repeated, to average several."),
]
Dataset = Annotated[str | None, typer.Option(help="Data set inside an HDF5 file, e.g. /volumes/raw.")]
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
    voxel_size: Annotated[
        str | None,
        typer.Option("--voxel-size", metavar="Z,Y,X", help="Voxel size in nanometres, instead of the input's own."),
    ] = None
    dataset: Dataset = None

    def fields(self) -> dict[str, object]:
        """Return the fields of a request. Raises UsageError for a voxel size that is none."""
        return {
            "objects": tuple(self.objects or ()),
            "quality": self.quality,
            "voxel_size_nm": parse_voxel_size(self.voxel_size),
            "dataset": self.dataset,
        }


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


@dataclass(frozen=True, slots=True)
class ResultOptions:
    """What a run leaves in its output folder."""

    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for mask.h5, overlay.png, report.json.")]
    formats: Annotated[
        list[str], typer.Option("--format", help="h5, png, tiff. May be repeated; h5 is always written.")
    ] = field(default_factory=lambda: ["h5"])
    overlay: Annotated[bool, typer.Option("--overlay/--no-overlay", help="Write overlay.png.")] = True
    keep: Annotated[bool, typer.Option("--keep", help="Keep the working files (pyramids, timeline).")] = False
    restart: Annotated[bool, typer.Option("--restart", help="Drop an unfinished job in the output folder.")] = False
    as_json: AsJson = False

    @property
    def unique_formats(self) -> tuple[str, ...]:
        """The formats, each once, in the order given."""
        return tuple(dict.fromkeys(self.formats))


def checkpoint_paths(checkpoints: list[Path] | None) -> tuple[str, ...]:
    """Return the field `checkpoints` of a request."""
    return tuple(str(path.absolute()) for path in checkpoints or ())
