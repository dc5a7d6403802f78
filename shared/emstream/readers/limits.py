"""Guards around format libraries: limits on what a header may claim, and sentences for a decoder's failure.

A header cannot be trusted: 30 bytes can claim 10^6 x 10^6 pixels. Sizes are therefore compared with fixed limits and
with the bytes that the file really has, before any array is made.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from emstream.errors import DamagedFile, EmstreamError, TooLarge

SECTION_PIXELS = 2**32
"""Maximum number of pixels of a section: 65536 x 65536; the largest real ones are near 10^9."""
SECTIONS = 1_000_000
"""Maximum number of sections of a stack."""
DEFLATE_RATIO = 1100
"""Maximum compression by deflate, and by JPEG of one colour: they cannot shrink further than about 1030 to 1."""
PER_BYTE = 64
"""Bytes of memory that decoding may take for each byte of a file, where that is more than the allowance."""
_allowance = 7 * 2**30 // 10
ANY_RATIO = 100_000
"""Maximum compression by other codecs, for which no ratio is known (zstd reaches about 20 000 on a constant stack)."""


def check_claim(name: str, width: int, height: int, claimed_bytes: int, stored_bytes: int, ratio: int) -> None:
    """Raise TooLarge if a section is beyond the limit, or has more bytes than its codec can make of the stored ones.

    Raises DamagedFile for a section without pixels.
    """
    if width < 1 or height < 1:
        raise DamagedFile(f"{name} claims sections of {width} x {height} pixels. Export it again.")
    if width * height > SECTION_PIXELS:
        raise TooLarge(
            f"{name} claims sections of {width} x {height} pixels; at most {SECTION_PIXELS} pixels are read. "
            "Cut the sections into parts."
        )
    if claimed_bytes > ratio * max(stored_bytes, 1):
        raise TooLarge(
            f"{name} claims {width} x {height} pixels but holds only {stored_bytes} bytes for them: "
            "no codec shrinks this far. The file is damaged or made to exhaust memory; export it again."
        )


def allow_decoding(gigabytes: float) -> None:
    """Let this process decode what takes so much memory, whatever the size of its file."""
    global _allowance
    _allowance = int(gigabytes * 2**30)


def check_memory(name: str, needed_bytes: int, file_bytes: int) -> None:
    """Raise TooLarge if decoding takes more memory than the allowance, and than 64 times the file's size."""
    if needed_bytes > max(_allowance, PER_BYTE * file_bytes):
        raise TooLarge(
            f"{name} has {file_bytes / 2**20:.1f} MiB and takes {needed_bytes / 2**30:.1f} GiB to decode; at most "
            f"{_allowance / 2**30:.1f} GiB are allowed for a file of this size. Save it in smaller sections or chunks, "
            "or set EMSTREAM_DECODE_GB higher."
        )


@contextmanager
def decoding(what: str) -> Iterator[None]:
    """Turn every exception of a decoder inside the block into DamagedFile naming `what`; emstream's own errors pass.

    Every exception is caught, because on damaged bytes the format libraries raise SyntaxError, struct.error,
    IndexError, RuntimeError and more, and document none of it. Lack of memory is not damage and passes.
    """
    try:
        yield
    except (EmstreamError, MemoryError):
        raise
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DamagedFile(
            f"{what} cannot be decoded ({reason[:200]}). The file is truncated or damaged: copy or export it again."
        ) from error


def check_depth(name: str, sections: int) -> None:
    """Raise TooLarge if a stack claims more than SECTIONS sections."""
    if sections > SECTIONS:
        raise TooLarge(f"{name} claims {sections} sections; at most {SECTIONS} are read. Cut the stack into parts.")
