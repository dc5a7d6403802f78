"""The training file: which stacks are trained on, which are held out, and how each is used.

JSON with "sources" and "validation", each a list of `Source`s, and what goes into the checkpoint's header.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from emstream.errors import TrainingDataUnusable

Kind = Literal["full", "negative"]


class Source(BaseModel):
    """One labelled stack: where sections and labels are, and how to use them.

    images, labels: a folder of sections, a TIFF stack, an HDF5 or an MRC file each; `*_dataset` names one of HDF5.
    ignore: a stack of the same size; where it is not 0, no label counts. ignore_value: the label that means "unknown".
    instances: labels are numbers of objects; any but 0 is the object. Else they are 0 and one other value.
    kind: "full" = every pixel is labelled; "negative" = labels mark what is surely *not* the object, the rest is
    unknown. first, last: section positions that may be used, last inclusive; None = all. z_steps: neighbours are taken
    this many sections apart, at random (isotropic data imitate thicker sections). is_stack: False = sections have
    nothing to do with each other, and may differ in size. weight: how often it is drawn, relative to the others.
    decoys: share of the patches into which dark things that are no object are drawn (`decoys`), into half of these
    a myelinated axon, too (`axons`).
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    images: Path
    labels: Path
    images_dataset: str | None = None
    labels_dataset: str | None = None
    ignore: Path | None = None
    ignore_dataset: str | None = None
    ignore_value: float | None = None
    instances: bool = False
    kind: Kind = "full"
    weight: float = Field(1.0, gt=0)
    pixel_size_nm: float | None = Field(None, gt=0, le=1e6)
    first: int = Field(0, ge=0)
    last: int | None = Field(None, ge=0)
    z_steps: tuple[Annotated[int, Field(ge=1)], ...] = Field((1,), min_length=1)
    is_stack: bool = True
    decoys: float = Field(0.0, ge=0, le=1)

    @model_validator(mode="after")
    def _check_range(self) -> Self:
        if self.last is not None and self.last < self.first:
            raise ValueError(f"'last' is {self.last} and 'first' is {self.first}: last must not be smaller")
        return self

    def under(self, base: Path) -> Source:
        """Return the same with relative paths taken from `base`."""
        ignore = None if self.ignore is None else base / self.ignore
        return self.model_copy(update={"images": base / self.images, "labels": base / self.labels, "ignore": ignore})

    def told(self) -> dict[str, object]:
        """Return it as a header may tell it: of paths the last folders, not where they lay."""
        facts = self.model_dump(mode="json")
        for key in ("images", "labels", "ignore"):
            facts[key] = facts[key] and "/".join(Path(facts[key]).parts[-3:])
        return facts


class TrainingFile(BaseModel):
    """A training file as read; paths of its sources are whole."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    sources: tuple[Source, ...] = Field(min_length=1)
    validation: tuple[Source, ...] = Field(min_length=1)
    pixel_size_nm: float | None = Field(None, gt=0, le=1e6)
    z_range_nm: tuple[Annotated[float, Field(gt=0)], Annotated[float, Field(gt=0)]] = (1, 1000)
    data_licence: str = ""


def read_training_file(path: Path) -> TrainingFile:
    """Return what a JSON training file says; relative paths in it are relative to the file.

    Raises TrainingDataUnusable naming the first entry that is wrong, and what is allowed there.
    """
    try:
        found = TrainingFile.model_validate_json(path.read_bytes())
    except OSError as error:
        raise TrainingDataUnusable(f"{path} cannot be read ({error.strerror}): give a JSON training file") from error
    except ValidationError as error:
        raise TrainingDataUnusable(f"{path}: {_sentence(error)}") from error
    for index, source in enumerate(found.validation):
        _check_fully_labelled(path, f"validation[{index}]", source)
    base = path.parent
    sources, validation = ([s.under(base) for s in listed] for listed in (found.sources, found.validation))
    return found.model_copy(update={"sources": tuple(sources), "validation": tuple(validation)})


def _check_fully_labelled(path: Path, place: str, source: Source) -> None:
    partial = [name for name in ("ignore", "ignore_value") if getattr(source, name) is not None]
    partial += ["kind"] if source.kind != "full" else []
    if partial:
        raise TrainingDataUnusable(
            f"{path}: {place} has '{partial[0]}', but validation needs sections with every pixel labelled: "
            "give others, or move it to 'sources'"
        )


def _sentence(error: ValidationError) -> str:
    """Tell the first thing that is wrong."""
    first = error.errors(include_url=False)[0]
    parts = first["loc"]
    place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts).lstrip(".")
    match first["type"]:
        case "json_invalid":
            return f"this is no JSON ({first['msg']}): a training file is JSON with 'sources' and 'validation'"
        case "extra_forbidden":
            model = TrainingFile if len(parts) == 1 else Source
            return f"'{place}' is not known here; known are {', '.join(model.model_fields)}"
        case "missing":
            return f"'{place}' is missing: 'sources' and 'validation' list stacks, each with 'images' and 'labels'"
        case "value_error":
            return f"{place}: {first['msg'].removeprefix('Value error, ')}"
        case _:
            return f"'{place}' is {first['input']!r}, which is not allowed: {first['msg']}"
