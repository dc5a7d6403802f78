"""The service from Python: submit stacks, wait, fetch masks.

    with Client() as client:
        [job] = client.submit("sections/", {"quality": "fast"})
        client.wait(job.id)
        client.fetch(job.id, "out/")

Requests that fail on the way are repeated for `patience_s` seconds, files go on where they were. Refusals of the
service become the errors of `emstream.errors`, with its sentence.
"""

from __future__ import annotations

import hashlib
import json
import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import TracebackType

import httpx

from emstream.api.results import ExportState
from emstream.client.address import find_service
from emstream.client.http import Connection, retry_after_s
from emstream.client.replies import Job, Jobs
from emstream.client.samples import Sample, plan_samples
from emstream.client.transfer import OnBytes, download, upload
from emstream.errors import EmstreamError, InputUnreadable, JobNotFound, ServiceUnavailable, UploadConflict, UsageError
from emstream.jobs.mask_files import FORMATS

FIRST_POLL_S = 0.2
MAX_POLL_S = 2.0

OnSent = Callable[[int, int], None]
"""Called with the bytes that have arrived and the bytes in all."""
OnJob = Callable[[Job], None]

REPORT, LABELS = "report.json", "labels.h5"


class Client:
    """One service. A context manager; threads may share it."""

    def __init__(
        self,
        url: str | None = None,
        key: str | None = None,
        *,
        patience_s: float = 60.0,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """url, key: default EMSTREAM_URL and EMSTREAM_KEY, then the `emstream serve` that runs on this machine.

        Raises ServiceUnavailable if no service is known.
        """
        self._connection = Connection(find_service(url, key), patience_s, transport)

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    @property
    def url(self) -> str:
        """The service's address."""
        return self._connection.address.url

    def submit(
        self,
        paths: str | Path | Iterable[str | Path],
        settings: Mapping[str, object] | None = None,
        on_progress: OnSent = lambda done, total: None,
        name: str | None = None,
        on_created: OnJob = lambda job: None,
        once: bool = False,
    ) -> list[Job]:
        """Send stacks and start their jobs; see `samples.plan_samples` for the rule of what makes one job.

        settings: as in POST /v1/jobs, such as {"objects": ["mitochondria"], "voxel_size_nm": [50, 5.5, 5.5]}.
        name: of the job, if it is one. on_created: called before a job's files are sent. A job whose upload is refused
        is deleted; the earlier ones stay. once: True = an order that was sent before, with the same settings, name, and
        files of the same name, size and time, makes no second job: its upload goes on, or the job is returned. Raises
        the error of a refusal, InputUnreadable, ServiceUnavailable.
        """
        given = [paths] if isinstance(paths, str | Path) else list(paths)
        samples = plan_samples(Path(path) for path in given)
        if name is not None and len(samples) > 1:
            raise UsageError(f"a name is for one job, but the input makes {len(samples)}: leave the name out")
        sent = _Sent(on_progress, sum(sample.size for sample in samples))
        jobs = []
        for sample in samples:
            job = self.create(sample, settings, name, once)
            on_created(job)
            jobs.append(self._fill(job, sample, sent) if job.state == "uploading" else job)
        return jobs

    def create(
        self, sample: Sample, settings: Mapping[str, object] | None = None, name: str | None = None, once: bool = False
    ) -> Job:
        """Make a job that waits for the files of a sample, or with `once` return the one that this made before."""
        body = {
            "name": sample.name if name is None else name,
            "settings": dict(settings or {}),
            "files": [{"name": file.name, "size": file.size} for file in sample.files],
        }
        key = _key_of(body, sample) if once else uuid.uuid4().hex  # so that a repeated request makes no second job
        return self._only(self._connection.ask("POST", "/v1/jobs", json=body, headers={"Idempotency-Key": key}))

    def resume(self, job_id: str, path: str | Path, on_progress: OnSent = lambda done, total: None) -> Job:
        """Send the rest of an interrupted upload, and start its job."""
        samples = plan_samples([Path(path)])
        job = self.job(job_id)
        if len(samples) != 1 or {f.name for f in samples[0].files} != {f.name for f in job.files}:
            raise InputUnreadable(
                f"{path} has not the files that job {job_id} waits for: give the folder it began with"
            )
        return self._send(job, samples[0], _Sent(on_progress, samples[0].size))

    def job(self, job_id: str) -> Job:
        """Return a job as it stands. Raises JobNotFound."""
        return self._job(self._connection.ask("GET", _path(job_id)))

    def jobs(self, limit: int | None = None, after: str | None = None) -> list[Job]:
        """Return the jobs, newest first; after: the last id of the list before."""
        params: dict[str, str | int] = {}
        if limit is not None:
            params["limit"] = limit
        if after is not None:
            params["after"] = after
        found = Jobs.model_validate(self._connection.ask("GET", "/v1/jobs", params=params).json())
        return [self._with_picture(job) for job in found.jobs]

    def wait(self, job_id: str, on_progress: OnJob = lambda job: None, timeout_s: float | None = None) -> Job:
        """Return the job once it is over, however it ended. Raises ServiceUnavailable after `timeout_s`."""
        began, pause_s = time.monotonic(), FIRST_POLL_S
        while True:
            answer = self._connection.ask("GET", _path(job_id))
            job = self._job(answer)
            on_progress(job)
            if job.is_over:
                return job
            if timeout_s is not None and time.monotonic() - began > timeout_s:
                raise ServiceUnavailable(
                    f"job {job_id} is still {job.state} after {timeout_s:g} s: it goes on; ask later"
                )
            time.sleep(min(pause_s, retry_after_s(answer) or MAX_POLL_S))
            pause_s = min(2 * pause_s, MAX_POLL_S)

    def fetch(
        self,
        job_id: str,
        folder: str | Path,
        formats: Sequence[str] = ("h5",),
        on_progress: OnBytes = lambda done, total: None,
        overwrite: bool = False,
    ) -> list[Path]:
        """Write a job's files into a folder and return their paths.

        h5: mask.h5, and labels.h5 where the job has numbered objects, which the service makes now; tiff: <object>.tif;
        png: <object>_png.zip; always report.json, overlay.png, and the tables of measurements,
        measurements/<object>.csv and .parquet, where the job has them. Waits for files that are still being made.
        Raises UsageError for an unknown format, or for files that are there unless `overwrite`; UploadConflict if the
        job is not done; ServiceUnavailable if a structure has a name that is no file name.
        """
        unknown = [name for name in formats if name not in FORMATS]
        if unknown:
            raise UsageError(f"the format must be one of {', '.join(FORMATS)}, got {', '.join(unknown)}")
        folder, job = Path(folder), self.job(job_id)
        if not job.has_result:
            raise UploadConflict(f"job {job_id} is {job.state} and has no masks to fetch: wait until it is completed")
        check_file_names(job.objects)
        files = [("mask", *file) for file in _files(formats, job.objects)]
        if "measurements" in job.links:
            files += [("measurements", *file) for file in _tables(job.objects)]
        has_labels = "measurements" in job.links and "h5" in formats
        labels = [folder / LABELS] if has_labels else []
        if not overwrite:
            check_free([folder / REPORT, *labels, *(folder / file_name for _, _, _, file_name in files)])
        for part, format_name, name, file_name in files:
            params: dict[str, str | int] = {"format": format_name, **({"object": name} if name else {})}
            download(self._connection, f"{_path(job_id)}/{part}", params, folder / file_name, on_progress)
        paths = [folder / file_name for _, _, _, file_name in files]
        for path in labels:
            self.export(job_id, path, content="labels", on_progress=on_progress, overwrite=True)
        paths += labels
        for part, file_name in (("report", REPORT), ("overlay", "overlay.png")):
            with suppress(JobNotFound):  # a job without an overlay
                download(self._connection, f"{_path(job_id)}/{part}", {}, folder / file_name, on_progress)
                paths.append(folder / file_name)
        return paths

    def export(
        self,
        job_id: str,
        path: str | Path = ".",
        *,
        content: str = "mask",
        form: str = "h5",
        objects: Sequence[str] | None = None,
        combined: bool = False,
        z: tuple[int, int] | None = None,
        on_progress: OnBytes = lambda done, total: None,
        overwrite: bool = False,
    ) -> Path:
        """Have a file made of a completed job, and write it to `path`, or into it if it is a folder.

        content: mask, labels, probability, overlay or original. form: h5, tiff, png, jpeg, raw, pdf or zarr. z: first
        section, and the one past the last. Raises what a refusal means, UploadConflict if the file cannot be made,
        UsageError for a file that is there unless `overwrite`.
        """
        if not overwrite and not Path(path).is_dir():
            check_free([Path(path)])
        wish = {"content": content, "format": form, "objects": objects, "combined": combined, "z": z}
        made = ExportState.model_validate(self._connection.ask("POST", f"{_path(job_id)}/exports", json=wish).json())
        final = Path(path) / Path(made.name).name if Path(path).is_dir() else Path(path)
        if not overwrite:
            check_free([final])
        download(self._connection, f"{_path(job_id)}/exports/{made.id}", {}, final, on_progress)
        return final

    def picture(self, job_id: str) -> bytes | None:
        """Return a PNG of a section with its masks, or None if the job has none."""
        try:
            return self._connection.ask("GET", f"{_path(job_id)}/overlay").content
        except (JobNotFound, UploadConflict):
            return None

    def cancel(self, job_id: str) -> Job:
        """Stop a job; its finished units stay."""
        return self._job(self._connection.ask("POST", f"{_path(job_id)}/cancel"))

    def retry(self, job_id: str) -> Job:
        """Run the failed units of a job again."""
        return self._job(self._connection.ask("POST", f"{_path(job_id)}/retry", is_repeatable=False))

    def delete(self, job_id: str) -> None:
        """Delete a job with its files."""
        self._connection.ask("DELETE", _path(job_id), is_repeatable=False)

    def timeline(self, job_ids: Iterable[str] | None = None, since: float | None = None) -> dict[str, object]:
        """Return the units of each kind of worker with their times: {"lanes": {kind: [...]}}."""
        params: dict[str, str | int] = {}
        if job_ids is not None:
            params["jobs"] = ",".join(job_ids)
        if since is not None:
            params["since"] = repr(since)
        answer: dict[str, object] = self._connection.ask("GET", "/v1/timeline", params=params).json()
        return answer

    def _fill(self, job: Job, sample: Sample, sent: _Sent) -> Job:
        """Send and start a new job, or delete it if it is refused. Kept if the service went away."""
        try:
            return self._send(job, sample, sent)
        except ServiceUnavailable as error:
            raise ServiceUnavailable(
                f"{error}. Job {job.id} waits for the rest of its files (emstream submit ... --resume {job.id})"
            ) from error
        except EmstreamError:
            with suppress(EmstreamError):
                self.delete(job.id)
            raise

    def _send(self, job: Job, sample: Sample, sent: _Sent) -> Job:
        known = {file.name: file for file in job.files}
        for file in sample.files:
            state = known.get(file.name)
            if state is None or state.sha256 is None:
                upload(self._connection, job.id, file, 0 if state is None else state.received, sent)
            sent.finish(file.size)
        return self._start(job.id)

    def _start(self, job_id: str) -> Job:
        """Start a job; if an answer was lost on the way, it may be started already."""
        try:
            return self._job(self._connection.ask("POST", f"{_path(job_id)}/start"))
        except UploadConflict:
            job = self.job(job_id)
            if job.state == "uploading":
                raise
            return job

    def _only(self, answer: httpx.Response) -> Job:
        [job] = Jobs.model_validate(answer.json()).jobs
        return self._with_picture(job)

    def _job(self, answer: httpx.Response) -> Job:
        return self._with_picture(Job.model_validate(answer.json()))

    def _with_picture(self, job: Job) -> Job:
        return job.with_picture(partial(self.picture, job.id))


class _Sent:
    """Counts the bytes of several files for one progress."""

    def __init__(self, on_progress: OnSent, total: int) -> None:
        self._on_progress, self._total, self._before = on_progress, total, 0

    def __call__(self, received: int) -> None:
        """Report the bytes of the present file that the service has."""
        self._on_progress(self._before + received, self._total)

    def finish(self, size: int) -> None:
        """Report that the present file has arrived."""
        self._before += size
        self(0)


def _key_of(body: Mapping[str, object], sample: Sample) -> str:
    """Return a hash of an order and of its files' names, sizes and times: the same order gives the same."""
    changed = [file.path.stat().st_mtime_ns for file in sample.files]
    return hashlib.sha256(json.dumps([body, changed], sort_keys=True).encode()).hexdigest()


def check_free(paths: Iterable[Path]) -> None:
    """Raise UsageError naming the way out if one of the files exists: a result is not replaced without a question."""
    for path in paths:
        if path.exists():
            raise UsageError(f"{path} exists already: give another --output, or --overwrite to replace it")


def _path(job_id: str) -> str:
    if not job_id.isalnum():
        raise JobNotFound(f"a job's id has letters and digits only, got {job_id!r}: see `emstream status`")
    return f"/v1/jobs/{job_id}"


def check_file_names(names: Sequence[str]) -> None:
    """Raise ServiceUnavailable for a structure's name that would lead out of the folder that its files go to.

    >>> check_file_names(["cell membranes", "mitochondria"])
    """
    for name in names:
        if not name.isprintable() or name in ("", ".", "..") or set(name) & set("/\\:"):
            raise ServiceUnavailable(
                f"the service names a structure {name!r}, which is no file name: nothing was written. "
                "Is this address that of an emstream service?"
            )


def _files(formats: Sequence[str], objects: Sequence[str]) -> list[tuple[str, str, str]]:
    """Return (format, object, file name) for each file to fetch."""
    files = [("h5", "", "mask.h5")] if "h5" in formats else []
    for name in objects:
        if "tiff" in formats:
            files.append(("tiff", name, f"{name}.tif"))
        if "png" in formats:
            files.append(("png", name, f"{name}_png.zip"))
    return files


def _tables(objects: Sequence[str]) -> list[tuple[str, str, str]]:
    """Return (format, object, file name) for each table of measurements."""
    return [(form, name, f"measurements/{name}.{form}") for name in objects for form in ("csv", "parquet")]
