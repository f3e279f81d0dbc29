"""One LiteLLM proxy with the plug-in for all tests that only need one; it takes ten seconds to start."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from finops.guard.snapshot import Effect
from tests.gateway.rig import Desk, LlmUpstream, Proxy, Reply, eventually, soon

CACHING = {"cache": True, "cache_params": {"type": "local"}}


class Rig:
    """The door, the provider, and a proxy between them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.upstream = LlmUpstream()
        self.desk = Desk(folder / "desk", f"sqlite:///{folder / 'desk' / 'state.sqlite'}")
        self.proxy = Proxy(folder / "proxy", self.desk.url, self.upstream.url, settings=CACHING)
        self._numbers = itertools.count()

    def rules(self, quotas: Any = (), effects: tuple[Effect, ...] = ()) -> None:
        """Change what holds, and return once the proxy goes by it."""
        version = self.desk.change(quotas=list(quotas), effects=list(effects))
        eventually(lambda: (found := self.desk.gateways.rollout(soon())).workers and not found.behind and found.version >= version)

    def chat(self, model: str = "gpt-premium", **more: Any) -> Reply:
        """Ask something that nobody asked before."""
        return self.proxy.chat(model, text=more.pop("text", f"hello {next(self._numbers)}"), **more)

    def metered(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        found: dict[str, Any] = eventually(lambda: next((each for each in reversed(self.desk.spooled()) if wanted(each)), None))
        return found

    def told(self) -> list[tuple[str, str]]:
        return [(each.kind, str(each.detail.get("model"))) for each in self.desk.gateways.told(soon(hours=-1))]

    def close(self) -> None:
        self.proxy.stop()
        self.desk.close()
        self.upstream.stop()


@pytest.fixture(scope="session")
def shared_rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    rig = Rig(tmp_path_factory.mktemp("litellm"))
    try:
        rig.proxy.wait()
        yield rig
    finally:
        rig.close()


@pytest.fixture
def rig(shared_rig: Rig) -> Rig:
    """The shared rig, as if new."""
    shared_rig.upstream.failing.clear()
    shared_rig.upstream.asked.clear()
    shared_rig.upstream.pause = 0.0
    shared_rig.rules()
    return shared_rig
