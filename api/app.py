"""The HTTP door: usage events in, kept before they are acknowledged; questions in, answers out."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import msgspec
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from api import alertmanager, intake, schemas
from api.bodies import MIB, Bodies, Bounds, encoding_of, unpack
from api.counters import Counters, Gauge
from api.doorkeeper import Doorkeeper
from api.guard import Control, GuardDoor
from api.intake import Taken
from api.refusals import RefusalError, refused
from finops.errors import FinopsError, UserError
from finops.sources.otlp_answers import CONTENT_TYPES, Signal, failure, success
from finops.sources.otlp_metrics import SeriesMemory, SpanServices
from finops.sources.otlp_wire import Form
from finops.sources.spool import SpoolFullError, SpoolWriter, waiting

LOG = logging.getLogger("finops.api")
SMALL, SMALL_PACKED = 64 * 1024, 8 * 1024  # bodies up to this are read where they arrive; a thread would cost more than it spares
LANES: Final = 1  # larger bodies unpacked and decoded at once: two would share one core and need twice the memory
LARGEST_OTLP: Final = 24 * MIB
LARGEST_QUESTION: Final = 64 * 1024
TEXT_TYPES: Final = frozenset(
    {"", "application/json", "application/x-ndjson", "application/jsonl", "application/jsonlines", "application/x-jsonlines"}
    | {"application/ndjson", "text/plain", "text/json", "application/octet-stream"}
    | {"application/x-www-form-urlencoded"}  # what curl and urllib say of any body when they are told nothing
)
FORMS: Final[dict[str, Form]] = {"application/x-protobuf": "protobuf", "application/protobuf": "protobuf", "application/json": "json"}

Handler = Callable[[Request], Awaitable[Response]]
Asking = Callable[[str, str, str | None], Mapping[str, Any]]  # caller, question, as of; raises UserError


@dataclass(frozen=True)
class Door:
    """What the application works with. `ask` answers questions, `health` tells the rest of the process (ok, and fields)."""

    doors: tuple[tuple[str, str], ...]
    spool: SpoolWriter
    now: Callable[[], datetime]
    ask: Asking
    health: Callable[[], tuple[bool, Mapping[str, Any]]] = lambda: (True, {})
    counters: Counters = field(default_factory=Counters)
    bounds: Bounds = field(default_factory=Bounds)
    questions: int = 8  # answered at the same time
    take_alerts: alertmanager.Take | None = None  # keeps the findings of an Alertmanager; raises FinopsError
    guard: Control | None = None  # None: FINOPS_GATEWAY_KEY is not set
    tallies: Callable[[], Iterable[Gauge]] | None = None  # what the state database says of itself; raises where it cannot be read


class HttpDoor:
    """The routes, and what they share."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._keeper = Doorkeeper(door.doors)
        self._bodies = Bodies(door.bounds)
        self._lanes = asyncio.Semaphore(LANES)
        self._questions = asyncio.Semaphore(door.questions)
        self._guard = GuardDoor(door.guard, self._bodies) if door.guard else None
        self._one_tally = asyncio.Lock()
        self._one_export = asyncio.Lock()  # of metrics: what a series adds is settled before the next is read
        self._series = SeriesMemory(door.spool.folder / "series.json")
        self._services = SpanServices(door.spool.folder / "services")

    def leave(self) -> None:
        """Let go of gateways that wait for news, before the server is stopped."""
        if self._guard:
            self._guard.leave()

    def application(self, version: str = "0") -> FastAPI:
        app = FastAPI(title="finops-bot", version=version, description=schemas.ABOUT, docs_url=None, redoc_url=None)
        self._route(app, "POST", "/v1/usage", self._usage, "Usage events.", schemas.usage_route())
        self._route(app, "POST", "/v1/usage/litellm", self._gateway, "Success events of a LiteLLM gateway.", schemas.gateway_route())
        self._route(app, "POST", "/v1/traces", self._traces, "OTLP spans of requests to models.", schemas.otlp_route())
        self._route(app, "POST", "/v1/metrics", self._metrics, "OTLP metrics of token usage.", schemas.otlp_route())
        self._route(app, "GET", "/v1/ask", self._ask, "Ask about cost.", schemas.ask_route("GET"))
        self._route(app, "POST", "/v1/ask", self._ask, "Ask about cost.", schemas.ask_route("POST"))
        for method, name, about in schemas.GUARD_ROUTES:
            self._route(app, method, f"/v1/guard/{name}", self._guarded(name), about, schemas.guard_route(name))
        self._route(app, "POST", "/v1/alertmanager", self._alerts, "Alerts of a Prometheus Alertmanager.", alertmanager.route())
        self._route(app, "GET", "/healthz", self._health, "Whether it serves.", {})
        self._route(app, "GET", "/metrics", self._counters, "Counters and gauges, for Prometheus.", {})
        make = app.openapi
        app.openapi = lambda: _completed(make())  # type: ignore[method-assign]
        return app

    def _route(self, app: FastAPI, method: str, path: str, handler: Handler, about: str, extra: dict[str, Any]) -> None:
        async def guarded(request: Request) -> Response:
            response = await self._answered(request, handler)
            self._door.counters.add("finops_http_requests_total", route=path, status=str(response.status_code))
            return response

        name = f"{method.lower()}{path.replace('/', '_')}"
        app.add_api_route(
            path, guarded, methods=[method], name=name, operation_id=name, summary=about, openapi_extra=extra, response_model=None
        )

    async def _answered(self, request: Request, handler: Handler) -> Response:
        try:
            return await handler(request)
        except RefusalError as refusal:
            return _refusal(request, refusal)
        except SpoolFullError as full:
            return _refusal(request, RefusalError(429, str(full), retry_after=full.retry_after))
        except UserError as mistake:
            more = {"suggestion": mistake.suggestion, "did_you_mean": list(mistake.did_you_mean)}
            return _refusal(request, RefusalError(400, str(mistake), more=more))
        except FinopsError as problem:
            LOG.error("%s: %s", request.url.path, problem)
            return _refusal(request, RefusalError(500, str(problem)))
        except Exception:
            LOG.exception("%s failed unexpectedly", request.url.path)
            return _refusal(request, RefusalError(500, "something went wrong here; the server's log says what"))

    async def _usage(self, request: Request) -> Response:
        return await self._take_lines(request, intake.usage, "usage")

    async def _gateway(self, request: Request) -> Response:
        return await self._take_lines(request, intake.gateway, "litellm")

    async def _take_lines(self, request: Request, take: Callable[[bytes], Taken], way: str) -> Response:
        self._keeper.admit(request)
        kind = content_type(request)
        if kind not in TEXT_TYPES:
            raise RefusalError(415, f"'{kind[:60]}' is not a content type known here; send application/x-ndjson or application/json")
        taken = await self._taken(request, take, self._door.bounds.unpacked)
        if not taken.accepted:
            self._count(way, taken)
            raise refused(taken.rejected, taken.rejected_count)
        await self._keep(taken, way)
        rejected = [{"line": line, "reason": reason} for line, reason in taken.rejected]
        return JSONResponse({"accepted": taken.accepted, "rejected": rejected, "rejected_count": taken.rejected_count}, 202)

    async def _traces(self, request: Request) -> Response:
        self._keeper.admit(request)
        form = form_of(request)
        taken = await self._taken(request, lambda body: intake.traces(body, form), LARGEST_OTLP)
        if taken.services:
            self._services.heard(taken.services, self._door.now().timestamp())
        await self._keep(taken, "traces")
        return _exported("traces", form, taken)

    async def _metrics(self, request: Request) -> Response:
        self._keeper.admit(request)
        form, now = form_of(request), self._door.now().timestamp()

        def take(body: bytes) -> Taken:
            return intake.metrics(body, form, self._series, lambda name: self._services.knows(name, now))

        encoding = encoding_of(request)
        async with self._bodies.read(request) as body, self._one_export:
            try:
                taken = await self._decoded(body, encoding, take, LARGEST_OTLP)
                await self._keep(taken, "metrics")
                self._series.keep()
            finally:
                self._series.drop()
        return _exported("metrics", form, taken)

    async def _taken(self, request: Request, take: Callable[[bytes], Taken], most: int) -> Taken:
        """Read, unpack and decode a body: a small one here, a large one on a thread, few of those at a time."""
        encoding = encoding_of(request)
        async with self._bodies.read(request) as body:
            return await self._decoded(body, encoding, take, most)

    async def _decoded(self, body: bytes, encoding: str, take: Callable[[bytes], Taken], most: int) -> Taken:
        if len(body) <= (SMALL_PACKED if encoding else SMALL):
            return take(unpack(body, encoding, most))
        async with self._lanes:
            return await asyncio.to_thread(lambda: take(unpack(body, encoding, most)))

    async def _keep(self, taken: Taken, way: str) -> None:
        """Return once the events are on disk. Raises SpoolFullError."""
        if taken.lines:
            await asyncio.wrap_future(self._door.spool.put(taken.lines))
        self._count(way, taken)

    def _count(self, way: str, taken: Taken) -> None:
        self._door.counters.add("finops_usage_events_accepted_total", taken.accepted, by=way)
        self._door.counters.add("finops_usage_events_rejected_total", taken.rejected_count, by=way)
        self._door.counters.add("finops_usage_events_left_out_total", taken.left_out, by=way)

    async def _ask(self, request: Request) -> Response:
        caller = self._keeper.admit(request)
        question, as_of = await self._question(request)
        async with self._questions:
            return JSONResponse(await asyncio.to_thread(self._door.ask, caller, question, as_of))

    async def _question(self, request: Request) -> tuple[str, str | None]:
        if request.method == "GET":
            told: Any = dict(request.query_params)
        else:
            async with self._bodies.read(request) as body:
                told = _json(body[: LARGEST_QUESTION + 1])
        question, as_of = told.get("q"), told.get("as_of")
        if not isinstance(question, str) or not isinstance(as_of, str | None):
            raise RefusalError(400, 'q is missing; send {"q": "team=ml last 7d"}, and as_of where another day is meant')
        return question, as_of

    def _guarded(self, name: str) -> Handler:
        async def handler(request: Request) -> Response:
            self._keeper.admit(request)
            if self._guard is None:
                raise RefusalError(503, "FINOPS_GATEWAY_KEY is not set, so no gateway is served here; docs/gateway.md says how to make one")
            handlers: dict[str, Handler] = {
                "snapshot": self._guard.snapshot,
                "lease": self._guard.lease,
                "events": self._guard.events,
                "check": self._guard.check,
            }
            return await handlers[name](request)

        return handler

    async def _alerts(self, request: Request) -> Response:
        self._keeper.admit(request)
        encoding = encoding_of(request)
        async with self._bodies.read(request) as body, self._questions:
            delivery = unpack(body, encoding, alertmanager.LARGEST)
            told = await asyncio.to_thread(alertmanager.take_alerts, delivery, self._door.now(), self._door.take_alerts)
        return JSONResponse(told, 202)

    async def _health(self, request: Request) -> Response:
        ok, told = self._door.health()
        return JSONResponse({"ok": ok, **told}, status_code=200 if ok else 503)

    async def _counters(self, request: Request) -> Response:
        found = await asyncio.to_thread(waiting, self._door.spool.folder)
        lag = max(0.0, self._door.now().timestamp() - found.oldest) if found.oldest is not None else 0.0
        gauges = {"finops_spool_bytes": found.bytes, "finops_spool_segments": found.segments, "finops_spool_aside_segments": found.aside}
        async with self._one_tally:  # scrapes take turns: none of them holds more than one connection to the database
            of_state = await asyncio.to_thread(_of_state, self._door.tallies)
        text = self._door.counters.text({**gauges, "finops_usage_publish_lag_seconds": lag}, of_state)
        return PlainTextResponse(text, media_type="text/plain; version=0.0.4")


