"""`emstream keys`: keys of the users of a service."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer

from emstream.api_keys import SCOPES, KeyFile
from emstream_cli.console import say, start, warn
from emstream_cli.options import AsJson, Verbose

KEYS_FILE = "keys.json"
HELP = "Add, list and remove API keys of the service on this machine."


@dataclass(frozen=True, slots=True)
class KeyOptions:
    """Where the keys are, and how to print them."""

    data: Annotated[Path | None, typer.Option(help="Data folder of the service. [EMSTREAM_DATA]")] = None
    as_json: AsJson = False
    verbose: Verbose = False

    def open(self) -> KeyFile:
        """Return the service's file of keys."""
        settings = start(self.verbose)
        return KeyFile((self.data or settings.data).expanduser() / KEYS_FILE)


@dataclass(frozen=True, slots=True)
class ScopeOptions:
    """What a key is for."""

    scopes: Annotated[list[str], typer.Option("--scope", help="read, write. May be repeated. Default: both.")] = field(
        default_factory=lambda: list(SCOPES)
    )


def add(
    owner: Annotated[str, typer.Argument(help="Whose key it is; a key sees only its owner's jobs.")],
    file: KeyOptions,
    which: ScopeOptions,
) -> None:
    """Make a key and print its secret, this once."""
    secret = file.open().add(owner, which.scopes)
    if file.as_json:
        say(json.dumps({"owner": owner, "scopes": which.scopes, "secret": secret}))
        return
    say(secret)
    warn("Keep it: it cannot be shown again. Use it as EMSTREAM_KEY, or in `Authorization: Bearer`.")


def list_keys(file: KeyOptions) -> None:
    """Show all keys by their first characters."""
    found = file.open().list()
    if file.as_json:
        say(json.dumps({"keys": [key.model_dump() for key in found]}))
        return
    for key in found:
        made = time.strftime("%Y-%m-%d", time.localtime(key.created))
        say(f"{key.prefix}…  {made}  {'+'.join(key.scopes):10}  {key.owner}")
    if not found:
        say("no keys: `emstream keys add OWNER` makes one")


def remove(
    prefix: Annotated[str, typer.Argument(help="First characters of the key, as `list` shows them.")],
    file: KeyOptions,
) -> None:
    """Remove a key; a running service refuses it from then on."""
    key = file.open().remove(prefix)
    say(key.model_dump_json() if file.as_json else f"removed the key {key.prefix}… of {key.owner}")
