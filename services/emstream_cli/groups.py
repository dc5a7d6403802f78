"""Groups of options: a frozen dataclass whose fields are options, usable as the type of a command's parameter.

    @dataclass(frozen=True)
    class Paint:
        colour: Annotated[str, typer.Option(help="Colour of the wall.")] = "white"

    def wall(height: Height, paint: Paint) -> None: ...      # emstream wall --height 2 --colour red

Typer knows no groups: `flattened` shows it a function with one parameter per option, which makes the groups and calls.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from functools import wraps
from inspect import Parameter, Signature, signature
from typing import Any, get_type_hints

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
    for field in dataclasses.fields(hint):
        yield Parameter(field.name, Parameter.KEYWORD_ONLY, default=_default(field), annotation=hints[field.name])


def _default(field: dataclasses.Field[Any]) -> Any:
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return Parameter.empty if field.default is dataclasses.MISSING else field.default


def _make(group: type[Any], given: dict[str, object]) -> object:
    """Return the group, made of its fields, which leave `given`."""
    return group(**{field.name: given.pop(field.name) for field in dataclasses.fields(group)})
