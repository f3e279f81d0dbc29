"""finops-bot's door, a provider and a real LiteLLM proxy between them, each listening on loopback."""

import json
import os
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from api.app import Door, HttpDoor
from api.guard import Control
from bot.web import HttpServer
from finops.configuration.rulebook_quotas import Quota
from finops.guard.snapshot import Effect, Figures, TokenPrice, compile_snapshot
from finops.ledger.gateway import Gateways, bump
from finops.ledger.state import open_state, writing
from finops.settings import Address
from finops.sources.spool import Limits, SpoolWriter
from gateway.snapshot import key_digest
from tests.conftest import absent, free_port
from tests.fakes.llm_upstream import LlmUpstream

ROOT: Final = Path(__file__).parents[2]
PROXY: Final = ROOT / ".peers" / "litellm" / "bin" / "litellm"
COMPILED = ROOT / ".peers" / "compiled"  # installed without bytecode, its 8,000 files would be compiled at each start: half of the time
KEY: Final = "key-of-the-snapshots-0123456789abcdef"
MASTER: Final = "sk-master-5b0c9f7e2d4a4f0c8a6e1d3b7c9f2e4a"  # LiteLLM will not start without one; it opens nothing here
TOKEN: Final = "token-of-the-gateway"
CLIENTS: Final = {
    "sk-ml-0123456789": {"tenant": "acme", "team": "ml", "env": "prod", "route": "chat", "user": "ann"},
    "sk-ads-0123456789": {"tenant": "globex", "team": "ads", "route": "chat"},
    "sk-lab-0123456789": {"tenant": "acme", "team": "lab", "route": "batch"},
}
ML, ADS, LAB = CLIENTS
PRICES: Final = {
    "gpt-4o": TokenPrice(Decimal("2.50"), Decimal(10), Decimal("1.25")),
    "gpt-4o-mini": TokenPrice(Decimal("0.15"), Decimal("0.60"), Decimal("0.075")),
    "claude-sonnet-4-5": TokenPrice(Decimal(3), Decimal(15), Decimal("0.3"), Decimal("3.75")),
}
MODELS: Final = {
    "gpt-premium": "openai/gpt-4o",
    "gpt-cheap": "openai/gpt-4o-mini",
    "gpt-odd": "openai/nobody-knows-1",
    "claude": "anthropic/claude-sonnet-4-5",
}


def utc_now() -> datetime:
    return datetime.now(UTC)  # noqa: TID251


@dataclass
class Desk:
    """finops-bot's side: change `quotas`, `effects` or `ttl` through `change`, and gateways hear of it."""

    folder: Path
    database: str
    quotas: list[Quota] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)
    figures: Figures = field(default_factory=lambda: Figures(prices=PRICES))
    ttl: int = 15
    port: int = 0

    def __post_init__(self) -> None:
        self.engine = open_state(self.database)
        self.gateways = Gateways(self.engine)
        known = self.gateways.keys()
        for key, identity in CLIENTS.items():
            if key_digest(key) not in known:
                self.gateways.add_key(key_digest(key), identity, utc_now(), "test")
        self.start()

    def start(self) -> None:
        self.spool = SpoolWriter(self.folder / "spool", f"w{time.monotonic_ns()}", Limits(seconds=3600))
        control = Control(KEY.encode(), self.gateways, self._document, lambda: "UTC", utc_now, time.monotonic)
        self._door = HttpDoor(Door((("gateway", TOKEN),), self.spool, utc_now, lambda *_: {}, guard=control))
        self._server = HttpServer(self._door.application("1"), Address("127.0.0.1", self.port))
        self._server.start()
        self.port = self._server.port

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def change(self, **fields: Any) -> int:
        with writing(self.engine) as tx:
            for name, value in fields.items():
                setattr(self, name, value)
            return bump(tx, utc_now(), "test")

    def spooled(self) -> list[dict[str, Any]]:
        folder = self.folder / "spool"
        lines = [line for path in sorted(folder.glob("*.*")) if path.is_file() for line in path.read_bytes().splitlines()]
        found: dict[str, dict[str, Any]] = {}
        for event in map(json.loads, lines):  # as the ledger counts them: each id once
            found.setdefault(event["request_id"], event)
        return list(found.values())

    def stop(self) -> None:
        self._door.leave()
        self._server.stop()
        self.spool.close()

    def close(self) -> None:
        self.stop()
        self.engine.dispose()

    def _document(self, version: int) -> Mapping[str, Any]:
        keys = self.gateways.keys()
        return compile_snapshot(version, utc_now(), self.quotas, self.effects, keys, self.figures, ttl_seconds=self.ttl)


@dataclass
class Reply:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def said(self) -> str:
        """Which model answered, by its own words."""
        document = self.json
        if "choices" in document:
            return str(document["choices"][0]["message"]["content"]).removesuffix(" says hi")
        content = document["output"][0]["content"] if "output" in document else document["content"]
        return str(content[0]["text"]).removesuffix(" says hi")


