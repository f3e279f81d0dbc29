"""OTLP in protobuf, as exporters send it."""

from collections.abc import Iterable, Iterator
from typing import Any, Final

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from finops.errors import UserError
from finops.sources.otlp_names import ALL, TOKEN_TYPE, Value
from finops.sources.otlp_wire import CUMULATIVE, Point, Scope, Span

SIMPLE: Final = frozenset({"string_value", "int_value", "double_value", "bool_value"})
KINDS: Final = ("histogram", "exponential_histogram", "sum")


def traces(body: bytes) -> list[Scope]:
    """Read an ExportTraceServiceRequest. Raises UserError when it is none."""
    request = _parse(ExportTraceServiceRequest(), body)
    return [Scope(_known(each.resource.attributes), spans=tuple(_spans(each))) for each in request.resource_spans]


def metrics(body: bytes, wanted: frozenset[str]) -> list[Scope]:
    """Read the `wanted` metrics of an ExportMetricsServiceRequest. Raises UserError when it is none."""
    request = _parse(ExportMetricsServiceRequest(), body)
    return [
        Scope(_known(each.resource.attributes), points=tuple(_points(each, wanted)), identity=_identity(each.resource.attributes))
        for each in request.resource_metrics
    ]


def _parse(message: Any, body: bytes) -> Any:
    try:
        message.ParseFromString(body)
    except DecodeError:
        raise UserError(f"the body is not an OTLP {type(message).__name__}; send protobuf as the OTLP/HTTP exporters do") from None
    return message


def _spans(group: Any) -> Iterator[Span]:
    for scope in group.scope_spans:
        for span in scope.spans:
            yield Span(
                span.trace_id,
                span.span_id,
                span.parent_span_id,
                span.start_time_unix_nano,
                span.end_time_unix_nano,
                span.status.code == 2,
                _known(span.attributes),
            )


def _points(group: Any, wanted: frozenset[str]) -> Iterator[Point]:
    for scope in group.scope_metrics:
        for metric in scope.metrics:
            kind = metric.WhichOneof("data")
            if metric.name not in wanted or kind not in KINDS:
                continue
            data = getattr(metric, kind)
            cumulative = data.aggregation_temporality in CUMULATIVE
            for point in data.data_points:
                total = float(point.sum) if kind != "sum" else float(point.as_int or point.as_double)
                count = point.count if kind != "sum" else int(total > 0)
                yield Point(
                    metric.name,
                    cumulative,
                    point.start_time_unix_nano,
                    point.time_unix_nano,
                    count,
                    total,
                    _known(point.attributes),
                    _identity(point.attributes),
                )


def _identity(attributes: Iterable[Any]) -> str:
    return repr(sorted((each.key, each.value.SerializeToString(deterministic=True)) for each in attributes if each.key != TOKEN_TYPE))


def _known(attributes: Iterable[Any]) -> dict[str, Value]:
    found: dict[str, Value] = {}
    for each in attributes:
        if each.key in ALL:
            kind = each.value.WhichOneof("value")
            if kind in SIMPLE:
                found[each.key] = getattr(each.value, kind)
    return found
