"""What gateways ask: snapshots that wait for news, shares of daily quotas, what happened, and decisions for those without our plug-in."""

import asyncio
import itertools
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from api.bodies import Bodies
from api.refusals import RefusalError
from finops.guard.leases import day_at
from finops.guard.snapshot import still
from finops.ledger.gateway import Gateways
from finops.ledger.gateway_shares import Grants
from gateway.decide import Asked
from gateway.guard import Guard, RefusedError, Who
from gateway.snapshot import read_snapshot, seal

LONGEST_WAIT: Final = 25.0
GLANCE: Final = 0.025  # seconds between looks at the version, while somebody waits for it
LARGEST: Final = 1024 * 1024
MOST_SHARES: Final = 5_000
MOST_TOKENS: Final = 10**9
DECIDER: Final = "check"
RENEW: Final = 20.0

Documents = Callable[[int], Mapping[str, Any]]


@dataclass(frozen=True)
class Control:
    """What the answers rest on. `document` compiles the snapshot of a version; `clock` counts seconds that never step back."""

    key: bytes
    gateways: Gateways
    document: Documents
    timezone: Callable[[], str]
    now: Callable[[], datetime]
    clock: Callable[[], float]
    worker: str = DECIDER


class GuardDoor:
    """Answers gateways; everything that waits for the database does so on a thread."""

    def __init__(self, control: Control, bodies: Bodies) -> None:
        self._control, self._bodies = control, bodies
        self._latest = 0
        self._waiting = 0
        self._leaving = False
        self._news = asyncio.Event()
        self._watching: asyncio.Task[None] | None = None
        self._compiled: tuple[int, Mapping[str, Any]] | None = None
        self._compiling = threading.Lock()
        self._decider = _Decider(control, self._document)

    def leave(self) -> None:
        """Answer all who wait, and nobody shall wait again: the server is about to end. Any thread may say so."""
        self._leaving = True

    async def snapshot(self, request: Request) -> Response:
        """Answer at once with a version that is newer than the one they have, else when there is one, else that all still holds."""
        told = request.query_params
        have, worker, nonce = _whole(told.get("have", "0"), "have"), told.get("worker", "")[:120], told.get("nonce", "")[:100]
        wait = min(LONGEST_WAIT, max(0.0, _seconds(told.get("wait", "0"))))
        if not worker:
            raise RefusalError(400, "worker is missing; send a name that no other process has")
        workers = await asyncio.to_thread(self._control.gateways.seen, worker, have, self._control.now())
        version = await self._newer(have, wait)
        text = await asyncio.to_thread(self._sealed, version, have, nonce)
        return Response(f'{{"workers":{workers},"sealed":{text}}}', media_type="application/json")

    async def lease(self, request: Request) -> Response:
        told = await self._body(request)
        worker, seq, shares = told.get("worker"), told.get("seq"), told.get("shares")
        if not (isinstance(worker, str) and worker and isinstance(seq, int) and isinstance(shares, list) and len(shares) <= MOST_SHARES):
            raise RefusalError(400, f'send {{"worker", "seq", "shares": [at most {MOST_SHARES:,}]}}')
        return JSONResponse({"shares": await asyncio.to_thread(self._leased, worker[:120], seq, shares)})

    async def events(self, request: Request) -> Response:
        told = await self._body(request)
        worker, events = told.get("worker"), told.get("events")
        if not (isinstance(worker, str) and worker and isinstance(events, list) and all(isinstance(each, dict) for each in events)):
            raise RefusalError(400, 'send {"worker", "events": [{"kind", …}]}')
        await asyncio.to_thread(self._control.gateways.tell, worker[:120], events, self._control.now())
        return JSONResponse({"taken": len(events)}, 202)

    async def check(self, request: Request) -> Response:
        told = (await self._body(request)).get("input")
        if not isinstance(told, dict):
            raise RefusalError(400, 'input is missing; send {"input": {"key" or "identity", "model", "input_tokens"}}')
        who, asked = _who(told), _asked(told)
        return JSONResponse({"result": await asyncio.to_thread(self._decider.decide, who, asked)})

    async def _body(self, request: Request) -> Mapping[str, Any]:
        async with self._bodies.read(request) as body:
            try:
                found = msgspec.json.decode(body[: LARGEST + 1])
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                found = None
        if not isinstance(found, dict):
            raise RefusalError(400, "the body is not a JSON object of at most 1 MiB")
        return found

    async def _newer(self, have: int, wait: float) -> int:
        """Wait until the version is not `have`; return what it is then."""
        self._latest = await asyncio.to_thread(self._control.gateways.version)
        if self._latest != have or not wait:
            return self._latest
        self._waiting += 1
        if self._watching is None or self._watching.done():
            self._watching = asyncio.create_task(self._watch())
        try:
            async with asyncio.timeout(wait):
                while self._latest == have and not self._leaving:
                    await self._news.wait()
        except TimeoutError:
            pass
        finally:
            self._waiting -= 1
        return self._latest

    async def _watch(self) -> None:
        """One look for all who wait, as long as anybody does."""
        while self._waiting:
            await asyncio.sleep(GLANCE)
            found = await asyncio.to_thread(self._control.gateways.version)
            if found != self._latest or self._leaving:
                self._latest = found
                self._news.set()
                self._news = asyncio.Event()

    def _sealed(self, version: int, have: int, nonce: str) -> str:
        at = self._control.now()
        document = still(version, at) if version == have else {**self._document(version), "issued": at.isoformat()}
        return seal({**document, "nonce": nonce}, self._control.key)

    def _document(self, version: int) -> Mapping[str, Any]:
        with self._compiling:
            if self._compiled is None or self._compiled[0] != version:
                self._compiled = version, self._control.document(version)
            return self._compiled[1]

    def _leased(self, worker: str, seq: int, shares: list[Any]) -> list[dict[str, Any] | None]:
        document = self._document(self._control.gateways.version())
        return self._control.gateways.lease(worker, seq, shares, _grants(self._control, document), self._control.now())


