"""A delivered file as a stream of decompressed bytes that stops at the caps: nothing here ever holds more than a chunk."""

import hashlib
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from finops.errors import BillError
from finops.sources.bills import MIB, BillFile, Caps
from finops.sources.deadline import Deadline

GZIP: Final = b"\x1f\x8b"
_CHUNK: Final = MIB


@dataclass
class Stream:
    """Reads one file: its bytes hashed as delivered, unpacked when they are gzip, counted against the caps."""

    file: BillFile
    caps: Caps
    deadline: Deadline
    taken: Callable[[int], None] = lambda _: None  # told how many delivered bytes were read
    sha256: str = ""
    size: int = 0
    unpacked: int = 0
    gzip: bool = False
    _hash: "hashlib._Hash" = field(default_factory=hashlib.sha256)

    def chunks(self) -> Iterator[bytes]:
        """Yield the decompressed bytes; afterwards `sha256`, `size` and `unpacked` are known."""
        raw = self._raw()
        first = next(raw, b"")
        self.gzip = first.startswith(GZIP)
        plain = self._inflated(first, raw) if self.gzip else _again(first, raw)
        for chunk in plain:
            self.unpacked += len(chunk)
            self._within_caps()
            yield chunk
        self.sha256 = self._hash.hexdigest()

    def _raw(self) -> Iterator[bytes]:
        try:
            with self.file.path.open("rb") as lines:
                while chunk := lines.read(_CHUNK):
                    self._hash.update(chunk)
                    self.size += len(chunk)
                    self.taken(len(chunk))
                    yield chunk
        except OSError as error:
            raise BillError(f"{self.file.name} cannot be read: {error.strerror or 'input/output error'}.") from None

    def _inflated(self, first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
        """Gzip may hold several members one after the other; each ends with its own checksum."""
        member, data = zlib.decompressobj(wbits=31), first
        try:
            while data:
                yield member.decompress(data, _CHUNK)
                if member.eof:
                    data = member.unused_data or next(rest, b"")
                    member = zlib.decompressobj(wbits=31) if data else member
                else:
                    data = member.unconsumed_tail or next(rest, b"")
            while not member.eof and (last := member.decompress(b"", _CHUNK)):
                yield last
        except zlib.error:
            raise BillError(f"{self.file.name} is damaged: its gzip checksum or structure is wrong; fetch it again.") from None
        if not member.eof:
            raise BillError(f"{self.file.name} ends in the middle of its gzip data; fetch it again.")

    def _within_caps(self) -> None:
        self.deadline.check(self.file.name)
        if self.unpacked > self.caps.bytes:
            raise BillError(f"{self.file.name} holds more than {self.caps.bytes // MIB:,} MiB; deliver it in several files.")
        if self.unpacked > max(self.caps.ratio_from, self.caps.ratio * self.size):
            raise BillError(
                f"{self.file.name} unpacks to more than {self.caps.ratio} times its size, which no bill does; check where it comes from."
            )


def _again(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    if first:
        yield first
    yield from rest
