"""Bytes that are too many for memory and need not outlive the process."""

from __future__ import annotations

import os
import tempfile
import weakref
from dataclasses import dataclass
from typing import IO


class SpillFile:
    """A file without a name. It goes when nobody can read from it any more."""

    def __init__(self) -> None:
        self._file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 (closed with its owner)
        weakref.finalize(self, self._file.close)
        self.size_bytes = 0

    def write(self, data: bytes) -> Stored:
        """Append. OSError when the disk is full."""
        self._file.seek(0, os.SEEK_END)
        self._file.write(data)
        offset = self.size_bytes
        self.size_bytes += len(data)
        return Stored(self, offset, len(data))

    def read(self, offset: int, length_bytes: int) -> bytes:
        self._file.seek(offset)
        return self._file.read(length_bytes)


@dataclass(frozen=True, slots=True)
class Stored:
    """Where bytes are in a file."""

    _file: SpillFile
    _offset: int
    _length_bytes: int

    def read(self) -> bytes:
        return self._file.read(self._offset, self._length_bytes)
