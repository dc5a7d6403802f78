"""A multipart upload, parsed as it arrives: each file goes straight to its sample's folder, once.

    part "files" (repeated)   a file; its name may have a folder: every folder is a sample
    part "settings"           JSON of JobSettings
    part "name"               of the job, or before the samples' names if there are several

The parser pushes; one chunk is held in memory, and never a whole part except the short fields. Any error ends the
upload, and `discard` leaves nothing of it behind.
"""

from __future__ import annotations

import re
import shutil
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote_to_bytes

from pydantic import ValidationError
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from emstream.api.jobs import JobSettings
from emstream.api.problems import Unreadable, WrongContent, WrongFields
from emstream.errors import TooMuch, UploadRefused
from emstream.readers.samples import is_clutter, sample_of
from emstream_gateway.http.error_handlers import field_problems
from emstream_gateway.storage.file_names import check_name
from emstream_gateway.storage.job_store import UploadHeader
from emstream_gateway.storage.uploads import Arrival, Upload, UploadLimits, Writer

FIELD_BYTES = 64 << 10
"""Size of the longest "settings" or "name"."""
IDLE_BYTES = 64 << 10
"""Largest number of bytes before the first part, or after the last."""
MAX_FIELDS = 8
"""Largest number of parts that are no files."""
_EXTENDED_NAME = re.compile(rb";\s*filename\*\s*=\s*\"?(utf-8|iso-8859-1)'[^']*'([^;\s\"]*)", re.IGNORECASE)
"""A file name as RFC 8187 encodes it, which some clients send for names beyond ASCII."""


@dataclass
class Part:
    """The part of the body that is being read."""

    headers: dict[bytes, bytes] = field(default_factory=dict)
    header_name: bytes = b""
    header_value: bytes = b""
    name: str = ""
    text: bytearray = field(default_factory=bytearray)
    writer: Writer | None = None
    arrival: Arrival | None = None
    upload: Upload | None = None


