"""What the local Anthropic and OpenAI have in common: a loopback server of daily reports, and ways for it to go wrong."""

import base64
import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal
from urllib.parse import parse_qs, urlsplit

Fault = Literal["busy", "broken", "reset", "html", "half", "denied"]
Query = dict[str, list[str]]
Body = dict[str, Any]
MILLION = 1_000_000


@dataclass(frozen=True)
class Fact:
    """Tokens by kind (our words) that were used on a day, and by how many requests."""

    day: date
    account: str | None
    model: str
    tokens: Mapping[str, int]
    tier: str = "standard"
    window: str | None = "0-200k"
    region: str | None = "global"
    requests: int = 1
    refused: bool = False  # tokens that are counted and cost nothing


@dataclass(frozen=True)
class Extra:
    """Money that no tokens stand for; `kind` as the provider calls it."""

    day: date
    account: str | None
    item: str
    dollars: Decimal
    kind: str = ""


class RefusedError(Exception):
    """A request that is answered with an error."""

    def __init__(self, status: int, kind: str, message: str) -> None:
        super().__init__(message)
        self.status, self.kind, self.message = status, kind, message


class ReportServer:
    """`prices` are dollars for a million tokens, by model and kind; `lost` days have usage and no costs.

    `asked` lists path and query of every request, `headers` what came with each that was answered.
    `fail` makes the next ones whose path holds `path` go wrong.
    """

    retry_after = "0.05"
    most_days = 400  # in one answer, whatever was asked for

    def __init__(
        self,
        facts: Sequence[Fact] = (),
        prices: Mapping[str, Mapping[str, Decimal]] | None = None,
        extras: Sequence[Extra] = (),
        *,
        key: str,
        today: date,
        accounts: Mapping[str, str] | None = None,
    ) -> None:
        self.facts, self.extras, self.prices = list(facts), list(extras), prices or {}
        self.key, self.today, self.accounts = key, today, dict(accounts or {})
        self.asked: list[tuple[str, Query]] = []
        self.headers: list[Mapping[str, str]] = []
        self.lost: set[date] = set()
        self.scale = Decimal(1)
        self._faults: list[tuple[Fault, str]] = []
        self._lock = threading.Lock()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (_Handler,), {"reports": self}))
        self.url = f"http://127.0.0.1:{self._http.server_port}/"

    @contextmanager
    def running(self) -> Iterator["ReportServer"]:
        thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._http.shutdown()
            thread.join()
            self._http.server_close()

    def fail(self, fault: Fault, path: str = "", times: int = 1) -> None:
        self._faults += [(fault, path)] * times

    def fault(self, path: str) -> Fault | None:
        with self._lock:
            found = next((one for one in self._faults if one[1] in path), None)
            if found:
                self._faults.remove(found)
        return found[0] if found else None

    def answer(self, path: str, query: Query, headers: Mapping[str, str]) -> Body:
        """Return what a request gets. Raises RefusedError."""
        raise NotImplementedError

    def error(self, refused: RefusedError) -> Body:
        raise NotImplementedError

    def cost_of(self, fact: Fact, kind: str) -> Decimal:
        price = self.prices.get(fact.model, {}).get(kind, Decimal(0))
        half = Decimal("0.5") if fact.tier == "batch" else Decimal(1)
        return fact.tokens[kind] * price * half / MILLION * self.scale


class _Handler(BaseHTTPRequestHandler):
    """Reads requests and writes answers; what they mean is the server's."""

    protocol_version = "HTTP/1.1"
    reports: ReportServer

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
        """Stay silent: `asked` tells what came."""

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = parse_qs(parts.query, keep_blank_values=True)
        self.reports.asked.append((parts.path, query))
        fault = self.reports.fault(parts.path)
        if fault == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
            self.connection.close()
        elif fault == "html":
            self._send(200, b"<html><body>Please sign in</body></html>", "text/html")
        elif fault in ("busy", "broken", "denied"):
            refused = {"busy": (429, "rate_limit_error"), "broken": (503, "api_error"), "denied": (403, "permission_error")}[fault]
            self._send(refused[0], self._text(self.reports.error(RefusedError(*refused, f"{fault} on demand"))))
        else:
            status, content = self._answered(parts.path, query)
            self._send(status, content[: len(content) // 2] if fault == "half" else content)

    def _answered(self, path: str, query: Query) -> tuple[int, bytes]:
        try:
            headers = {name.lower(): value for name, value in self.headers.items()}
            self.reports.headers.append(headers)
            return 200, self._text(self.reports.answer(path, query, headers))
        except RefusedError as refused:
            return refused.status, self._text(self.reports.error(refused))

    def _text(self, body: Body) -> bytes:
        return json.dumps(body).encode()

    def _send(self, status: int, content: bytes, kind: str = "application/json") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        if status == 429:
            self.send_header("Retry-After", self.reports.retry_after)
        self.end_headers()
        self.wfile.write(content)


def days(start: date, end: date) -> list[date]:
    return [start + timedelta(days=n) for n in range((end - start).days)]


def paged(start: date, end: date, limit: int, page: str | None) -> tuple[list[date], str | None]:
    """Return the days of one page, and the token of the next one."""
    every = days(date.fromisoformat(_opened(page)) if page else start, end)
    return every[:limit], _sealed(every[limit].isoformat()) if len(every) > limit else None


def _sealed(text: str) -> str:
    return "page_" + base64.urlsafe_b64encode(text.encode()).decode()


def _opened(token: str) -> str:
    try:
        return base64.urlsafe_b64decode(token.removeprefix("page_")).decode()
    except ValueError as problem:
        raise RefusedError(400, "invalid_request_error", f"page: {token} is not a page of this report") from problem


def grouped(rows: Sequence[Body], groups: Sequence[str], fields: Sequence[str], add: Callable[[Body, Body], Body]) -> list[Body]:
    """Add up rows that are alike in `groups`; the other descriptive `fields` become null, as both providers do it."""
    found: dict[tuple[Any, ...], Body] = {}
    for row in rows:
        kept = {name: value if name not in fields or name in groups else None for name, value in row.items()}
        key = tuple(kept.get(name) for name in fields)
        found[key] = add(found[key], kept) if key in found else kept
    return list(found.values())


def one(query: Query, name: str, known: Sequence[str]) -> str | None:
    """Return the single value of a parameter. Raises RefusedError for unknown parameters and repeated ones."""
    for given in query:
        if given not in known:
            raise RefusedError(400, "invalid_request_error", f"{given}: Extra inputs are not permitted")
    values = query.get(name, [])
    if len(values) > 1:
        raise RefusedError(400, "invalid_request_error", f"{name}: is given twice")
    return values[0] if values else None


def within(query: Query, known: Sequence[str], most: int) -> int:
    text = one(query, "limit", known) or "7"
    if not text.isdigit() or not 1 <= int(text) <= most:
        raise RefusedError(400, "invalid_request_error", f"limit: {text} is not from 1 to {most}")
    return int(text)


def groups_of(query: Query, allowed: Sequence[str]) -> list[str]:
    wanted = query.get("group_by[]", [])
    for name in wanted:
        if name not in allowed:
            raise RefusedError(400, "invalid_request_error", f"group_by: {name} is none of {', '.join(allowed)}")
    return wanted
