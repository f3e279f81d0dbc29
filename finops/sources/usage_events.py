"""Usage events from JSON and back: each line becomes an event in its canonical form, or is named with what is wrong with it."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from finops.providers import provider_name
from finops.sources import usage_fields
from finops.sources.usage_fields import MOST_HASH, MOST_HASHES, MOST_TOKENS, FieldError
from finops.usage import EVENT_FIELDS

Count = Annotated[int, Meta(ge=0, le=MOST_TOKENS)]
Hashes = Annotated[tuple[Annotated[str, Meta(max_length=MOST_HASH)], ...], Meta(max_length=MOST_HASHES)]


class Event(msgspec.Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True, gc=False):
    """One LLM request, field by field as in `finops.usage.EVENT_FIELDS`; pass one made elsewhere through `tidy`."""

    time: datetime
    request_id: str
    provider: str | None = None
    model: str
    input_tokens: Count = 0
    cache_read_tokens: Count = 0
    cache_write_5m_tokens: Count = 0
    cache_write_1h_tokens: Count = 0
    output_tokens: Count = 0
    reasoning_tokens: Count = 0
    team: str | None = None
    project: str | None = None
    env: str | None = None
    feature: str | None = None
    user: str | None = None
    tenant: str | None = None
    route: str | None = None
    session: str | None = None
    task: str | None = None
    status: str | None = None
    service_tier: str | None = None
    region: str | None = None
    latency_ms: Count | None = None
    prompt_hash: str | None = None
    prefix_hashes: Hashes = ()
    prefix_block_tokens: Count | None = None
    estimated: bool = False
    requests: Annotated[int, Meta(ge=1, le=MOST_TOKENS)] = 1


@dataclass(frozen=True)
class BadLine:
    """A line that is no event: where it stands, counted from 1 (in an array: which element), and why."""

    line: int
    reason: str
    excerpt: str


@dataclass
class Reading:
    """What a body held: its events, the lines that are none, and how often fields were ignored, by name."""

    events: list[Event] = field(default_factory=list)
    bad: list[BadLine] = field(default_factory=list)
    unknown: Counter[str] = field(default_factory=Counter)  # fields nobody knows
    unreadable: Counter[str] = field(default_factory=Counter)  # known ones, of no weight for the cost, with something else in them

    @property
    def notes(self) -> tuple[str, ...]:
        found = (("ignored fields that are not part of a usage event", self.unknown), ("left out unreadable values", self.unreadable))
        return tuple(f"{what}: {_listed(counts)}" for what, counts in found if counts)


MOST_NAMES: Final = 5
EXCERPT: Final = 200
MOST_TEXT: Final = 1_000
FIRST_YEAR, END_YEAR = 2000, 2100
TEXTS: Final = tuple(name for name, kind in EVENT_FIELDS.items() if kind == "text" and name != "request_id")
BOM: Final = b"\xef\xbb\xbf"
_CONTROLS: Final = dict.fromkeys((*range(32), *range(127, 160)))
_UNREADABLE: Final = (msgspec.MsgspecError, UnicodeError, RecursionError)
_DECODER: Final = msgspec.json.Decoder(Event)
_ENCODER: Final = msgspec.json.Encoder()


def read(body: bytes) -> Reading:
    """Return the events of JSON Lines, of a JSON array, or of one object; a line that is none never hides the others."""
    body = body.removeprefix(BOM)
    if body.lstrip()[:1] == b"[":
        return _array(body)
    return read_lines(body)


def read_lines(body: bytes) -> Reading:
    """Return the events of JSON Lines, whatever they begin with."""
    body = body.removeprefix(BOM)
    return _swift(body) or _line_by_line(body)


def write(events: Iterable[Event]) -> bytes:
    """Return events as JSON Lines, one line each; `read` gives the same events back."""
    return _ENCODER.encode_lines(events)


def tidy(event: Event) -> str | None:
    """Bring an event into its canonical form; return what is wrong with it where it cannot be counted.

    Texts lose control characters and surrounding space, times are UTC, providers are spelled our way, and tokens that were
    reported beside their sum are added to it.
    """
    if (wrong := _tidy_id(event) or _tidy_time(event)) is not None:
        return wrong
    for name in TEXTS:
        text = getattr(event, name)
        if text is not None and ((clean := cleaned(text)) is not text or not text):
            setattr(event, name, clean or None)
    if not event.model:
        return "model is empty"
    if event.provider is not None:
        event.provider = _spelled(event.provider)
    _add_up(event)
    return None


def cleaned(text: str) -> str:
    """Return a text without control characters and surrounding space, cut to a length nobody needs more of."""
    if not text.isprintable():
        text = text.translate(_CONTROLS)
    return text.strip()[:MOST_TEXT]


_spelled = lru_cache(maxsize=4096)(provider_name)


def _tidy_id(event: Event) -> str | None:
    if len(event.request_id) > MOST_TEXT:  # cut off, it could be taken for another
        return f"request_id is longer than {MOST_TEXT:,} characters"
    event.request_id = cleaned(event.request_id)
    return None if event.request_id else "request_id is empty"


def _tidy_time(event: Event) -> str | None:
    time = event.time
    if time.tzinfo is not UTC:
        try:
            event.time = time = time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
        except OverflowError:
            return f"time {time} lies outside the years {FIRST_YEAR} to {END_YEAR - 1}"
    if not FIRST_YEAR <= time.year < END_YEAR:
        return f"time {time:%Y-%m-%dT%H:%M:%SZ} lies outside the years {FIRST_YEAR} to {END_YEAR - 1}"
    return None


def _add_up(event: Event) -> None:
    """Cached tokens are a part of the input and reasoning is one of the output; whoever counts them apart has them added."""
    cached = event.cache_read_tokens + event.cache_write_5m_tokens + event.cache_write_1h_tokens
    if event.input_tokens < cached:
        event.input_tokens += cached
    if event.output_tokens < event.reasoning_tokens:
        event.output_tokens += event.reasoning_tokens


def _swift(body: bytes) -> Reading | None:
    """Decode all lines at once; None where anything in them needs a closer look."""
    try:
        events = _DECODER.decode_lines(body)
    except _UNREADABLE:
        return None
    return Reading(events) if all(_says_tokens(event) and tidy(event) is None for event in events) else None


def _says_tokens(event: Event) -> bool:
    """Where every count is 0, only the text tells whether one was given."""
    return bool(event.input_tokens or event.output_tokens or event.cache_read_tokens or event.cache_write_5m_tokens)


def _line_by_line(body: bytes) -> Reading:
    lines = [(number, line) for number, line in enumerate(body.split(b"\n"), 1) if line and not line.isspace()]
    if len(lines) > 1 and lines[0][1].strip() == b"{" and _is_object(body):
        lines = [(1, body)]
    return _items(lines)


def _array(body: bytes) -> Reading:
    try:
        items = msgspec.json.decode(body, type=list[msgspec.Raw])
    except _UNREADABLE as problem:
        return Reading(bad=[BadLine(1, f"the array is not JSON: {_first_line(problem)}", _excerpt(body))])
    return _items([(number, bytes(item)) for number, item in enumerate(items, 1)])


def _items(items: Sequence[tuple[int, bytes]]) -> Reading:
    reading = Reading()
    for number, item in items:
        try:
            reading.events.append(_event(item, reading))
        except FieldError as problem:
            reading.bad.append(BadLine(number, str(problem), _excerpt(item)))
    return reading


def _event(item: bytes, reading: Reading) -> Event:
    try:
        event = _DECODER.decode(item)
    except _UNREADABLE:
        return _slow(item, reading)
    return event if _says_tokens(event) and tidy(event) is None else _slow(item, reading)


def _slow(item: bytes, reading: Reading) -> Event:
    """Read field by field what the decoder refused. Raises FieldError where the request cannot be counted."""
    try:
        content = msgspec.json.decode(item)
    except _UNREADABLE as problem:
        raise FieldError(f"it is not JSON: {_first_line(problem)}") from None
    if not isinstance(content, dict):
        raise FieldError("it is not a JSON object")
    values, unknown, unreadable = usage_fields.values_of(content)
    event = Event(**values)
    if (wrong := tidy(event)) is not None:
        raise FieldError(wrong)
    reading.unknown.update(unknown)
    reading.unreadable.update(unreadable)
    return event


def _is_object(body: bytes) -> bool:
    try:
        return isinstance(msgspec.json.decode(body), dict)
    except _UNREADABLE:
        return False


def _first_line(problem: BaseException) -> str:
    return str(problem).splitlines()[0][:EXCERPT] if str(problem) else type(problem).__name__


def _excerpt(item: bytes) -> str:
    return item[:EXCERPT].decode("utf-8", "replace").strip().translate(_CONTROLS)


def _listed(counts: Counter[str]) -> str:
    """Names come from outside: the commonest few, cut short."""
    shown = ", ".join(f"{name[:60].translate(_CONTROLS)} ({count:,})" for name, count in counts.most_common(MOST_NAMES))
    more = len(counts) - MOST_NAMES
    return f"{shown} and {more:,} more" if more > 0 else shown
