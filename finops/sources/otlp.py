"""OTLP traces as usage events: one for each span that is a request to a model and is not repeated by another span."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from finops.errors import UserError
from finops.sources import otlp_wire
from finops.sources.otlp_names import TOKENS, Value, arranged, dimensions, is_call, service
from finops.sources.otlp_wire import Form, Scope, Span
from finops.sources.usage_events import Event, tidy
from finops.sources.usage_fields import MOST_TOKENS

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MOST_STEPS: Final = 100  # up the tree of spans
USED: Final = frozenset(TOKENS["input"] + TOKENS["output"])
TIERS: Final = {"default": "standard", "auto": None}
Key = tuple[bytes, bytes]


@dataclass(frozen=True)
class Told:
    """What one export held: its events, the refused with a reason each, the repeated that were left out, the services heard of."""

    events: list[Event]
    refused: list[str]
    repeated: int
    services: frozenset[str]


def read_traces(body: bytes, form: Form = "protobuf") -> Told:
    """Return the usage events of an ExportTraceServiceRequest. Raises UserError when the body is none."""
    return events_of(otlp_wire.traces(body, form))


def events_of(scopes: Iterable[Scope]) -> Told:
    """Turn spans into events; spans that are no request to a model are passed over."""
    scopes = list(scopes)
    counted = [(scope, [span for span in scope.spans if _is_counted(span)]) for scope in scopes]
    repeated = _repeated(scopes, [span for _, calls in counted for span in calls])
    events: list[Event] = []
    refused: list[str] = []
    for scope, calls in counted:
        shared = dimensions(arranged(scope.resource))
        for span in calls:
            if id(span) in repeated:
                continue
            try:
                events.append(_event(span, shared))
            except UserError as problem:
                refused.append(f"span {span.id.hex()}: {problem}")
    services = frozenset(service(scope.resource) for scope, calls in counted if calls)
    return Told(events, refused, len(repeated), services - {""})


def _is_counted(span: Span) -> bool:
    return not USED.isdisjoint(span.attributes) and is_call(span.attributes)


def _event(span: Span, shared: Mapping[str, Any]) -> Event:
    told = arranged(span.attributes)
    tokens = {kind: count(told, kind) for kind in TOKENS}
    model = told.get("model")
    if model is None:
        raise UserError("it names no model; set gen_ai.request.model")
    tier = told.get("tier")
    event = Event(
        time=moment(span.start or span.end),
        request_id=str(told["response"]) if "response" in told else _own_id(span),
        provider=str(told["provider"]) if "provider" in told else None,
        model=str(model),
        input_tokens=_all_input(tokens),
        cache_read_tokens=tokens["cache_read"],
        cache_write_5m_tokens=tokens["cache_write"],
        output_tokens=tokens["output"],
        reasoning_tokens=tokens["reasoning"],
        status="error" if span.failed or "error" in told else "ok",
        service_tier=None if tier is None else TIERS.get(str(tier), str(tier)),
        latency_ms=max(0, (span.end - span.start + 500_000) // 1_000_000) if span.start and span.end else None,
        **{**shared, **dimensions(told)},
    )
    if (wrong := tidy(event)) is not None:
        raise UserError(wrong)
    return event


def _own_id(span: Span) -> str:
    if not span.trace or not span.id:
        raise UserError("it has neither gen_ai.response.id nor ids of its own; without one it could count twice")
    return f"{span.trace.hex()}:{span.id.hex()}"


def count(told: Mapping[str, Value], kind: str) -> int:
    """Return a count of tokens, 0 where none is given. Raises UserError for what is no count."""
    value = told.get(kind, 0)
    if type(value) is int and 0 <= value <= MOST_TOKENS:
        return value
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 20:
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MOST_TOKENS:
        raise UserError(f"{TOKENS[kind][0]} is {str(value)[:40]!r}, not a count of tokens")
    return value


def _all_input(tokens: Mapping[str, int]) -> int:
    """Emitters of old leave cached tokens out of the input; where they tell a total, it says so."""
    cached = tokens["cache_read"] + tokens["cache_write"]
    apart = cached and tokens["total"] == tokens["input"] + tokens["output"] + cached
    return tokens["input"] + cached if apart else tokens["input"]


def moment(nanoseconds: int) -> datetime:
    """Return a time of OTLP. Raises UserError where there is none, or none that a calendar knows."""
    if not nanoseconds:
        raise UserError("it has no time")
    try:
        return EPOCH + timedelta(microseconds=nanoseconds // 1000)
    except OverflowError:
        raise UserError(f"its time {nanoseconds} lies beyond every calendar") from None


def _repeated(scopes: list[Scope], counted: Sequence[Span]) -> set[int]:
    """Return the spans that only repeat what the calls below them used, innermost first; a cycle of parents repeats nothing.

    A wrapper tells as many output tokens as the calls below it together; one that tells others is a call of its own.
    """
    calls = {(span.trace, span.id): span for span in counted if span.id}
    if len(calls) < 2:
        return set()
    spans = {(span.trace, span.id): span for scope in scopes for span in scope.spans if span.id} | calls
    above = {key: _call_above(key, spans, calls) for key in calls}
    waiting = dict.fromkeys(calls, 0)
    for parent in above.values():
        if parent is not None:
            waiting[parent] += 1
    below: dict[Key, int] = {}
    repeated: set[int] = set()
    ready = [key for key, children in waiting.items() if not children]
    while ready:
        key = ready.pop()
        own = _output(calls[key])
        if key in below and below[key] == own:
            repeated.add(id(calls[key]))
        else:
            own += below.get(key, 0)
        parent = above[key]
        if parent is not None:
            below[parent] = below.get(parent, 0) + own
            waiting[parent] -= 1
            if not waiting[parent]:
                ready.append(parent)
    return repeated


def _call_above(key: Key, spans: Mapping[Key, Span], calls: Mapping[Key, Span]) -> Key | None:
    if not spans[key].parent:
        return None
    step = (key[0], spans[key].parent)
    for _ in range(MOST_STEPS):
        if step in calls:
            return step
        if step not in spans:
            return None
        step = (step[0], spans[step].parent)
    return None


def _output(span: Span) -> int:
    try:
        return count(arranged(span.attributes), "output")
    except UserError:
        return -1
