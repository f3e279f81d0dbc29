"""What OTLP wants to hear back: success with the count of the refused, or a status with a sentence."""

from typing import Any, Final, Literal

import msgspec

from finops.sources.otlp_wire import Form

Signal = Literal["traces", "metrics"]
CONTENT_TYPES: Final[dict[Form, str]] = {"protobuf": "application/x-protobuf", "json": "application/json"}
REFUSED: Final[dict[Signal, str]] = {"traces": "rejected_spans", "metrics": "rejected_data_points"}
JSON_REFUSED: Final[dict[Signal, str]] = {"traces": "rejectedSpans", "metrics": "rejectedDataPoints"}
INVALID: Final = 3  # of google.rpc.Code


def success(signal: Signal, form: Form, refused: int, why: str) -> bytes:
    """Return an export response; where nothing was refused, it is empty."""
    if form == "json":
        return msgspec.json.encode({"partialSuccess": {JSON_REFUSED[signal]: str(refused), "errorMessage": why}} if refused else {})
    response = _response(signal)
    if refused:
        setattr(response.partial_success, REFUSED[signal], refused)
        response.partial_success.error_message = why
    return bytes(response.SerializeToString())


def failure(form: Form, why: str) -> bytes:
    """Return a status: code 3 (invalid argument) and the sentence."""
    if form == "json":
        return msgspec.json.encode({"code": INVALID, "message": why})
    text = why.encode()
    return bytes((8, INVALID, 18)) + _varint(len(text)) + text  # google.rpc.Status: 1 code, 2 message


def _response(signal: Signal) -> Any:
    from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

    return ExportTraceServiceResponse() if signal == "traces" else ExportMetricsServiceResponse()


def _varint(number: int) -> bytes:
    parts = bytearray()
    while number > 127:
        parts.append(number & 127 | 128)
        number >>= 7
    parts.append(number)
    return bytes(parts)
