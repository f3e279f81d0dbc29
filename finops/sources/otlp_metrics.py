"""OTLP metrics of token usage as usage events, for services that send no spans of their requests.

A point tells sums of many requests. It becomes as many events as it recorded requests, each with an equal part of the tokens,
so that counts of requests are right and no sum is mistaken for one very long prompt.
"""

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from finops.errors import UserError
from finops.sources import otlp_wire
from finops.sources.otlp import Told, moment
from finops.sources.otlp_names import TOKEN_TYPE, Attributes, arranged, dimensions, service
from finops.sources.otlp_wire import Form, Point, Scope
from finops.sources.usage_events import Event, tidy
from finops.sources.usage_fields import MOST_TOKENS

USAGE: Final = frozenset({"gen_ai.client.token.usage"})
INPUT, OUTPUT = "input", "output"
TYPES: Final = {"input": INPUT, "prompt": INPUT, "output": OUTPUT, "completion": OUTPUT}
MOST_EVENTS: Final = 10_000  # of one point; a service that made more requests than that between two exports sends spans
HOUR: Final = 3_600_000_000_000
MOST_SERIES: Final = 50_000


class Seen(msgspec.Struct):
    """How far a cumulative series was counted."""

    time: int
    count: int
    sum: float


@dataclass(frozen=True)
class Part:
    """Requests of one series that are new: the number before them, how many, their tokens, and what names them."""

    stream: str
    first: int
    count: int
    tokens: int
    point: Point


