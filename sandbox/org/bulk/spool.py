"""Results that are kept until their job is forgotten: small ones in memory, large ones on the disk."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from functools import partial
from tempfile import SpooledTemporaryFile

# There may be thousands of jobs, and an open file for each is too many.
_BYTES_IN_MEMORY = 2**20
_BYTES_PER_READ = 256 * 2**10


@dataclass(slots=True)
class Spool:
    """Bytes that are written once and read often, by several readers at a time.

    To be closed; but nothing is left on the disk even if nobody does.
    """

    size: int = 0
    _file: SpooledTemporaryFile[bytes] = field(default_factory=partial(SpooledTemporaryFile, _BYTES_IN_MEMORY))

    def append(self, data: bytes) -> None:
        self._file.seek(self.size)
        self._file.write(data)
        self.size += len(data)

    async def pieces(self, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """The bytes from `start` on, up to `end`."""
        end = self.size if end is None else end
        while start < end:
            self._file.seek(start)
            piece = self._file.read(min(_BYTES_PER_READ, end - start))
            start += len(piece)
            yield piece

    def close(self) -> None:
        self._file.close()