def _of_state(tallies: Callable[[], Iterable[Gauge]] | None) -> list[Gauge]:
    """A database that cannot be read leaves the door's own counters readable."""
    if tallies is None:
        return []
    try:
        return [("finops_state_up", (), 1.0), *tallies()]
    except Exception:
        LOG.exception("the state database could not be read for /metrics")
        return [("finops_state_up", (), 0.0)]


def content_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().casefold()


def form_of(request: Request) -> Form:
    """Return how OTLP is written. Raises RefusalError for what is not OTLP over HTTP."""
    kind = content_type(request)
    if kind not in FORMS:
        raise RefusalError(415, f"'{kind[:60]}' is not how OTLP is sent over HTTP; use application/x-protobuf or application/json")
    return FORMS[kind]


def _json(body: bytes) -> Mapping[str, Any]:
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise RefusalError(400, f'the body is not a JSON object of at most {LARGEST_QUESTION // 1024} KiB; send {{"q": "team=ml last 7d"}}')
    return found


def _exported(signal: Signal, form: Form, taken: Taken) -> Response:
    why = "; ".join(reason for _, reason in taken.rejected)
    return Response(success(signal, form, taken.rejected_count, why), media_type=CONTENT_TYPES[form])


def _refusal(request: Request, refusal: RefusalError) -> Response:
    """OTLP wants a status in its own form, everybody else a JSON document."""
    if request.url.path in ("/v1/traces", "/v1/metrics"):
        form = FORMS.get(content_type(request), "json")
        return Response(failure(form, refusal.why), refusal.status, refusal.headers, media_type=CONTENT_TYPES[form])
    return JSONResponse(refusal.document(), refusal.status, refusal.headers)


def _completed(document: dict[str, Any]) -> dict[str, Any]:
    """Add the schemas that routes refer to, and that a bearer token is wanted."""
    parts = document.setdefault("components", {})
    parts["schemas"] = {**parts.get("schemas", {}), **schemas.components()}
    parts["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    for path, methods in document["paths"].items():
        for operation in methods.values():
            if path.startswith("/v1/"):
                operation["security"] = [{"token": []}]
                operation["responses"].pop("422", None)
    return document
