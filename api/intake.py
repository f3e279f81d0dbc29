"""From a body to lines for the spool: what was usable, what was refused and why."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from api.bodies import MIB
from api.refusals import RefusalError
from finops.sources import otlp
from finops.sources.gateway_events import read_gateway
from finops.sources.otlp_metrics import SeriesMemory, read_metrics
from finops.sources.otlp_wire import Form
from finops.sources.usage_events import BadLine, Reading, read, write

PIECE: Final = 4 * MIB  # of JSON Lines decoded at a time, so that a large body is never held as objects all at once
LARGEST_ARRAY: Final = 16 * MIB
MOST_TOLD: Final = 20


@dataclass(frozen=True)
class Taken:
    """Lines to be kept, how many events they are, and what was not taken: the first few by line, all by count."""

    lines: bytes
    accepted: int
    rejected: tuple[tuple[int, str], ...]
    rejected_count: int
    left_out: int = 0
    services: frozenset[str] = frozenset()


def usage(body: bytes) -> Taken:
    """Take JSON Lines, an array or one object of usage events."""
    return _taken(body, read)


def gateway(body: bytes) -> Taken:
    """Take success events of a LiteLLM gateway."""
    return _taken(body, read_gateway)


def traces(body: bytes, form: Form) -> Taken:
    """Take spans. Raises UserError when the body is no OTLP."""
    return _told(otlp.read_traces(body, form))


def metrics(body: bytes, form: Form, memory: SeriesMemory, sends_spans: Callable[[str], bool]) -> Taken:
    """Take points of token usage. Raises UserError when the body is no OTLP."""
    return _told(read_metrics(body, memory, sends_spans, form))


def _told(told: otlp.Told) -> Taken:
    refused = tuple((0, reason) for reason in told.refused[:MOST_TOLD])
    return Taken(write(told.events), len(told.events), refused, len(told.refused), told.repeated, told.services)


def _taken(body: bytes, reader: Callable[[bytes], Reading]) -> Taken:
    if not body.strip():
        raise RefusalError(400, "the body is empty; send usage events as JSON Lines")
    lines: list[bytes] = []
    accepted = before = rejected_count = 0
    rejected: list[tuple[int, str]] = []
    for piece in pieces(body):
        reading = reader(piece)
        lines.append(write(reading.events))
        accepted += len(reading.events)
        rejected_count += len(reading.bad)
        rejected += [_placed(bad, before) for bad in reading.bad[: MOST_TOLD - len(rejected)]]
        before += piece.count(b"\n")
    return Taken(b"".join(lines), accepted, tuple(rejected), rejected_count)


def _placed(bad: BadLine, before: int) -> tuple[int, str]:
    return before + bad.line, bad.reason


def pieces(body: bytes) -> Iterator[bytes]:
    """Cut JSON Lines between lines; an array stays whole. Raises RefusalError for an array too large to be held."""
    if len(body) <= PIECE:
        yield body
        return
    if body.lstrip()[:1] == b"[":
        if len(body) > LARGEST_ARRAY:
            raise RefusalError(413, f"the array is larger than {LARGEST_ARRAY // MIB} MiB; send JSON Lines, one event a line")
        yield body
        return
    start = 0
    while start < len(body):
        end = body.find(b"\n", start + PIECE)
        end = len(body) if end < 0 else end + 1
        yield body[start:end]
        start = end
