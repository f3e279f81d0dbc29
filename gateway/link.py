"""The link to finops-bot: snapshots by long-poll, shares of quotas, events and usage, all beside the requests."""

import http.client
import json
import logging
import threading
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from gateway.guard import Guard
from gateway.meter import Meter
from gateway.snapshot import Said, SnapshotError, unseal

LOG = logging.getLogger("finops.gateway")
TIMEOUT: Final = 10.0
LONGEST_WAIT: Final = 20.0
PAUSES: Final = (0.1, 0.2, 0.5, 1.0, 2.0)
RENEW: Final = 20.0  # seconds before a share is void
BEAT: Final = 1.0  # seconds between looks at what has to be sent
MOST_EVENTS: Final = 1_000  # kept while nobody takes them; the oldest go first


@dataclass(frozen=True)
class Place:
    """Where finops-bot listens, the token it knows us by, and the key snapshots are signed with."""

    url: str
    token: str
    key: bytes


class LinkError(Exception):
    """finops-bot could not be reached, or refused; `status` where it said one."""

    def __init__(self, why: str, status: int = 0) -> None:
        super().__init__(why)
        self.status = status


class Wire:
    """One kept-alive connection; not for two threads."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._parts = urlsplit(place.url)
        self._connection: http.client.HTTPConnection | None = None

    def ask(self, method: str, path: str, body: bytes | None = None, kind: str = "application/json", timeout: float = TIMEOUT) -> bytes:
        """Return what was answered. Raises LinkError."""
        headers = {"authorization": f"Bearer {self._place.token}", "content-type": kind}
        try:
            connection = self._connected(timeout)
            connection.request(method, f"{self._parts.path.rstrip('/')}{path}", body, headers)
            answer = connection.getresponse()
            told = answer.read()
        except (OSError, http.client.HTTPException) as problem:
            self.close()
            raise LinkError(f"{self._place.url} cannot be reached ({problem or type(problem).__name__})") from problem
        if answer.status >= 300:
            said = told[:200].decode("utf-8", "replace")
            raise LinkError(f"{path.partition('?')[0]} was answered with {answer.status}: {said}", answer.status)
        return told

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connected(self, timeout: float) -> http.client.HTTPConnection:
        if self._connection is None:
            kind = http.client.HTTPSConnection if self._parts.scheme == "https" else http.client.HTTPConnection
            self._connection = kind(self._parts.hostname or "", self._parts.port, timeout=timeout)
        elif self._connection.sock is not None:
            self._connection.sock.settimeout(timeout)
        self._connection.timeout = timeout
        return self._connection


class Link:
    """Two threads: one waits for snapshots, one sends. `stop` hands over what is left."""

    def __init__(
        self,
        guard: Guard,
        meter: Meter,
        place: Place,
        worker: str,
        memory: Path,
        clock: Callable[[], float],
        nonce: Callable[[], str],
    ) -> None:
        self._guard, self._meter, self._place, self._worker = guard, meter, place, worker
        self._memory, self._clock, self._nonce = memory, clock, nonce
        self._stopping = threading.Event()
        self._wake = threading.Event()
        self._seq = 0
        self._events: deque[Mapping[str, Any]] = deque(maxlen=MOST_EVENTS)
        self._threads = [threading.Thread(target=run, name=f"finops-{name}", daemon=True) for name, run in self._parts().items()]
        self._ttl = 15.0
        self.troubles = 0

    def start(self) -> None:
        """Begin with what this machine last knew, as good as it is, and ask for better."""
        self._remember()
        for thread in self._threads:
            thread.start()

    def stop(self, patience: float = 5.0) -> None:
        """Send what waits and give back what was not used; what cannot be sent stays on disk."""
        self._stopping.set()
        self._wake.set()
        self._threads[1].join(patience)
        with suppress(LinkError):
            wire = Wire(self._place)
            self._renew(wire, everything=True)
            self._send(wire)

    def hurry(self) -> None:
        """Ask for shares now rather than at the next beat."""
        self._wake.set()

    def tell(self, kind: str, **detail: Any) -> None:
        """Let finops-bot know of something; it is sent with the next beat."""
        self._events.append({"kind": kind, **detail})

    def poll(self, wire: Wire, wait: float) -> Said:
        """Ask once for a newer snapshot and take it. Raises LinkError or SnapshotError."""
        nonce = self._nonce()
        told = {"have": self._guard.version, "wait": f"{wait:g}", "worker": self._worker, "nonce": nonce}
        text = wire.ask("GET", f"/v1/guard/snapshot?{urlencode(told)}", timeout=wait + TIMEOUT)
        answer = json.loads(text) if text[:1] == b"{" else {}
        said = unseal(json.dumps(answer.get("sealed", {})), self._place.key)
        if said.nonce != nonce:
            raise SnapshotError("an answer is not to the question that was asked; does something between us keep answers?")
        self._take(said, int(answer.get("workers", 1)), text)
        return said

    def _parts(self) -> dict[str, Callable[[], None]]:
        return {"snapshots": self._watch, "sending": self._work}

    def _take(self, said: Said, workers: int, text: bytes) -> None:
        fresh = self._clock() + said.ttl
        if said.version < self._guard.version:
            raise SnapshotError(f"snapshot {said.version} is older than {self._guard.version}, which is known here; it is refused for good")
        if said.snapshot is None:
            self._guard.freshen(fresh, workers)
            return
        self._guard.install(said.snapshot, fresh, workers)
        self._wake.set()  # another version may have other quotas
        with suppress(OSError):
            self._write_memory(text)

    def _write_memory(self, text: bytes) -> None:
        self._memory.parent.mkdir(parents=True, exist_ok=True)
        beside = self._memory.with_name(f"{self._memory.name}.{self._worker}")
        beside.write_bytes(text)
        beside.replace(self._memory)

    def _remember(self) -> None:
        """Install the last snapshot this machine had, as one that is not fresh."""
        try:
            said = unseal(json.dumps(json.loads(self._memory.read_bytes())["sealed"]), self._place.key)
        except (OSError, ValueError, KeyError, TypeError, SnapshotError):
            return
        if said.snapshot is not None:
            self._guard.install(said.snapshot, float("-inf"))

    def _watch(self) -> None:
        wire, failures = Wire(self._place), 0
        while not self._stopping.is_set():
            try:
                said = self.poll(wire, self._patience() if self._guard.is_fresh else 0.0)
                self._ttl = said.ttl
                failures = 0
            except (LinkError, SnapshotError) as problem:
                self.troubles += 1
                if failures in (0, 60):
                    LOG.warning("no news of the limits: %s", problem)
                wire.close()
                self._stopping.wait(PAUSES[min(failures, len(PAUSES) - 1)])
                failures += 1
        wire.close()

    def _patience(self) -> float:
        return min(LONGEST_WAIT, self._ttl / 3)

    def _work(self) -> None:
        wire = Wire(self._place)
        while not self._stopping.is_set():
            self._wake.wait(BEAT)
            self._wake.clear()
            try:
                self._guard.sweep()
                self._renew(wire)
                self._send(wire)
            except LinkError as problem:
                self.troubles += 1
                LOG.debug("not sent yet: %s", problem)
                self._stopping.wait(BEAT)
        wire.close()

    def _renew(self, wire: Wire, *, everything: bool = False) -> None:
        """Tell what was used of each share that runs low, and take what is granted."""
        reports = self._guard.reports(RENEW, everything=everything)
        if not reports:
            return
        self._seq += 1
        asked_at = self._clock()
        body = {"worker": self._worker, "seq": self._seq, "shares": [sent for _, sent in reports]}
        answers = json.loads(wire.ask("POST", "/v1/guard/lease", json.dumps(body).encode()))["shares"]
        for (share, sent), answer in zip(reports, answers, strict=True):
            if answer is not None:
                self._guard.granted(share, sent, answer, asked_at + float(answer["lasts"]), asked_at + float(answer["day_left"]))

    def _send(self, wire: Wire) -> None:
        for path, lines in self._meter.batches():
            try:
                wire.ask("POST", "/v1/usage", lines, "application/x-ndjson")
            except LinkError as refused:
                if refused.status not in (400, 413, 415):
                    raise
                LOG.error("usage in %s is refused and set aside: %s", path.name, refused)
                self._meter.set_aside(path)
                continue
            self._meter.done(path)
        if events := list(self._events):
            body = {"worker": self._worker, "version": self._guard.version, "events": events}
            wire.ask("POST", "/v1/guard/events", json.dumps(body).encode())
            for _ in events:
                self._events.popleft()
