"""An HTTP server on loopback that keeps what it is sent, and answers as it is told."""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Taken:
    """One request as it came."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Said:
    """How a request is answered; with `hangs_up` it is taken and not answered at all."""

    status: int = 202
    body: bytes = b"{}"
    headers: Mapping[str, str] = field(default_factory=dict)
    hangs_up: bool = False


class Sink:
    """Answers with what waits in `next`, else with what `answer` says."""

    def __init__(self) -> None:
        self.taken: list[Taken] = []
        self.next: list[Said] = []
        self.url = ""

    def answer(self, taken: Taken) -> Said:
        return Said()

    @contextmanager
    def running(self) -> Iterator[None]:
        sink = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                taken = Taken(self.path, dict(self.headers.items()), body)
                sink.taken.append(taken)
                said = sink.next.pop(0) if sink.next else sink.answer(taken)
                if said.hangs_up:
                    self.close_connection = True
                    return
                self.send_response(said.status)
                for name, value in {"Content-Type": "application/json", "Content-Length": str(len(said.body)), **said.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(said.body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class calls it so
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{server.server_port}/"
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            server.server_close()
            thread.join()
