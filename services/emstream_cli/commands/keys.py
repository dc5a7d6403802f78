"""`emstream keys`: who may use the service."""

from __future__ import annotations

import json
import time
from pathlib import Path

import typer

from emstream.api_keys import SCOPES, KeyFile
from emstream_cli.console import say, start, warn
from emstream_cli.options import VERBOSE
from emstream_cli.service_options import AS_JSON

KEYS_FILE = "keys.json"
DATA = typer.Option(None, help="Data folder of the service. [EMSTREAM_DATA]")

HELP = "Add, list and remove API keys of the service on this machine."


def add(
    owner: str = typer.Argument(..., help="Whose key it is; a key sees only its owner's jobs."),
    scopes: list[str] = typer.Option(list(SCOPES), "--scope", help="read, write; may be repeated. Default: both."),
    data: Path = DATA,
    as_json: bool = AS_JSON,
    verbose: bool = VERBOSE,
) -> None:
    """Make a key and print its secret, this once."""
    secret = _file(data, verbose).add(owner, scopes)
    if as_json:
        say(json.dumps({"owner": owner, "scopes": scopes, "secret": secret}))
        return
    say(secret)
    warn("Keep it: it cannot be shown again. Use it as EMSTREAM_KEY, or in `Authorization: Bearer`.")


def list_keys(data: Path = DATA, as_json: bool = AS_JSON, verbose: bool = VERBOSE) -> None:
    """Show all keys by their first characters."""
    found = _file(data, verbose).list()
    if as_json:
        say(json.dumps({"keys": [key.model_dump() for key in found]}))
        return
    for key in found:
        made = time.strftime("%Y-%m-%d", time.localtime(key.created))
        say(f"{key.prefix}…  {made}  {'+'.join(key.scopes):10}  {key.owner}")
    if not found:
        say("no keys: `emstream keys add OWNER` makes one")


def remove(
    prefix: str = typer.Argument(..., help="First characters of the key, as `list` shows them."),
    data: Path = DATA,
    as_json: bool = AS_JSON,
    verbose: bool = VERBOSE,
) -> None:
    """Remove a key; a running service refuses it from then on."""
    key = _file(data, verbose).remove(prefix)
    say(key.model_dump_json() if as_json else f"removed the key {key.prefix}… of {key.owner}")


def _file(data: Path | None, verbose: bool) -> KeyFile:
    settings = start(verbose)
    return KeyFile((data or settings.data).expanduser() / KEYS_FILE)
