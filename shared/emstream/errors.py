"""Every error that emstream raises on purpose.

    EmstreamError
    ├── UsageError                 the request itself is wrong (exit code 2)
    │   ├── UnknownObject
    │   ├── UnknownCheckpoint
    │   ├── SettingsError
    │   ├── OutputInUse
    │   ├── JobNotFound
    │   ├── WrongVoxelSize
    │   ├── UploadRefused
    │   │   ├── UploadConflict
    │   │   └── TooMuch            too many files, bytes, or jobs
    │   ├── AccessDenied
    │   └── TrainingDataUnusable
    ├── InputUnreadable            the input files cannot be used (exit code 3)
    │   ├── EmptyInput
    │   ├── UnsupportedFormat
    │   ├── DamagedFile
    │   ├── MixedSizes
    │   ├── ColourImage
    │   ├── BinaryInput
    │   ├── NotFinite
    │   ├── TooLarge
    │   └── DatasetNotFound
    └── JobFailed                  the work could not be done (exit code 4)
        ├── DiskFull
        ├── VolumeDamaged
        ├── CheckpointDamaged
        ├── EngineUnavailable
        ├── OutOfMemory
        ├── MessageUnreadable
        ├── BrokerUnavailable
        ├── ServiceUnavailable
        └── Interrupted            by the user (exit code 130)

Each message says what was given, what is allowed, and what to do. ShapeError is a ValueError for callers of the array
functions: it marks a mistake in calling code, never in a user's data.
"""

from __future__ import annotations


class EmstreamError(Exception):
    """Base of all errors with a sentence for the user."""

    exit_code = 4


class UsageError(EmstreamError):
    """The request is wrong: a name, a setting, an output place."""

    exit_code = 2


class UnknownObject(UsageError):
    """No checkpoint or recipe finds this object."""


class UnknownCheckpoint(UsageError):
    """No checkpoint of this name or path."""


class SettingsError(UsageError):
    """A setting has a value that is not allowed."""


class OutputInUse(UsageError):
    """The output folder holds another job."""


class JobNotFound(UsageError):
    """No such job, or it belongs to another key."""


class WrongVoxelSize(UsageError):
    """The voxel size cannot be right, or has to be confirmed."""


class UploadRefused(UsageError):
    """A name, a size or an order of an upload that is not allowed."""


class UploadConflict(UploadRefused):
    """The bytes do not continue what has arrived, or the job is past uploading."""


class TooMuch(UploadRefused):
    """More files, bytes or jobs than allowed."""


class AccessDenied(UsageError):
    """No key, a wrong key, or one without the right."""


class TrainingDataUnusable(UsageError):
    """Sections and labels for training or evaluation do not fit together."""


class InputUnreadable(EmstreamError):
    """The input cannot be used as a stack."""

    exit_code = 3


class EmptyInput(InputUnreadable):
    """There is no section in the input."""


class UnsupportedFormat(InputUnreadable):
    """emstream does not read files of this kind."""


class DamagedFile(InputUnreadable):
    """The file is truncated, or not what its name says."""


class MixedSizes(InputUnreadable):
    """The sections of a stack differ in size."""


class ColourImage(InputUnreadable):
    """The image is a colour picture, not a grey section."""


class BinaryInput(InputUnreadable):
    """The stack has two grey values: a mask, not raw data."""


class NotFinite(InputUnreadable):
    """The stack has NaN or infinite values."""


class TooLarge(InputUnreadable):
    """The file claims more pixels than allowed, or than it has bytes for."""


class DatasetNotFound(InputUnreadable):
    """The HDF5 file has no such dataset, or several that could be meant."""


class JobFailed(EmstreamError):
    """The work could not be done."""


class DiskFull(JobFailed):
    """No space is left for the job's files."""


class VolumeDamaged(JobFailed):
    """A file of the job is not what was published."""


class CheckpointDamaged(JobFailed):
    """A checkpoint file cannot be read."""


class EngineUnavailable(JobFailed):
    """The engine asked for is not installed, or has no device."""


class OutOfMemory(JobFailed):
    """A single window does not fit into the device's memory."""


class MessageUnreadable(JobFailed):
    """A message is not one of emstream's."""


class BrokerUnavailable(JobFailed):
    """The broker cannot be found, started or reached."""


class ServiceUnavailable(JobFailed):
    """The gateway cannot be reached, or answered with an error of its own."""


class Interrupted(JobFailed):
    """The user stopped the run; what is done is kept."""

    exit_code = 130


class ShapeError(ValueError):
    """An array does not have the shape that the function needs."""
