"""A recorded workspace and the smallest server that can show it: for what a page must draw but a live app seldom says."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import slackbox

PAGE = Path(slackbox.__file__).parent / "page"
TYPES = {".svg": "image/svg+xml", ".html": "text/html; charset=utf-8", ".js": "text/javascript", ".css": "text/css"}
POLICY = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
NOW = 1795219200.0  # 2026-11-21 00:00 UTC
ANA, BRUNO, BOT = "U0ANA00001", "U0BRUNO001", "U0FINOPSBT"
COSTS, ML, DIRECT = "C0AICOSTS1", "C0ML000001", "D0ANA00001"
Json = dict[str, Any]


def user(id_: str, name: str, real_name: str, role: str, color: str) -> Json:
    """A person as the state lists them."""
    return {"id": id_, "name": name, "real_name": real_name, "role": role, "deleted": False, "color": color}


def channel(id_: str, name: str, kind: str, members: list[str], topic: str = "", **more: Any) -> Json:
    """A place as the state lists it."""
    return {
        "id": id_,
        "name": name,
        "kind": kind,
        "members": members,
        "topic": topic,
        "external": False,
        "archived": False,
        "unread": 0,
        **more,
    }


def workspace(*messages: Json, views: list[Json] | None = None, home: list[Json] | None = None) -> Json:
    """A state with these messages in #ai-costs."""
    return {
        "revision": 1,
        "now": NOW,
        "me": ANA,
        "team": {"id": "T0LUMENLAB", "name": "Lumen Labs"},
        "app": {"id": "A0FINOPSAP", "name": "finops-bot", "bot_user": BOT, "connected": True},
        "users": [
            user(ANA, "ana", "Ana Keller", "admin", "#9f69e7"),
            user(BRUNO, "bruno", "Bruno Rossi", "member", "#4bbe2e"),
            user(BOT, "finops-bot", "finops-bot", "bot", "#1d9bd1"),
        ],
        "usergroups": [{"id": "S0FINOPSAP", "handle": "finops-approvers", "name": "FinOps approvers", "users": [ANA]}],
        "channels": [
            channel(COSTS, "ai-costs", "public", [ANA, BRUNO, BOT], "What our AI costs"),
            channel(ML, "ml", "private", [ANA, BOT], "Models and training"),
            channel(DIRECT, "", "im", [ANA, BOT]),
        ],
        "commands": [
            {"command": "/cost", "description": "Ask what AI costs", "usage_hint": "team=ml last 7d by model"},
            {"command": "/budget", "description": "Show budgets", "usage_hint": "[team]"},
        ],
        "messages": {COSTS: list(messages), ML: [], DIRECT: []},
        "views": views or [],
        "home": {"id": "V0HOME", "blocks": home or []},
        "images": {},
        "notices": [],
    }


def said(text: str = "", *, at: float = NOW - 3600, by: str = BOT, blocks: list[Json] | None = None, **more: Any) -> Json:
    """A message as the state lists it."""
    plain: Json = {"thread_ts": None, "reply_count": 0, "edited": False, "ephemeral": False, "files": [], "reactions": [], "metadata": None}
    return {"ts": f"{at:.6f}", "user": by, "text": text, "blocks": blocks or [], **plain, **more}


class Recorded:
    """Serves the page over one state, which a test may replace, and keeps what the page posted."""

    def __init__(self, state: Json) -> None:
        self.state = state
        self.posts: list[tuple[str, Json]] = []
        self.refusal: Json | None = None
        self.changed = threading.Condition()
        self.closing = False
        self.url = ""

    def show(self, state: Json) -> None:
        """A new version of what the user sees."""
        with self.changed:
            state["revision"] = self.state["revision"] + 1
            self.state = state
            self.changed.notify_all()

    def close(self) -> None:
        """Let the event streams end."""
        with self.changed:
            self.closing = True
            self.changed.notify_all()


class Handler(BaseHTTPRequestHandler):
    """Page files, the state, the event stream, and a notebook for posts."""

    recorded: Recorded
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        if path == "/_box/state":
            self.answer(200, self.recorded.state)
        elif path == "/_box/events":
            self.stream()
        else:
            self.page("index.html" if path == "/" else path.removeprefix("/page/"))

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.recorded.posts.append((urlsplit(self.path).path.removeprefix("/_box/"), body))
        if self.recorded.refusal:
            self.answer(409, {"ok": False, **self.recorded.refusal})
        else:
            self.answer(200, {"ok": True})

    def page(self, name: str) -> None:
        file = PAGE / name
        if not file.is_file():
            self.answer(404, {"ok": False, "error": "not_found"})
            return
        self.send(200, TYPES[file.suffix], file.read_bytes())

    def stream(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        told = -1
        while not self.recorded.closing:
            with self.recorded.changed:
                if told == self.recorded.state["revision"]:
                    self.recorded.changed.wait(0.2)
                    continue
                told = self.recorded.state["revision"]
            self.wfile.write(f'data: {{"revision": {told}}}\n\n'.encode())
            self.wfile.flush()

    def answer(self, status: int, body: Json) -> None:
        self.send(status, "application/json", json.dumps(body).encode())

    def send(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.send_header("content-security-policy", POLICY)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Quiet: the tests say what went wrong."""


class Server(ThreadingHTTPServer):
    """A browser may hang up at any time; that is no error."""

    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Browsers close streams; real faults show as failed tests."""


@contextmanager
def serving(state: Json) -> Iterator[Recorded]:
    """The recorded workspace on a free port, until the end of the block."""
    recorded = Recorded(state)
    server = Server(("127.0.0.1", 0), type("Bound", (Handler,), {"recorded": recorded}))
    recorded.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield recorded
    finally:
        recorded.close()
        server.shutdown()
        server.server_close()
        thread.join()
