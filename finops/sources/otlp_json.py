"""OTLP in JSON: like its protobuf, but ids in hex and whole numbers of 64 bits as text."""

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from finops.errors import UserError
from finops.sources.otlp_names import ALL, TOKEN_TYPE, Value
from finops.sources.otlp_wire import CUMULATIVE, Point, Scope, Span

FAILED: Final = (2, "STATUS_CODE_ERROR")


def traces(body: bytes) -> list[Scope]:
    """Read an ExportTraceServiceRequest. Raises UserError when it is none."""
    return [Scope(_plain(each.resource), spans=tuple(_spans(each))) for each in _decode(_Traces, body).resource_spans]


def metrics(body: bytes, wanted: frozenset[str]) -> list[Scope]:
    """Read the `wanted` metrics of an ExportMetricsServiceRequest. Raises UserError when it is none."""
    return [
        Scope(_plain(each.resource), points=tuple(_points(each, wanted)), identity=_identity(each.resource))
        for each in _decode(_Metrics, body).resource_metrics
    ]


class _Value(msgspec.Struct, rename="camel"):
    string_value: str | None = None
    int_value: int | str | None = None  # 64-bit numbers are text in JSON
    double_value: float | str | None = None
    bool_value: bool | None = None

    def plain(self) -> Value | None:
        if self.int_value is not None:
            return int(self.int_value) if _is_whole(self.int_value) else None
        for value in (self.string_value, self.double_value, self.bool_value):
            if value is not None:
                return value
        return None


class _Attribute(msgspec.Struct):
    key: str = ""
    value: _Value | None = None


class _Resource(msgspec.Struct):
    attributes: list[_Attribute] = []


class _Status(msgspec.Struct):
    code: int | str = 0


class _Span(msgspec.Struct, rename="camel"):
    trace_id: str = ""
    span_id: str = ""
    parent_span_id: str = ""
    start_time_unix_nano: int | str = 0
    end_time_unix_nano: int | str = 0
    status: _Status | None = None
    attributes: list[_Attribute] = []


class _ScopeSpans(msgspec.Struct):
    spans: list[_Span] = []


class _ResourceSpans(msgspec.Struct, rename="camel"):
    resource: _Resource | None = None
    scope_spans: list[_ScopeSpans] = []


class _Traces(msgspec.Struct, rename="camel"):
    resource_spans: list[_ResourceSpans] = []


class _Point(msgspec.Struct, rename="camel"):
    start_time_unix_nano: int | str = 0
    time_unix_nano: int | str = 0
    count: int | str = 0
    sum: float = 0.0
    as_int: int | str | None = None
    as_double: float | None = None
    attributes: list[_Attribute] = []


class _Data(msgspec.Struct, rename="camel"):
    data_points: list[_Point] = []
    aggregation_temporality: int | str = 0


class _Metric(msgspec.Struct, rename="camel"):
    name: str = ""
    histogram: _Data | None = None
    exponential_histogram: _Data | None = None
    sum: _Data | None = None


class _ScopeMetrics(msgspec.Struct):
    metrics: list[_Metric] = []


class _ResourceMetrics(msgspec.Struct, rename="camel"):
    resource: _Resource | None = None
    scope_metrics: list[_ScopeMetrics] = []


class _Metrics(msgspec.Struct, rename="camel"):
    resource_metrics: list[_ResourceMetrics] = []


def _decode(kind: Any, body: bytes) -> Any:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as problem:
        raise UserError(f"the body is not OTLP/JSON ({str(problem)[:200]}); send it as the OTLP/HTTP exporters do, or protobuf") from None


def _spans(group: _ResourceSpans) -> Iterator[Span]:
    for scope in group.scope_spans:
        for span in scope.spans:
            yield Span(
                _id(span.trace_id, "traceId"),
                _id(span.span_id, "spanId"),
                _id(span.parent_span_id, "parentSpanId"),
                _nanoseconds(span.start_time_unix_nano),
                _nanoseconds(span.end_time_unix_nano),
                span.status is not None and span.status.code in FAILED,
                _plain(span),
            )


def _points(group: _ResourceMetrics, wanted: frozenset[str]) -> Iterator[Point]:
    for metric in (metric for scope in group.scope_metrics for metric in scope.metrics if metric.name in wanted):
        data = metric.histogram or metric.exponential_histogram or metric.sum
        for point in data.data_points if data else ():
            counter = data is metric.sum
            total = float(_nanoseconds(point.as_int) if point.as_int is not None else point.as_double or 0) if counter else point.sum
            yield Point(
                metric.name,
                data is not None and data.aggregation_temporality in CUMULATIVE,
                _nanoseconds(point.start_time_unix_nano),
                _nanoseconds(point.time_unix_nano),
                int(total > 0) if counter else _nanoseconds(point.count),
                total,
                _plain(point),
                _identity(point),
            )


def _plain(owner: "_Span | _Point | _Resource | None") -> dict[str, Value]:
    found: dict[str, Value] = {}
    for each in owner.attributes if owner else ():
        if each.key in ALL and each.value is not None and (value := each.value.plain()) is not None:
            found[each.key] = value
    return found


def _id(text: str, field: str) -> bytes:
    """OTLP/JSON writes ids in hex, unlike every other protobuf in JSON."""
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise UserError(f"{field} {text[:40]!r} is not hexadecimal; OTLP/JSON writes ids in hex, not in base64") from None


def _nanoseconds(value: int | str) -> int:
    return int(value) if _is_whole(value) else 0


def _is_whole(value: int | str) -> bool:
    return isinstance(value, int) or (value.lstrip("-").isascii() and value.lstrip("-").isdecimal() and len(value) <= 20)


def _identity(owner: "_Point | _Resource | None") -> str:
    told = [
        (each.key, each.value.plain() if each.value else None) for each in (owner.attributes if owner else ()) if each.key != TOKEN_TYPE
    ]
    return repr(sorted(told, key=repr))
