"""OpenAPI: what the routes take and give, with the usage event as it is decoded."""

from typing import Any, Final

import msgspec

from finops.sources.usage_events import Event

EVENT: Final = "#/components/schemas/UsageEvent"
ERROR: Final = "#/components/schemas/Error"
TAKEN: Final = "#/components/schemas/Taken"
ABOUT: Final = "Usage events in, answers about cost out. Every /v1 route wants a bearer token of FINOPS_API_TOKENS."

GUARD_ROUTES: Final = (
    ("GET", "snapshot", "The limits a gateway goes by, sealed; waits for news."),
    ("POST", "lease", "Shares of daily quotas for a gateway's worker."),
    ("POST", "events", "What a gateway's worker noticed."),
    ("POST", "check", "A decision about one request, for gateways without our plug-in."),
)

_ERROR: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {"type": "string", "description": "What was wrong and what would work."},
        "suggestion": {"type": ["string", "null"]},
        "did_you_mean": {"type": "array", "items": {"type": "string"}},
    },
}
_TAKEN: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["accepted", "rejected", "rejected_count"],
    "properties": {
        "accepted": {"type": "integer", "description": "Events that are on disk now."},
        "rejected": {
            "type": "array",
            "maxItems": 20,
            "items": {"type": "object", "properties": {"line": {"type": "integer"}, "reason": {"type": "string"}}},
        },
        "rejected_count": {"type": "integer"},
    },
}
_REFUSALS: Final = {
    400: "Nothing in the body could be used.",
    401: "No known bearer token.",
    408: "The body took too long to arrive.",
    413: "The body is too large, packed or unpacked.",
    415: "A content type or encoding that is not known here.",
    429: "No room now; Retry-After says when to send it again.",
}


def components() -> dict[str, Any]:
    """Return the schemas that routes refer to."""
    (_, found) = msgspec.json.schema_components((Event,), ref_template="#/components/schemas/{name}")
    event = {**found.pop("Event"), "title": "UsageEvent"}
    event.pop("additionalProperties", None)  # fields nobody knows are passed over
    return {"UsageEvent": event, "Error": _ERROR, "Taken": _TAKEN, **found}


def usage_route() -> dict[str, Any]:
    """Return the body and replies of a route that takes usage events."""
    forms = {
        "application/x-ndjson": {"schema": {"$ref": EVENT}},
        "application/json": {"schema": {"oneOf": [{"$ref": EVENT}, {"type": "array", "items": {"$ref": EVENT}}]}},
    }
    return {"requestBody": {"required": True, "content": forms}, "responses": {"202": _json("Taken.", TAKEN), **refusals()}}


def gateway_route() -> dict[str, Any]:
    """Return the body and replies of the route for a gateway's own events."""
    loose = {"type": "object", "required": ["litellm_call_id", "model", "startTime"], "additionalProperties": True}
    forms = {"application/json": {"schema": {"oneOf": [loose, {"type": "array", "items": loose}]}}}
    return {"requestBody": {"required": True, "content": forms}, "responses": {"202": _json("Taken.", TAKEN), **refusals()}}


def otlp_route() -> dict[str, Any]:
    """Return the body and replies of a route that takes OTLP."""
    forms = {
        "application/x-protobuf": {"schema": {"type": "string", "format": "binary"}},
        "application/json": {"schema": {"type": "object"}},
    }
    taken = {"description": "Taken; partial_success counts what was refused.", "content": forms}
    return {"requestBody": {"required": True, "content": forms}, "responses": {"200": taken, **refusals()}}


def ask_route(method: str) -> dict[str, Any]:
    """Return parameters and replies of the route that answers questions."""
    fields = {
        "q": {"type": "string", "description": "The words after /cost."},
        "as_of": {"type": "string", "description": "Day or instant."},
    }
    answer = {"description": "As `finops-bot ask --json` prints it.", "content": {"application/json": {"schema": {"type": "object"}}}}
    replies = {"responses": {"200": answer, **refusals(400, 401)}}
    if method == "GET":
        return {
            "parameters": [{"name": name, "in": "query", "required": name == "q", "schema": each} for name, each in fields.items()],
            **replies,
        }
    body = {"type": "object", "required": ["q"], "properties": fields}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": body}}}, **replies}


def guard_route(name: str) -> dict[str, Any]:
    """Return parameters and replies of a route for gateways."""
    object_ = {"application/json": {"schema": {"type": "object"}}}
    status, about = ("202", "Taken.") if name == "events" else ("200", "As docs/gateway.md describes it.")
    replies = {"responses": {status: {"description": about, "content": object_}, **refusals(400, 401)}}
    if name != "snapshot":
        return {"requestBody": {"required": True, "content": object_}, **replies}
    fields = {"worker": "string", "have": "integer", "wait": "number", "nonce": "string"}
    parameters = [{"name": each, "in": "query", "required": each == "worker", "schema": {"type": kind}} for each, kind in fields.items()]
    return {"parameters": parameters, **replies}


def refusals(*statuses: int) -> dict[str, Any]:
    return {str(status): _json(why, ERROR) for status, why in _REFUSALS.items() if not statuses or status in statuses}


def _json(about: str, schema: str) -> dict[str, Any]:
    return {"description": about, "content": {"application/json": {"schema": {"$ref": schema}}}}
