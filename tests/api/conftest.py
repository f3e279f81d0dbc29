"""A door that listens, over a spool of its own and without a ledger."""

import json
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from api.app import Door, HttpDoor
from api.bodies import Bounds
from bot.web import HttpServer
from finops.errors import QueryError
from finops.settings import Address
from finops.sources.spool import Limits, SpoolWriter

TOKEN = "token-of-the-gateway"
NOW = datetime(2026, 9, 28, 12, tzinfo=UTC)


@dataclass
class Reply:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Served:
    """Where the door listens, and what it spooled."""

    url: str
    folder: Path
    spool: SpoolWriter

    def send(
        self, path: str, body: bytes | None = None, *, token: str | None = TOKEN, kind: str = "application/x-ndjson", **more: str
    ) -> Reply:
        headers = {name.replace("_", "-"): value for name, value in more.items()} | {"content-type": kind}
        headers |= {"authorization": f"Bearer {token}"} if token is not None else {}
        try:
            with urllib.request.urlopen(urllib.request.Request(f"{self.url}{path}", body, headers), timeout=30) as answer:
                return Reply(answer.status, dict(answer.headers.items()), answer.read())
        except urllib.error.HTTPError as refused:
            return Reply(refused.code, dict(refused.headers.items()), refused.read())

    def spooled(self) -> list[dict[str, Any]]:
        return [json.loads(line) for path in sorted(self.folder.glob("*.*")) if path.is_file() for line in path.read_bytes().splitlines()]


Serve = Callable[..., Served]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    stopping: list[Callable[[], None]] = []

    def start(
        doors: tuple[tuple[str, str], ...] = (("gateway", TOKEN),),
        limits: Limits | None = None,
        bounds: Bounds | None = None,
        **more: Any,
    ) -> Served:
        folder = tmp_path / "spool"
        spool = SpoolWriter(folder, f"w{len(stopping)}", limits or Limits(seconds=3600))
        door = HttpDoor(Door(doors, spool, lambda: NOW, _answered, bounds=bounds or Bounds(), **more))
        server = HttpServer(door.application("1"), Address("127.0.0.1", 0))
        server.start()
        stopping.extend([server.stop, spool.close])
        return Served(f"http://127.0.0.1:{server.port}", folder, spool)

    yield start
    for stop in stopping:
        stop()


@pytest.fixture
def served(serve: Serve) -> Served:
    return serve()


def _answered(caller: str, question: str, as_of: str | None) -> dict[str, Any]:
    if question == "tem=ml":
        raise QueryError("'tem' is not a field.", suggestion="team=ml", did_you_mean=("team",))
    return {"caller": caller, "asked": question, "as_of": as_of}