class _Decider:
    """A guard of our own, for gateways that ask before each request and tell us nothing afterwards."""

    def __init__(self, control: Control, document: Documents) -> None:
        self._control, self._document = control, document
        self._guard = Guard(control.clock, lambda: control.now().timestamp())
        self._lock = threading.Lock()
        self._calls = itertools.count(1)
        self._seq = int(control.now().timestamp() * 1000)  # goes on above that of an earlier process of this name
        self._version = 0

    def decide(self, who: Who | str, asked: Asked) -> dict[str, Any]:
        """Return the decision; what it set aside counts as used, for nobody will tell what was."""
        with self._lock:
            version = self._aligned()
            try:
                known = self._guard.admit(who) if isinstance(who, str) else who
                if not isinstance(who, str):
                    self._guard.enter(who)
                call = str(next(self._calls))
                decision = self._reserved(known, call, asked)
                self._guard.charge(call)
            except RefusedError as refusal:
                return _refused(refusal, asked.model, version)
        return {
            "allow": True,
            "status": 200,
            "reasons": list(decision.reasons),
            "route_to": decision.model,
            "limits": list(decision.limits),
            "max_output_tokens": decision.max_output_tokens,
            "retry_after": None,
            "snapshot_version": version,
        }

    def _aligned(self) -> int:
        version = self._control.gateways.version()
        fresh = self._control.clock() + 60.0  # what we just read is as fresh as can be
        if version != self._version:
            document = self._document(version)
            self._guard.install(read_snapshot(document), fresh)
            self._version = version
        self._guard.freshen(fresh)
        return version

    def _reserved(self, who: Who, call: str, asked: Asked) -> Any:
        try:
            return self._guard.reserve(who, call, asked)
        except RefusedError as refusal:
            if not refusal.waits:
                raise
        self._renew()
        return self._guard.reserve(who, call, asked)

    def _renew(self) -> None:
        reports = self._guard.reports(RENEW)
        self._seq += 1
        grants = _grants(self._control, self._document(self._version))
        sent = [report for _, report in reports]
        answers = self._control.gateways.lease(self._control.worker, self._seq, sent, grants, self._control.now())
        at = self._control.clock()
        for (share, report), answer in zip(reports, answers, strict=True):
            if answer is not None:
                self._guard.granted(share, report, answer, at + answer["lasts"], at + answer["day_left"])


def _grants(control: Control, document: Mapping[str, Any]) -> Grants:
    quotas = {
        limit["id"]: (limit.get("tokens_per_day"), None if (cost := limit.get("cost_per_day")) is None else Decimal(cost))
        for limit in document["limits"]
    }
    return Grants(day_at(control.now(), control.timezone()), quotas)


def _refused(refusal: RefusedError, model: str, version: int) -> dict[str, Any]:
    return {
        "allow": False,
        "status": refusal.status,
        "reasons": [refusal.reason],
        "route_to": model,
        "limits": [],
        "max_output_tokens": None,
        "retry_after": refusal.retry_after,
        "snapshot_version": version,
    }


def _who(told: Mapping[str, Any]) -> Who | str:
    """Return a client's API key, or whom a gateway says it has recognised itself."""
    key, identity = told.get("key"), told.get("identity")
    if isinstance(key, str) and key and identity is None:
        return key
    if key is None and isinstance(identity, dict) and identity and all(isinstance(value, str) and value for value in identity.values()):
        known = {str(name): value[:200] for name, value in identity.items() if name != "model"}
        return Who("of:" + msgspec.json.encode(known, order="sorted").decode(), known)
    raise RefusalError(400, 'say who asks: either "key", the client\'s API key, or "identity", such as {"tenant": "acme"}')


def _asked(told: Mapping[str, Any]) -> Asked:
    model, given, most = told.get("model"), told.get("input_tokens"), told.get("max_output_tokens")
    if not isinstance(model, str) or not model:
        raise RefusalError(400, "model is missing; name the model that is asked for")
    for name, value, least in (("input_tokens", given, 0), ("max_output_tokens", most, 1)):
        wrong = isinstance(value, bool) or not isinstance(value, int) or not least <= value <= MOST_TOKENS
        if wrong and not (value is None and name == "max_output_tokens"):
            raise RefusalError(400, f"{name} must be a whole number from {least}; a request of unknown size cannot be limited")
    return Asked(model, given or 0, most)


def _whole(text: str, name: str) -> int:
    if not text.isdecimal() or len(text) > 18:
        raise RefusalError(400, f"{name} must be a whole number from 0")
    return int(text)


def _seconds(text: str) -> float:
    try:
        found = float(text)
    except ValueError:
        found = float("nan")
    if found != found or found < 0:
        raise RefusalError(400, "wait must be seconds from 0")
    return found
