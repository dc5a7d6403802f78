"""The training file: stacks to train on, stacks held out for validation, and the use of each.

JSON with "sources" and "validation", each a list of `Source`s, and facts for the checkpoint's header.
"""

from __future__ import annotations

import codecs
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from emstream.errors import TrainingDataUnusable

Kind = Literal["full", "negative"]


class Source(BaseModel):
    """One labelled stack: its sections, its labels, and their use.

    images, labels: a folder of sections, a TIFF stack, an HDF5 file or an MRC file; `*_dataset` names one of an HDF5.
    ignore: a stack of the same size; where it is not 0, no label counts. ignore_value: the label that means "unknown".
    instances: labels are numbers of objects; every value but 0 is structure. Otherwise they are 0 and one other value.
    kind: "full" = every pixel is labelled; "negative" = labels mark pixels that are surely *not* structure, and the
    rest is unknown. first, last: range of section positions to use, `last` included; None = to the end. z_steps:
    distances in sections between neighbours, drawn at random (isotropic data imitate thicker sections). is_stack: False
    = sections are independent of each other, and may differ in size. weight: how often the source is drawn, relative
    to the others. decoys: share of the patches into which dark shapes that are no structure are drawn (`decoys`); half
    of these patches get a myelinated axon, too (`axons`).
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
        """Return the source with its relative paths resolved from `base`."""
        ignore = None if self.ignore is None else base / self.ignore
        return self.model_copy(update={"images": base / self.images, "labels": base / self.labels, "ignore": ignore})

    def for_header(self) -> dict[str, object]:
        """Return the source for a checkpoint's header: of each path its last three parts only."""
        facts = self.model_dump(mode="json")
        for key in ("images", "labels", "ignore"):
            facts[key] = facts[key] and "/".join(Path(facts[key]).parts[-3:])
        return facts


class TrainingFile(BaseModel):
    """Contents of a training file; paths of its sources are resolved."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    sources: tuple[Source, ...] = Field(min_length=1)
    validation: tuple[Source, ...] = Field(min_length=1)
    pixel_size_nm: float | None = Field(None, gt=0, le=1e6)
    z_range_nm: tuple[Annotated[float, Field(gt=0)], Annotated[float, Field(gt=0)]] = (1, 1000)
    data_licence: str = ""


def read_training_file(path: Path) -> TrainingFile:
    """Return the contents of a JSON training file; relative paths in it are relative to the file.

    Raises TrainingDataUnusable naming the first wrong entry and the values allowed there.
    """
    try:
        found = TrainingFile.model_validate_json(_text(path.read_bytes()))
    except OSError as error:
        raise TrainingDataUnusable(f"{path} cannot be read ({error.strerror}): give a JSON training file") from error
    except ValidationError as error:
        raise TrainingDataUnusable(f"{path}: {_sentence(error)}") from error
    for index, source in enumerate(found.validation):
        _check_marks_object(path, f"validation[{index}]", source)
    base = path.parent
    sources, validation = ([s.under(base) for s in listed] for listed in (found.sources, found.validation))
    return found.model_copy(update={"sources": tuple(sources), "validation": tuple(validation)})


def _text(content: bytes) -> bytes:
    """Return a file's text as UTF-8 without a byte order mark; Windows saves it as UTF-16, or with the mark."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16", "replace").encode()
    return content.removeprefix(codecs.BOM_UTF8)


def _check_marks_object(path: Path, place: str, source: Source) -> None:
    if source.kind != "full":
        raise TrainingDataUnusable(
            f"{path}: {place} has 'kind', but validation needs sections whose labels mark the object: "
            "give such sections, or move this entry to 'sources'"
        )


def _sentence(error: ValidationError) -> str:
    """Return a sentence about the first error."""
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
