"""OTLP off the wire as plain spans and points; of their attributes only those we know are kept."""

from typing import Final, Literal

import msgspec

from finops.sources.otlp_names import Attributes

Form = Literal["protobuf", "json"]
CUMULATIVE: Final = (2, "AGGREGATION_TEMPORALITY_CUMULATIVE")


class Span(msgspec.Struct, frozen=True):
    """One span; times are nanoseconds of Unix time, 0 where the sender gave none."""

    trace: bytes
    id: bytes
    parent: bytes
    start: int
    end: int
    failed: bool
    attributes: Attributes


class Point(msgspec.Struct, frozen=True):
    """One point of a histogram or a counter, as `count` of recordings that make `sum`."""

    metric: str
    cumulative: bool
    start: int
    time: int
    count: int
    sum: float
    attributes: Attributes
    identity: str  # of all attributes except the type of token


class Scope(msgspec.Struct, frozen=True):
    """Spans, or points, of one resource; points also need all that tells it from others, known to us or not."""

    resource: Attributes
    spans: tuple[Span, ...] = ()
    points: tuple[Point, ...] = ()
    identity: str = ""


def traces(body: bytes, form: Form) -> list[Scope]:
    """Read an ExportTraceServiceRequest. Raises UserError when it is none."""
    from finops.sources import otlp_json, otlp_protobuf

    return otlp_json.traces(body) if form == "json" else otlp_protobuf.traces(body)


def metrics(body: bytes, form: Form, wanted: frozenset[str]) -> list[Scope]:
    """Read the `wanted` metrics of an ExportMetricsServiceRequest. Raises UserError when it is none."""
    from finops.sources import otlp_json, otlp_protobuf

    return otlp_json.metrics(body, wanted) if form == "json" else otlp_protobuf.metrics(body, wanted)
