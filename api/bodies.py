"""Reading request bodies within bounds: bytes on the wire, bytes unpacked, bytes held for all requests together."""

import asyncio
import zlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from starlette.requests import ClientDisconnect, Request

from api.refusals import RefusalError

MIB: Final = 1024 * 1024
ENCODINGS: Final = {"gzip": 31, "x-gzip": 31, "deflate": 47, "identity": 0, "": 0}  # wbits of zlib; 0 means as it is
MOST_RATIO: Final = 200  # what is real packs far less; zeros pack a thousand to one
RATIO_FROM: Final = MIB
STEP: Final = 256 * 1024


@dataclass(frozen=True)
class Bounds:
    """How large one body may be, packed and unpacked; how much all requests may hold at once; how long sending may take."""

    packed: int = 8 * MIB
    unpacked: int = 64 * MIB
    held: int = 64 * MIB
    seconds: float = 60.0


class Bodies:
    """Reads bodies of requests, as many bytes at a time as the bounds allow."""

    def __init__(self, bounds: Bounds | None = None) -> None:
        self.bounds = bounds or Bounds()
        self._held = 0

    @asynccontextmanager
    async def read(self, request: Request) -> AsyncIterator[bytes]:
        """Yield the body as sent; its bytes count as held until the block ends. Raises RefusalError."""
        announced = request.headers.get("content-length", "")
        if announced.isdecimal() and int(announced) > self.bounds.packed:
            raise self._too_large()
        parts: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(self.bounds.seconds):
                async for part in request.stream():
                    if size + len(part) > self.bounds.packed:
                        raise self._too_large()
                    if self._held + len(part) > self.bounds.held:
                        raise RefusalError(429, "too many requests are being read at once; send this one again", retry_after=1)
                    size += len(part)
                    self._held += len(part)
                    parts.append(part)
            yield b"".join(parts)
        except TimeoutError:
            raise RefusalError(408, f"the body took longer than {self.bounds.seconds:g} s to arrive; send smaller ones") from None
        except ClientDisconnect:
            raise RefusalError(400, "the body ended before it was complete") from None
        finally:
            self._held -= size

    def _too_large(self) -> RefusalError:
        return RefusalError(413, f"the body is larger than {self.bounds.packed // MIB} MiB as sent; send it in parts")


def encoding_of(request: Request) -> str:
    """Return how a body is packed. Raises RefusalError for what nobody here unpacks."""
    encoding = request.headers.get("content-encoding", "").strip().casefold()
    if encoding not in ENCODINGS:
        raise RefusalError(415, f"'{encoding[:40]}' is not a content encoding known here; use gzip, deflate or none")
    return encoding


def unpack(body: bytes, encoding: str, most: int) -> bytes:
    """Return a body unpacked, at most `most` bytes of it. Raises RefusalError when it is larger, or torn, or swells like a bomb."""
    if not ENCODINGS[encoding]:
        if len(body) > most:
            raise _swollen(most)
        return body
    parts: list[bytes] = []
    size = 0
    for part in _unpacked(body, encoding):
        size += len(part)
        if size > most or (size > RATIO_FROM and size > MOST_RATIO * len(body)):
            raise _swollen(most)
        parts.append(part)
    return b"".join(parts)


def _unpacked(body: bytes, encoding: str) -> Iterator[bytes]:
    """Unpack step by step; members of gzip may follow each other, and deflate is met with and without its header."""
    bits = ENCODINGS[encoding]
    if encoding == "deflate" and not _has_header(body):
        bits = -15
    rest = body
    try:
        while rest:
            unpacker = zlib.decompressobj(bits)
            while not unpacker.eof:
                part = unpacker.decompress(rest, STEP)
                rest = unpacker.unconsumed_tail
                if not part and not rest and not unpacker.eof:
                    raise RefusalError(400, f"the {encoding} body ends in the middle; send it again")
                yield part
            rest = unpacker.unused_data
    except zlib.error:
        raise RefusalError(400, f"the body is not {encoding} as its content encoding says") from None


def _has_header(body: bytes) -> bool:
    return len(body) >= 2 and ((body[0] & 15 == 8 and (body[0] << 8 | body[1]) % 31 == 0) or body[:2] == b"\x1f\x8b")


def _swollen(most: int) -> RefusalError:
    return RefusalError(413, f"the body unpacks to more than {most // MIB} MiB, or {MOST_RATIO} times its size; send it in parts")