class MultipartUpload:
    """See the module's text. Feed it the body, then `finish`; in any other case `discard`."""

    def __init__(self, jobs: Path, owner: str, content_type: str, limits: UploadLimits) -> None:
        self.samples: dict[str, Upload] = {}
        self._jobs, self._owner, self._limits = jobs, owner, limits
        self._fields: dict[str, bytes] = {}
        self._files = self._field_count = self._idle = 0
        self._has_ended = self._has_begun = False
        self._part = Part()
        self._parser = self._make_parser(content_type)

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes of the body. Raises Unreadable, UploadRefused, TooMuch, DiskFull."""
        was_over = self._has_ended
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise Unreadable(f"the multipart body cannot be read ({error}): send it as RFC 7578 says") from error
        if was_over or not self._has_begun:  # the whole chunk: a body may begin and end within one
            self._idle += len(chunk)
        if self._idle > IDLE_BYTES:
            raise Unreadable("the multipart body has no parts where they should be: send it as RFC 7578 says")

    def finish(self) -> list[Upload]:
        """Return the samples' uploads, with their names and settings. Raises what `feed` raises."""
        if not self._has_ended:
            raise Unreadable("the multipart body ended before its closing boundary: send it again")
        samples = {name: u for name, u in self.samples.items() if not all(map(is_clutter, u.arrivals))}
        if not samples:
            raise UploadRefused('there are no files in the upload: send them as parts called "files"')
        for sample, upload in self.samples.items():
            if sample not in samples:
                shutil.rmtree(upload.path)
        settings, title = self._settings(), self._text("name")
        if len(title) > 200:
            raise UploadRefused(f"the name has {len(title)} characters, at most 200 are allowed: shorten it")
        for sample, upload in samples.items():
            name = title if title and len(samples) == 1 else f"{title} / {sample}" if title else sample
            upload.header = upload.header.model_copy(update={"name": name, "settings": settings})
        return list(samples.values())

    def discard(self) -> None:
        """Remove everything that has arrived."""
        self._close_writer()
        for upload in self.samples.values():
            shutil.rmtree(upload.path, ignore_errors=True)

    def _make_parser(self, content_type: str) -> MultipartParser:
        kind, options = parse_options_header(content_type)
        if kind != b"multipart/form-data":
            raise WrongContent(
                f"the content type {content_type[:100]!r} is not accepted here: "
                "send multipart/form-data with files, or application/json"
            )
        if not options.get(b"boundary"):
            raise Unreadable("the content type multipart/form-data has no boundary: let the HTTP client set it")
        handlers: dict[str, Callable[..., None]] = {
            "on_part_begin": self._begin,
            "on_part_data": self._take,
            "on_part_end": self._end,
            "on_header_field": self._header_name,
            "on_header_value": self._header_value,
            "on_header_end": self._header_end,
            "on_headers_finished": self._open,
            "on_end": self._ended,
        }
        try:
            return MultipartParser(options[b"boundary"], handlers)  # type: ignore[arg-type]  # a TypedDict
        except FormParserError as error:
            raise Unreadable(f"the multipart boundary is not valid ({error}): let the HTTP client set it") from error

    def _begin(self) -> None:
        self._has_begun, self._part = True, Part()

    def _header_name(self, data: bytes, start: int, end: int) -> None:
        self._part.header_name += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._part.header_value += data[start:end]

    def _header_end(self) -> None:
        part = self._part
        part.headers[part.header_name.lower()] = part.header_value
        part.header_name = part.header_value = b""

    def _open(self) -> None:
        """Decide by the part's headers where its bytes go."""
        part = self._part
        disposition = part.headers.get(b"content-disposition", b"")
        _, options = parse_options_header(disposition)
        part.name = options.get(b"name", b"").decode(errors="replace")
        try:
            file_name = _file_name(disposition, options)
        except UnicodeDecodeError:
            raise UploadRefused("a file name is not UTF-8: rename the file") from None
        if file_name is None:
            self._open_field(part)
            return
        name = check_name(file_name)
        if part.name != "files":
            raise UploadRefused(f'the file {name!r} came as part {part.name[:40]!r}: call the part "files"')
        self._open_file(part, name)

    def _open_field(self, part: Part) -> None:
        self._field_count += 1
        if part.name not in ("settings", "name") or part.name in self._fields or self._field_count > MAX_FIELDS:
            raise UploadRefused(
                f'the upload has a part {part.name[:40]!r} too many: there are "files", and once "settings" and "name"'
            )

    def _open_file(self, part: Part, name: str) -> None:
        self._files += 1
        if self._files > self._limits.files:
            raise TooMuch(
                f"the upload has more than {self._limits.files} files, the limit: "
                "join sections into stacks, or send each sample by itself"
            )
        part.upload = self._sample(sample_of(name))
        if name in part.upload.arrivals:
            raise UploadRefused(f"two files of the upload are called {name!r}: rename one")
        part.writer = part.upload.begin(name, 0, None, self._limits)
        part.arrival = part.upload.arrival(name)

    def _sample(self, sample: str) -> Upload:
        if sample in self.samples:
            return self.samples[sample]
        job = uuid.uuid4().hex
        header = UploadHeader(id=job, owner=self._owner, name=sample, created=time.time(), settings=JobSettings())
        self.samples[sample] = Upload(self._jobs / f".upload-{job}", header, has_journal=False)
        return self.samples[sample]

    def _take(self, data: bytes, start: int, end: int) -> None:
        part = self._part
        if part.writer is not None:
            part.writer.write(memoryview(data)[start:end])
            return
        part.text += data[start:end]
        if len(part.text) > FIELD_BYTES:
            raise TooMuch(f"the part {part.name!r} is longer than {FIELD_BYTES} bytes, the limit: shorten it")

    def _end(self) -> None:
        part = self._part
        self._close_writer()
        if part.upload is not None and part.arrival is not None:
            part.upload.finish(part.arrival)
        elif part.name:
            self._fields[part.name] = bytes(part.text)

    def _close_writer(self) -> None:
        if self._part.writer is not None:
            self._part.writer.__exit__()
            self._part.writer = None

    def _ended(self) -> None:
        self._has_ended = True

    def _text(self, name: str) -> str:
        try:
            return self._fields.get(name, b"").decode().strip()
        except UnicodeDecodeError:
            raise UploadRefused(f"the part {name!r} is not UTF-8: send it as UTF-8") from None

    def _settings(self) -> JobSettings:
        try:
            return JobSettings.model_validate_json(self._text("settings") or "{}")
        except ValidationError as error:
            raise WrongFields(field_problems(error.errors())) from error


def _file_name(disposition: bytes, options: dict[bytes, bytes]) -> str | None:
    """Return the part's file name, None for a field. Raises UnicodeDecodeError."""
    if b"filename" in options:
        return options[b"filename"].decode()
    extended = _EXTENDED_NAME.search(disposition)
    return unquote_to_bytes(extended[2]).decode(extended[1].decode()) if extended else None
