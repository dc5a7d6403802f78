"""Uploads that can be resumed: bytes go straight to the job's folder, and are hashed as they pass.

    upload.json      owner, name, settings
    arrivals.jsonl   one line when a file is first named, one when it is complete (appended: thousands of files)
    incoming/<n>     the bytes, under numbers in the order of arrival

The size of a file on disk says how much of it has arrived, so that a gateway killed at any moment goes on where it was.
There is one writer per file: each `begin` takes the turn, and an older writer then stops.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from emstream.api.jobs import FileState
from emstream.api.problems import NotReady, StaleOffset
from emstream.errors import JobNotFound, TooMuch, UploadConflict, UploadRefused
from emstream.jobs.folder import JobFolder
from emstream.volume.files import disk_full_named
from emstream_gateway.storage.file_names import check_name, folded, suffix_of
from emstream_gateway.storage.job_store import JobStore, UploadHeader

READ_BYTES = 1 << 20
"""Size of a block that is hashed at once."""


@dataclass(frozen=True, slots=True)
class UploadLimits:
    """Largest number of files of an upload, and the largest size of one of them in bytes."""

    files: int
    file_bytes: int


@dataclass
class Arrival:
    """A file that is arriving. size: as announced. sha256: once it is complete. digest: None if bytes were not seen."""

    name: str
    path: Path
    size: int | None = None
    received: int = 0
    sha256: str | None = None
    digest: hashlib._Hash | None = field(default_factory=hashlib.sha256)
    turn: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def state(self) -> FileState:
        """Return the file as the API shows it."""
        return FileState(name=self.name, size=self.size, received=self.received, sha256=self.sha256)


class Writer:
    """The right to append to one file, until another `begin` takes the turn. Use as a context manager.

    Made and used under the file's lock: writers run in threads.
    """

    def __init__(self, arrival: Arrival, max_bytes: int) -> None:
        self._arrival, self._max_bytes = arrival, max_bytes
        arrival.turn += 1
        arrival.sha256 = None
        self._turn = arrival.turn
        self._start = arrival.received
        self._file = arrival.path.open("ab", buffering=0)

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def write(self, chunk: bytes | memoryview) -> None:
        """Append. Raises UploadConflict if another writer has the turn, TooMuch past the limit, DiskFull."""
        with self._arrival.lock:
            self._write(self._arrival, chunk)

    def _write(self, arrival: Arrival, chunk: bytes | memoryview) -> None:
        if arrival.turn != self._turn:
            raise UploadConflict(f"{arrival.name!r} is being sent by a newer request: this one stops")
        if arrival.size is not None and arrival.received + len(chunk) > arrival.size:
            self._undo()
            raise StaleOffset(
                f"{arrival.name!r} was announced with {arrival.size} bytes, but more were sent: none of them is kept",
                arrival.received,
            )
        if arrival.received + len(chunk) > self._max_bytes:
            self._undo()
            raise TooMuch(
                f"{arrival.name!r} has more than the {self._max_bytes} bytes allowed: cut the stack into parts"
            )
        with disk_full_named(arrival.path):
            _write_all(self._file.fileno(), chunk)
        arrival.received += len(chunk)
        if arrival.digest is not None:
            arrival.digest.update(chunk)

    def _undo(self) -> None:
        self._file.truncate(self._start)
        if self._arrival.received != self._start:
            self._arrival.received, self._arrival.digest = self._start, None


class Upload:
    """The files of one job that is uploading. has_journal: the upload survives a restart of the gateway."""

    def __init__(self, path: Path, header: UploadHeader, has_journal: bool = True) -> None:
        self.path, self.header = path, header
        self.arrivals: dict[str, Arrival] = {}
        self.is_closed = (path / "input").exists()
        self.starting = threading.Lock()
        self._journal = path / "arrivals.jsonl" if has_journal else None
        self._names: dict[str, str] = {}
        self._lock = threading.Lock()
        (path / "incoming").mkdir(parents=True, exist_ok=True)
        self._recall()

    def announce(self, files: Iterable[tuple[str, int | None]], max_files: int) -> None:
        """Register files. Raises UploadRefused for a bad or repeated name, TooMuch for too many."""
        if self.header.input is not None:
            raise UploadRefused("the job works on a path of the server and accepts no files: make another job for them")
        with self._lock:
            fresh = [self._named(name, size, max_files) for name, size in files]
            self._note([{"name": a.name, "file": a.path.name, "size": a.size} for a in fresh])

    def arrival(self, name: str) -> Arrival:
        """Return a file. Raises JobNotFound if none of this name has come."""
        if name not in self.arrivals:
            raise JobNotFound(f"the job has no file {name[:80]!r}: GET the job for a list")
        return self.arrivals[name]

    def begin(self, name: str, offset: int, length: int | None, limits: UploadLimits) -> Writer:
        """Return a writer that appends at `offset`. length: bytes to come, if known.

        Raises StaleOffset, NotReady once the job is started, and what `announce` and `Writer.write` raise.
        """
        if name not in self.arrivals:
            if offset:
                raise StaleOffset(f"nothing of {name[:80]!r} has arrived: begin at offset 0", 0)
            self.announce([(name, None)], limits.files)
        arrival = self.arrivals[name]
        most = limits.file_bytes
        if length is not None and offset + length > most:
            raise TooMuch(f"{name!r} would have {offset + length} bytes, at most {most} are allowed: cut it into parts")
        with arrival.lock, self._lock:
            self._check_offset(arrival, offset)
            return Writer(arrival, most)

    def finish(self, arrival: Arrival) -> None:
        """Mark a file complete if the announced bytes have arrived; hashes it from disk if bytes were not seen."""
        if arrival.size is not None and arrival.received < arrival.size:
            return
        turn = arrival.turn
        digest = arrival.digest or hash_file(arrival.path)
        with self._lock:
            if turn != arrival.turn:
                return
            arrival.digest, arrival.sha256 = digest, digest.hexdigest()
            self._note([{"file": arrival.path.name, "received": arrival.received, "sha256": arrival.sha256}])

    def close(self) -> list[Arrival]:
        """Accept no more bytes; return the files. Raises NotReady for an incomplete one, UploadRefused for none."""
        with self._lock:
            missing = [a for a in self.arrivals.values() if a.sha256 is None]
            if missing:
                raise NotReady(
                    f"{len(missing)} of {len(self.arrivals)} files have not arrived, such as {missing[0].name!r} "
                    f"({missing[0].received} of {missing[0].size or 'unknown'} bytes): send the rest, then start"
                )
            if not self.arrivals:
                raise UploadRefused("the job has no files: PUT at least one, then start")
            self.is_closed = True
            return list(self.arrivals.values())

    def reopen(self) -> None:
        """Accept bytes again, after a start that was refused."""
        self.is_closed = (self.path / "input").exists()

    def moved(self, path: Path) -> None:
        """Note that the folder was renamed."""
        self.path = path

    def _check_offset(self, arrival: Arrival, offset: int) -> None:
        if self.is_closed:
            raise NotReady("the job is started and accepts no more files: make a new job")
        if offset != arrival.received:
            raise StaleOffset(
                f"{arrival.received} bytes of {arrival.name!r} have arrived, not {offset}: "
                f"go on at offset {arrival.received}",
                arrival.received,
            )

    def _named(self, name: str, size: int | None, max_files: int) -> Arrival:
        check_name(name)
        known = self._names.setdefault(folded(name), name)
        if known != name or name in self.arrivals:
            raise UploadRefused(f"two files are called {known!r} and {name!r}, equal but for case: rename one")
        if len(self.arrivals) >= max_files:
            del self._names[folded(name)]
            raise TooMuch(f"the upload has more than {max_files} files, the limit: join sections into stacks")
        path = self.path / "incoming" / f"{len(self.arrivals):05d}{suffix_of(name)}"
        self.arrivals[name] = Arrival(name, path, size)
        return self.arrivals[name]

    def _note(self, lines: list[dict[str, object]]) -> None:
        if self._journal is None or not lines:
            return
        with disk_full_named(self._journal), self._journal.open("a") as file:
            file.write("".join(json.dumps(line) + "\n" for line in lines))

    def _recall(self) -> None:
        """Read the journal: a line cut off by a kill is left out."""
        if self._journal is None or not self._journal.exists():
            return
        by_file: dict[str, Arrival] = {}
        for text in self._journal.read_text().splitlines():
            try:
                line = json.loads(text)
            except ValueError:
                continue
            if "name" in line:
                arrival = Arrival(line["name"], self.path / "incoming" / line["file"], line["size"])
                arrival.received = arrival.path.stat().st_size if arrival.path.exists() else 0
                arrival.digest = None if arrival.received else hashlib.sha256()
                by_file[line["file"]] = self.arrivals[arrival.name] = arrival
                self._names[folded(arrival.name)] = arrival.name
            elif self.is_closed or by_file[line["file"]].received == line["received"]:
                arrival = by_file[line["file"]]
                arrival.sha256, arrival.received = line["sha256"], line["received"]


class Uploads:
    """The uploads that this gateway has open, by job."""

    def __init__(self, store: JobStore) -> None:
        self._store = store
        self._open: dict[str, Upload] = {}
        self._lock = threading.Lock()
        self.received_bytes = 0
        """Bytes of all uploads since the gateway started."""

    def make(self, header: UploadHeader) -> Upload:
        """Make an upload's folder."""
        path = self._store.folder(header.id).path
        self._store.write_header(path, header)
        self._open[header.id] = Upload(path, header)
        return self._open[header.id]

    def get(self, folder: JobFolder) -> Upload:
        """Return the upload of a job. Raises NotReady if it is started."""
        with self._lock:
            if folder.record_path.exists():
                raise NotReady("the job is started and accepts no more files: make a new job")
            job = folder.path.name
            if job not in self._open:
                header = self._store.header(folder)
                if header is None:
                    raise JobNotFound(f"there is no job {job!r} any more")
                self._open[job] = Upload(folder.path, header)
            return self._open[job]

    def drop(self, job: str) -> None:
        """Forget an upload that is over."""
        self._open.pop(job, None)


def hash_file(path: Path) -> hashlib._Hash:
    """Return the SHA-256 of a file, read in blocks."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(READ_BYTES):
            digest.update(block)
    return digest


def _write_all(descriptor: int, chunk: bytes | memoryview) -> None:
    view = memoryview(chunk)
    while view:
        view = view[os.write(descriptor, view) :]
