"""The HTTP face: which address does what, who may call it, and how calls and refusals become responses."""

import asyncio
import contextlib
import email
import email.policy
import json
import logging
import mimetypes
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket

from slackbox import files, responses, sockets, state, web_api
from slackbox.box_calls import CALLS
from slackbox.file_types import mimetype
from slackbox.rig import Fault, RefusedError, Rig

LOG = logging.getLogger(__name__)
PAGE = Path(__file__).resolve().parent / "page"
BODY_BYTES = 2 * 1024 * 1024
POLICY = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
LOOPBACK = ("127.0.0.1", "localhost", "::1")


def application(rig: Rig) -> ASGIApp:
    """Everything this Slack serves."""
    face = Face(rig)
    routes = [
        Route("/api/{method:path}", face.api, methods=["GET", "POST"]),
        Route("/respond/{token}", face.respond, methods=["POST"]),
        Route("/upload/{token}", face.upload, methods=["POST"]),
        Route("/_box/state", face.state),
        Route("/_box/log", face.log),
        Route("/_box/events", face.events),
        Route("/_box/files/{file}", face.file),
        Route("/_box/{call}", face.box, methods=["POST"]),
        WebSocketRoute("/socket", face.socket),
        Route("/page/{path:path}", face.page),
        Route("/", face.page),
    ]
    return only_from_here(Starlette(routes=routes))


def only_from_here(app: ASGIApp) -> ASGIApp:
    """Refuse other host names (DNS rebinding) and pages of other sites."""

    async def guard(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket") and not welcome(scope):
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1008})
                return
            await JSONResponse({"ok": False, "error": "forbidden", "detail": "only pages of this address may call"}, 403)(
                scope, receive, send
            )
            return
        await app(scope, receive, send)

    return guard


def welcome(scope: Scope) -> bool:
    """The Host is loopback, and a page that calls is one of ours."""
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    host = headers.get("host", "")
    try:
        name = urlsplit(f"//{host}").hostname
    except ValueError:
        return False
    if name not in LOOPBACK or headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
        return False
    origin = headers.get("origin")
    return origin is None or urlsplit(origin).netloc == host


