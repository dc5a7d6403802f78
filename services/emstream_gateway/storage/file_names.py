"""Names of uploaded files: data only, never paths; and the ones that are refused."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from pathlib import PurePosixPath

from emstream.errors import UploadRefused

COMPONENT_BYTES = 255
NAME_BYTES = 4096
_DRIVE = re.compile(r"[A-Za-z]:[\\/]")
_SUFFIX = re.compile(r"\.[a-z0-9]{1,8}")


def check_name(name: str) -> str:
    """Return the name. Raises UploadRefused with the reason.

    >>> check_name("sample1/s001.png")
    'sample1/s001.png'
    """
    shown = repr(name if len(name) <= 80 else name[:77] + "...")
    if not name or len(name.encode(errors="surrogatepass")) > NAME_BYTES:
        raise UploadRefused(f"the file name {shown} is empty or longer than {NAME_BYTES} bytes: give a short name")
    if any(unicodedata.category(c) in ("Cc", "Cs") for c in name):
        raise UploadRefused(f"the file name {shown} has control characters: rename the file")
    if name.startswith(("/", "\\")) or _DRIVE.match(name):
        raise UploadRefused(f"the file name {shown} is absolute: give it relative to the sample's folder")
    for part in re.split(r"[/\\]", name):
        if part in ("", ".", ".."):
            raise UploadRefused(f"the file name {shown} has a part {part!r}: give a plain relative name")
        if len(part.encode()) > COMPONENT_BYTES:
            raise UploadRefused(f"the file name {shown} has a part of more than {COMPONENT_BYTES} bytes: shorten it")
    return name


def folded(name: str) -> str:
    """Return the form of a name that must be unique in an upload: case and Unicode form do not count."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def suffix_of(name: str) -> str:
    """Return the name's suffix in lower case, if it is a plain one, for the stored file.

    >>> suffix_of("S001.TIF"), suffix_of("odd.t!f")
    ('.tif', '')
    """
    suffix = PurePosixPath(name).suffix.lower()
    return suffix if _SUFFIX.fullmatch(suffix) else ""


def check_one_folder(names: Iterable[str]) -> None:
    """Raise UploadRefused if files of one job come from several folders: a job is one stack."""
    folders = sorted({str(PurePosixPath(name).parent) for name in names})
    if len(folders) > 1:
        raise UploadRefused(
            f"the job has files of {len(folders)} folders ({folders[0]}, {folders[1]}): one job is one stack. "
            "Make a job for each folder, or send all in one multipart upload, which makes them"
        )