class SeriesMemory:
    """Remembers in a file how far cumulative series were counted; what an export adds holds only once it is kept.

    A series is known by its attributes and its start, so that replicas that look alike are told apart.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: dict[str, Seen] = _load(path)
        self._staged: dict[str, Seen] = {}

    def new(self, stream: str, kind: str, point: Point) -> Part | None:
        """Return what a point adds to those before it; None where nothing is new, or where nobody knows since when it counts."""
        if not point.cumulative:
            return _part(f"{stream}:{point.start}:{point.time}", 0, point.count, point.sum, point)
        stream, key = f"{stream}:{point.start}", f"{stream}:{point.start}:{kind}"
        before = self._staged.get(key) or self._seen.get(key)
        if before is not None and point.time <= before.time:
            return None  # sent again, or overtaken
        self._staged[key] = Seen(point.time, point.count, point.sum)
        if before is not None and point.count >= before.count:
            return _part(stream, before.count, point.count - before.count, point.sum - before.sum, point)
        if before is not None:  # it began anew without saying so
            return _part(f"{stream}:{point.time}", 0, point.count, point.sum, point)
        if not point.start or point.time - point.start > HOUR:
            return None  # it has counted for long before anybody listened
        return _part(stream, 0, point.count, point.sum, point)

    def keep(self) -> None:
        """Keep what was added, now that its events are safe; beyond a bound, the series heard of longest ago are dropped."""
        if not self._staged:
            return
        self._seen |= self._staged
        self._staged = {}
        if len(self._seen) > MOST_SERIES:
            self._seen = dict(sorted(self._seen.items(), key=lambda item: item[1].time)[-MOST_SERIES:])
        made = self._path.with_suffix(".new")
        made.write_bytes(msgspec.json.encode(self._seen))
        made.replace(self._path)

    def drop(self) -> None:
        """Forget what was added: its events were refused, and will be sent again."""
        self._staged = {}


def read_metrics(body: bytes, memory: SeriesMemory, sends_spans: Callable[[str], bool], form: Form = "protobuf") -> Told:
    """Return usage events of an ExportMetricsServiceRequest, without those of services whose spans are counted already."""
    scopes = otlp_wire.metrics(body, form, USAGE)
    counted = [scope for scope in scopes if not sends_spans(service(scope.resource))]
    skipped = sum(len(scope.points) for scope in scopes) - sum(len(scope.points) for scope in counted)
    events: list[Event] = []
    refused: list[str] = []
    for scope in counted:
        for parts in _requests(scope, memory, refused):
            try:
                events += _events(parts, scope.resource)
            except UserError as problem:
                refused.append(f"{parts[0].point.metric}: {problem}")
    return Told(events, refused, skipped, frozenset())


def _requests(scope: Scope, memory: SeriesMemory, refused: list[str]) -> Iterator[list[Part]]:
    """Pair input with output where both recorded the same requests; else each goes by itself, so that no token is lost."""
    pairs: dict[tuple[str, int], dict[str, Part]] = {}
    for point in scope.points:
        kind = TYPES.get(str(point.attributes.get(TOKEN_TYPE, "")).casefold())
        if kind is None:
            refused.append(f"{point.metric}: {TOKEN_TYPE} is neither input nor output")
            continue
        stream = hashlib.sha256(f"{scope.identity}\n{point.identity}".encode()).hexdigest()[:24]
        part = memory.new(stream, kind, point)
        if part is not None:
            pairs.setdefault((stream, point.time), {})[kind] = part
    for found in pairs.values():
        both = list(found.values())
        if len(both) == 2 and (both[0].first, both[0].count) == (both[1].first, both[1].count):
            yield [found[INPUT], found[OUTPUT]]
        else:
            yield from ([part] for part in both)


def _part(stream: str, before: int, count: int, tokens: float, point: Point) -> Part | None:
    if count <= 0 or not 0 <= tokens <= MOST_TOKENS:
        return None
    return Part(stream, before, count, round(tokens), point)


def _events(parts: list[Part], resource: Attributes) -> list[Event]:
    """Raises UserError where the point cannot be counted."""
    lead = parts[0]
    if lead.count > MOST_EVENTS:
        raise UserError(f"one point holds {lead.count} requests, more than {MOST_EVENTS}; send spans, or export more often")
    told = arranged(lead.point.attributes)
    model, provider = told.get("model"), told.get("provider")
    if model is None:
        raise UserError("it names no model; set gen_ai.request.model")
    name = lead.stream if len(parts) == 2 else f"{lead.stream}:{_kind(lead)}"
    shared = {**dimensions(arranged(resource)), **dimensions(told)}
    made = []
    for number in range(lead.count):
        tokens: Mapping[str, int] = {f"{_kind(part)}_tokens": _share(part.tokens, number, part.count) for part in parts}
        event = Event(
            time=moment(lead.point.time),
            request_id=f"{name}:{lead.first + number}",
            provider=None if provider is None else str(provider),
            model=str(model),
            input_tokens=tokens.get("input_tokens", 0),
            output_tokens=tokens.get("output_tokens", 0),
            estimated=True,  # the sum was reported, a request's part of it was not
            **shared,
        )
        if (wrong := tidy(event)) is not None:
            raise UserError(wrong)
        made.append(event)
    return made


def _kind(part: Part) -> str:
    return TYPES[str(part.point.attributes[TOKEN_TYPE]).casefold()]


def _share(total: int, number: int, count: int) -> int:
    """Return one of `count` whole parts that add up to `total` and differ by one at most."""
    return total * (number + 1) // count - total * number // count


def _load(path: Path) -> dict[str, Seen]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Seen])
    except (FileNotFoundError, msgspec.DecodeError):
        return {}


class SpanServices:
    """Services whose spans are counted, as marker files that several processes share; heard of a week ago, one is forgotten."""

    FORGOTTEN_AFTER: Final = 7 * 86_400.0
    TOLD_AGAIN_AFTER: Final = 3_600.0

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._told: dict[str, float] = {}

    def heard(self, services: Iterable[str], now: float) -> None:
        """Remember services that just sent spans; `now` is Unix time."""
        for name in services:
            if now - self._told.get(name, 0.0) >= self.TOLD_AGAIN_AFTER:
                self._folder.mkdir(parents=True, exist_ok=True)
                self._marker(name).write_text(name, encoding="utf-8")
                os.utime(self._marker(name), (now, now))
                self._told[name] = now

    def knows(self, name: str, now: float) -> bool:
        """Tell whether a service has sent spans lately."""
        try:
            return now - self._marker(name).stat().st_mtime < self.FORGOTTEN_AFTER
        except FileNotFoundError:
            return False

    def _marker(self, name: str) -> Path:
        return self._folder / hashlib.sha256(name.encode()).hexdigest()[:32]