class Proxy:
    """A LiteLLM proxy of our own with the plug-in, or (guarded=False) without it."""

    def __init__(
        self,
        folder: Path,
        desk_url: str,
        upstream: str,
        *,
        guarded: bool = True,
        workers: int = 1,
        environ: Mapping[str, str] | None = None,
        hooks: tuple[str, str] = ("gateway.litellm_start.guard", "gateway.litellm_start.auth"),
        settings: Mapping[str, Any] | None = None,
        modules: Mapping[str, str] | None = None,
        models: Mapping[str, str] = MODELS,
    ) -> None:
        if not PROXY.exists():
            absent("LiteLLM")
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in (modules or {}).items():
            (folder / f"{name}.py").write_text(text, encoding="utf-8")
        self.folder, self.port = folder, free_port()
        (folder / "config.yaml").write_text(json.dumps(_config(upstream, guarded, hooks, settings or {}, models)), encoding="utf-8")
        self.log = folder / "proxy.log"
        known = {"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONPATH": str(ROOT), "PYTHONPYCACHEPREFIX": str(COMPILED)}
        offline = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "DISABLE_ADMIN_UI": "True", "LITELLM_LOG": "ERROR", "NO_DOCS": "True"}
        ours = {"FINOPS_GATEWAY_URL": desk_url, "FINOPS_GATEWAY_TOKEN": TOKEN, "FINOPS_GATEWAY_KEY": KEY}
        ours |= {"FINOPS_GATEWAY_STATE": str(folder / "state")}
        command = [str(PROXY), "--config", "config.yaml", "--host", "127.0.0.1", "--port", str(self.port), "--telemetry", "False"]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*command, "--num_workers", str(workers)],
                cwd=folder,
                env={**known, **offline, **ours, **(environ or {})},
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def wait(self, seconds: float = 180.0) -> "Proxy":
        """Return once it answers. Raises AssertionError with its log when it does not."""
        until = time.monotonic() + seconds
        while time.monotonic() < until and self.process.poll() is None:
            try:
                with urllib.request.urlopen(f"{self.url}/health/liveliness", timeout=2):
                    return self
            except OSError:
                time.sleep(0.2)
        raise AssertionError(f"the proxy did not come up: {self.log.read_text()[-3000:]}")

    def ended(self, seconds: float = 90.0) -> int:
        return self.process.wait(seconds)

    def stop(self, number: int = signal.SIGTERM) -> None:
        if self.process.poll() is None:
            self.process.send_signal(number)
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(20)
        with suppress(ProcessLookupError):  # also the workers of one that was killed
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)

    def post(self, path: str, body: Mapping[str, Any], key: str = ML, **headers: str) -> Reply:
        told = {"authorization": f"Bearer {key}", "content-type": "application/json"}
        told |= {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(f"{self.url}{path}", json.dumps(body).encode(), told)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return Reply(answer.status, dict(answer.headers.items()), answer.read())
        except urllib.error.HTTPError as refused:
            return Reply(refused.code, dict(refused.headers.items()), refused.read())

    def chat(self, model: str = "gpt-premium", key: str = ML, text: str = "hello", **more: Any) -> Reply:
        return self.post("/v1/chat/completions", {"model": model, "messages": [{"role": "user", "content": text}], **more}, key)


def _config(upstream: str, guarded: bool, hooks: tuple[str, str], settings: Mapping[str, Any], models: Mapping[str, str]) -> dict[str, Any]:
    listed = [
        {"model_name": name, "litellm_params": {"model": real, "api_key": "sk-none", "api_base": _base(upstream, real)}}
        for name, real in models.items()
    ]
    quiet = {"num_retries": 0, "set_verbose": False, **settings}
    if not guarded:
        return {"model_list": listed, "litellm_settings": quiet, "general_settings": {"master_key": MASTER}}
    return {
        "model_list": listed,
        "litellm_settings": {**quiet, "callbacks": hooks[0]},
        "general_settings": {"custom_auth": hooks[1], "master_key": MASTER},
        "router_settings": {"num_retries": 0, "disable_cooldowns": True},
    }


def _base(upstream: str, real: str) -> str:
    return upstream if real.startswith("anthropic/") else f"{upstream}/v1"


def eventually(seen: Callable[[], Any], seconds: float = 20.0) -> Any:
    """Return what `seen` returns once that is true. Raises AssertionError."""
    until = time.monotonic() + seconds
    while not (found := seen()):
        assert time.monotonic() < until, f"it never came: {found!r}"
        time.sleep(0.02)
    return found


def scope(words: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return tuple((name, tuple(values.split(","))) for name, _, values in (word.partition("=") for word in words.split()))


def soon(**span: float) -> datetime:
    return utc_now() + timedelta(**span)


__all__ = ["ADS", "LAB", "ML", "Desk", "LlmUpstream", "Proxy", "Reply", "eventually", "scope", "soon"]