class Face:
    """The endpoints, bound to one workspace."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig

    async def api(self, request: Request) -> Response:
        """One Web API call."""
        method = request.path_params["method"]
        began = asyncio.get_running_loop().time()
        fault = self.rig.fault(method)
        values: dict[str, Any] = {}
        if fault and fault.delay_seconds:
            await asyncio.sleep(fault.delay_seconds)
        if fault and (fault.error or fault.status):
            response, answer = faulty(fault)
            with contextlib.suppress(RefusedError):  # for the log
                values |= arguments(request, await body_of(request, BODY_BYTES))
        else:
            response, answer = await self.call(request, method, values)
        self.note_call(method, values, response, answer, began, dropped=bool(fault and fault.drop_response))
        if fault and fault.drop_response:
            drop(request)
        return response

    async def call(self, request: Request, method: str, values: dict[str, Any]) -> tuple[Response, dict[str, Any]]:
        """Read the arguments into `values` and do it."""
        try:
            values |= arguments(request, await body_of(request, BODY_BYTES))
            token = bearer(request) or str(values.get("token", ""))
            values.pop("token", None)
            answer = {"ok": True, **web_api.call(self.rig, method, token, values)}
        except RefusedError as refused:
            return refusal(refused, 200)
        except Exception:
            LOG.exception("%s failed", method)
            return refusal(RefusedError("internal_error", status=500), 200)
        scopes = ",".join(self.rig.app.scopes)
        return JSONResponse(answer, headers={"x-oauth-scopes": scopes}), answer

    def note_call(
        self, method: str, values: dict[str, Any], response: Response, answer: dict[str, Any], began: float, *, dropped: bool
    ) -> None:
        """A line in the log."""
        self.rig.note(
            kind="api",
            method=method,
            args=values,
            status=response.status_code,
            ok=answer.get("ok", False),
            error=answer.get("error"),
            errors=answer.get("errors"),
            warning=answer.get("warning"),
            dropped=dropped,
            seconds=round(asyncio.get_running_loop().time() - began, 3),
        )

    async def respond(self, request: Request) -> Response:
        """One use of a response URL."""
        began = asyncio.get_running_loop().time()
        fault = self.rig.fault("response_url")
        values: dict[str, Any] = {}
        if fault and fault.delay_seconds:
            await asyncio.sleep(fault.delay_seconds)
        if fault and (fault.error or fault.status):
            response, answer = faulty(fault)
        else:
            response, answer = await self.use_response_url(request, values)
        self.note_call("response_url", values, response, answer, began, dropped=bool(fault and fault.drop_response))
        if fault and fault.drop_response:
            drop(request)
        return response

    async def use_response_url(self, request: Request, values: dict[str, Any]) -> tuple[Response, dict[str, Any]]:
        """Read the payload into `values` and show it."""
        try:
            values |= json_object(await body_of(request, BODY_BYTES), "invalid_payload")
            responses.respond(self.rig, request.path_params["token"], values)
        except RefusedError as refused:
            return refusal(refused, 400)
        return PlainTextResponse("ok"), {"ok": True}

    async def upload(self, request: Request) -> Response:
        """The bytes of a file."""
        if fault := self.rig.fault("upload"):
            return PlainTextResponse("upload failed", fault.status or 500)
        try:
            content = file_bytes(request, await body_of(request, self.rig.settings.upload_bytes + 4096))
        except RefusedError as refused:
            return PlainTextResponse(refused.detail, 413)
        wrong = files.receive(self.rig, request.path_params["token"], content)
        return PlainTextResponse(wrong or f"OK - {len(content)}", 400 if wrong else 200)

    async def box(self, request: Request) -> Response:
        """Something a person does."""
        call = CALLS.get(request.path_params["call"])
        if call is None:
            return JSONResponse({"ok": False, "error": "unknown_call", "detail": f"use one of {', '.join(CALLS)}"}, 404)
        try:
            return JSONResponse({"ok": True, **await call(self.rig, json_object(await body_of(request, BODY_BYTES), "invalid_json"))})
        except RefusedError as refused:
            return refusal(refused, 400)[0]
        except (TypeError, ValueError, AttributeError) as wrong:
            return JSONResponse({"ok": False, "error": "invalid_arguments", "detail": str(wrong)}, 400)

    async def state(self, request: Request) -> Response:
        """The workspace as one user sees it."""
        try:
            return JSONResponse(state.state(self.rig, request.query_params.get("user", "")), headers={"Cache-Control": "no-store"})
        except RefusedError as refused:
            return refusal(refused, 400)[0]

    async def log(self, request: Request) -> Response:
        """What went over the wire."""
        return JSONResponse({"log": self.rig.log}, headers={"Cache-Control": "no-store"})

    async def events(self, request: Request) -> Response:
        """Revisions as they happen."""
        return StreamingResponse(revisions(self.rig), media_type="text/event-stream", headers={"Cache-Control": "no-store"})

    async def file(self, request: Request) -> Response:
        """The bytes of a finished file, unable to run."""
        file = self.rig.world.files.get(request.path_params["file"])
        if file is None or not self.rig.ready(file):
            return PlainTextResponse("no such file", 404)
        headers = {"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "default-src 'none'; sandbox"}
        return Response(file.content, media_type=mimetype(file.content or b""), headers=headers)

    async def page(self, request: Request) -> Response:
        """The files of the page."""
        path = (PAGE / (request.path_params.get("path") or "index.html")).resolve()
        if not path.is_relative_to(PAGE) or not path.is_file():
            return PlainTextResponse("no such page", 404)
        kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        headers = {
            "Content-Security-Policy": POLICY,
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            "Cache-Control": "no-store",
        }
        return Response(path.read_bytes(), media_type=kind, headers=headers)

    async def socket(self, socket: WebSocket) -> None:
        """A Socket Mode connection."""
        await sockets.serve(self.rig, socket)


def refusal(refused: RefusedError, status: int) -> tuple[Response, dict[str, Any]]:
    """`{"ok": false, …}` with the status that goes with it."""
    fields = dict(refused.fields)
    wait = fields.pop("retry_after", None)
    code = 429 if wait else fields.pop("status", status)
    detail = {"detail": refused.detail} if refused.detail else {}
    answer = {"ok": False, "error": refused.error, **detail, **fields}
    return JSONResponse(answer, code, {"Retry-After": str(wait)} if wait else None), answer


def faulty(fault: Fault) -> tuple[Response, dict[str, Any]]:
    """The response a fault was asked for."""
    error = fault.error or ("ratelimited" if fault.status == 429 else "internal_error")
    limited = error == "ratelimited" or fault.status == 429
    answer = {"ok": False, "error": error}
    headers = {"Retry-After": str(fault.retry_after or 1)} if limited or fault.retry_after else None
    return JSONResponse(answer, fault.status or (429 if limited else 200), headers), answer


def drop(request: Request) -> None:
    """Hang up without an answer."""
    transport = request.scope.get("slackbox.transport")
    if transport is not None:
        transport.close()


async def body_of(request: Request, most: int) -> bytes:
    """The body, unless it is too big."""
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > most:
            raise RefusedError("request_too_large", f"more than {most} bytes", status=413)
        parts.append(part)
    return b"".join(parts)


def arguments(request: Request, body: bytes) -> dict[str, Any]:
    """Arguments from the address and the body, in either encoding."""
    values: dict[str, Any] = dict(request.query_params)
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json":
        return values | (json_object(body, "json_not_object") if body.strip() else {})
    try:
        return values | dict(parse_qsl(body.decode(), keep_blank_values=True))
    except (UnicodeDecodeError, ValueError):
        raise RefusedError("invalid_form_data") from None


def json_object(body: bytes, not_object: str) -> dict[str, Any]:
    """A JSON object."""
    try:
        value = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        raise RefusedError("invalid_json", "the body is no JSON", status=400 if not_object != "json_not_object" else 200) from None
    if not isinstance(value, dict):
        raise RefusedError(not_object, "the body is no JSON object", status=400 if not_object != "json_not_object" else 200)
    return value


def bearer(request: Request) -> str:
    """The token of the Authorization header."""
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else ""


def file_bytes(request: Request, body: bytes) -> bytes:
    """The file itself, out of a multipart form where it came in one."""
    kind = request.headers.get("content-type", "")
    if not kind.startswith("multipart/form-data"):
        return body
    form = email.message_from_bytes(f"Content-Type: {kind}\r\n\r\n".encode() + body, policy=email.policy.HTTP)
    for part in form.iter_parts():
        if part.get_filename() is not None:
            content = part.get_payload(decode=True)
            return content if isinstance(content, bytes) else b""
    return b""


async def revisions(rig: Rig) -> AsyncIterator[str]:
    """Server-sent events: a number whenever something visible changed."""
    changed = asyncio.Event()
    watchers = rig.world.watchers
    watchers.append(changed.set)
    try:
        while not rig.stopping.is_set():
            yield f"data: {json.dumps({'revision': rig.world.revision})}\n\n"
            await changed.wait()
            changed.clear()
    finally:
        watchers.remove(changed.set)
