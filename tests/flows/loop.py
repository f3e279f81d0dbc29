"""All parts of the loop, each a real one: LiteLLM with our plug-in, the bot with its door and jobs, a local Slack, a provider."""

import io
import json
import re
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, redirect_stdout
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from bot.assemble import Tools, assemble
from bot.cli import main
from bot.clockwork import runner
from bot.demo import with_slack
from bot.manifest import manifest
from bot.serve import Service
from finops.ledger.audit_chain import Entry
from finops.ledger.outbox import Reference, reference_of
from finops.ledger.proposals import Proposal, history_of, proposal
from finops.yamlfile import parse, plain
from jobs.registry import find
from slackbox.server import Slackbox, start
from slackbox.settings import Settings
from tests.conftest import free_port
from tests.fakes.llm_upstream import LlmUpstream
from tests.flows.slack import ANA, ML, Message, Slack, eventually, words
from tests.gateway.rig import KEY, ROOT, TOKEN, Proxy, Reply, utc_now

PREMIUM, CHEAP = "gpt-4o", "gpt-4o-mini"
DOCS: Final = (ROOT / "docs" / "loop.md").read_text(encoding="utf-8")
BUDGETS, RULES, PROXY = re.findall(r"^```yaml\n(.*?)^```", DOCS, re.DOTALL | re.MULTILINE)  # what the page tells people to write
TOKENS: Final = (100_000, 20_000, 40_000)  # of an answer: in, of which from a cache, and out; 0.6250 USD, or 0.0375 USD by the cheap model
PATIENCE: Final = 60.0  # two cores may be busy with something else


@dataclass
class Ahead:
    """The real clock, set forward: the proxy goes by the real one."""

    by: timedelta = field(default_factory=timedelta)

    def __call__(self) -> datetime:
        return utc_now() + self.by


@dataclass
class Loop:
    """Everything that takes part, and what one sees of it."""

    folder: Path
    tools: Tools
    slack: Slack
    upstream: LlmUpstream
    proxy: Proxy
    clock: Ahead
    client: str

    @property
    def door(self) -> str:
        return f"http://127.0.0.1:{self.slack.service.http_port}"

    def ask_models(self, count: int) -> list[Reply]:
        """Send requests of team ml for the premium model, each a new one."""
        return [self.proxy.chat(PREMIUM, self.client, f"question {time.monotonic_ns()}") for _ in range(count)]

    def answered_by(self, model: str) -> bool:
        """Ask once more, and say whether that model answered: by the answer, and by what the provider was asked for."""
        [reply] = self.ask_models(1)
        return (reply.status, reply.said, self.upstream.models[-1]) == (200, model, model)

    def used_before(self, hours: int) -> None:
        """Let team ml have asked the premium model once in each of the last hours, as another gateway of theirs told us."""
        read, cached, made = TOKENS
        said = {
            "provider": "openai",
            "model": PREMIUM,
            "input_tokens": read,
            "cache_read_tokens": cached,
            "output_tokens": made,
            "team": "ml",
        }
        now = utc_now()
        lines = [
            json.dumps({"time": (now - timedelta(hours=back + 1)).isoformat(), "request_id": f"before-{back}", **said})
            for back in range(hours)
        ]
        headers = {"authorization": f"Bearer {TOKEN}", "content-type": "application/x-ndjson"}
        with urllib.request.urlopen(urllib.request.Request(f"{self.door}/v1/usage", "\n".join(lines).encode(), headers)) as answer:
            assert hours == json.load(answer)["accepted"]

    def requests(self) -> int:
        """Return how many requests of the team the bot knows of."""
        today = utc_now().date()
        question = quote(f"team=ml {today - timedelta(days=1)}..{today + timedelta(days=1)} by=model")
        asked = urllib.request.Request(f"{self.door}/v1/ask?q={question}", headers={"authorization": f"Bearer {TOKEN}"})
        with urllib.request.urlopen(asked, timeout=20) as answer:
            return sum(row.get("units", {}).get("requests", 0) for row in json.load(answer)["rows"])

    def run(self, job: str) -> str:
        """Run a job now, as its clock would, and return what it says."""
        done = runner(self.tools).by_hand(find(job), self.clock())
        return str(done.result)

    @contextmanager
    def away(self) -> Iterator[None]:
        """Stop the bot for a while, and start another one on what the first left."""
        self.slack.service.stop()
        yield
        self.slack.service = serving(self.tools, self.slack.box)

    def messages(self) -> list[Message]:
        """What the bot said in the team's channel; what stands in threads is not among it."""
        return [each for each in self.slack.messages(ANA, ML) if not each.get("ephemeral") and each.get("thread_ts") in (None, each["ts"])]

    def where(self, key: str) -> Reference | None:
        return reference_of(self.tools.ledger.engine, key)

    def message(self, key: str) -> Message:
        where = self.where(key)
        assert where
        return next(each for each in self.slack.messages(ANA, ML) if each["ts"] == where.ts)

    def proposal(self) -> Proposal:
        return proposal(self.tools.ledger.engine, "P-1")

    def history(self) -> list[Entry]:
        return history_of(self.tools.ledger.engine, "P-1")

    def until(self, question: Callable[[], Any]) -> Any:
        """Wait until it is so in Slack; what is owed is brought out as by the clock."""

        def asked() -> Any:
            self.slack.service.slack.courier.wake()
            time.sleep(0.05)
            return question()

        return eventually(asked, PATIENCE)

    def threads(self, key: str) -> list[str]:
        """Return what stands under a message, in order."""
        first = reference_of(self.tools.ledger.engine, key)
        replies = [each for each in self.slack.messages(ANA, ML) if first and each.get("thread_ts") == first.ts != each["ts"]]
        return [words(each) for each in replies]

    def click(self, shown: Message, action: str, user: str) -> None:
        assert self.slack.click(shown, action, user, ML)["acked"]
        self.settled()

    def settled(self) -> None:
        decisions = self.slack.service.slack.decisions
        eventually(lambda: not decisions.desk._open.total() + decisions.acting._open.total(), PATIENCE)


@contextmanager
def looping(folder: Path, database: str) -> Iterator[Loop]:
    """Start everything, the slow proxy first."""
    for name, text in (("budgets.yaml", BUDGETS), ("rules.yaml", RULES)):
        (folder / name).write_text(text)
    address, clock, upstream = f"127.0.0.1:{free_port()}", Ahead(), LlmUpstream()
    upstream.usage = TOKENS
    environ = {"FINOPS_THREADS": "1", "FINOPS_DATABASE_URL": database, "FINOPS_HTTP_ADDRESS": address}
    environ |= {"FINOPS_GATEWAY_KEY": KEY, "FINOPS_API_TOKENS": f"gateway={TOKEN}"}
    with ExitStack() as stack:
        stack.callback(upstream.stop)
        proxy = guarded(folder / "proxy", f"http://{address}", upstream)
        stack.callback(proxy.stop)
        client = key_for(folder, "team=ml", "tenant=acme")
        tools = stack.enter_context(assemble(folder, environ, clock))
        box = stack.enter_context(start(Settings(manifest(), rate_limits=False)))
        loop = Loop(folder, tools, Slack(box, serving(tools, box)), upstream, proxy, clock, client)
        stack.callback(lambda: loop.slack.service.stop())
        proxy.wait()
        yield loop


def serving(tools: Tools, box: Slackbox) -> Service:
    service = Service(with_slack(tools, box), http=True, door=True)
    service.start()
    return service


def guarded(folder: Path, door: str, upstream: LlmUpstream) -> Proxy:
    """Start a proxy with the models and hooks of the page."""
    written: Any = plain(parse(PROXY, "config.yaml"))
    models = {each["model_name"]: each["litellm_params"]["model"] for each in written["model_list"]}
    hooks = (written["litellm_settings"]["callbacks"], written["general_settings"]["custom_auth"])
    return Proxy(folder, door, upstream.url, models=models, hooks=hooks)


def key_for(folder: Path, *identity: str) -> str:
    """Make a client's key by the command, in the database that the environment names."""
    printed = io.StringIO()
    with redirect_stdout(printed):
        assert 0 == main(["--config", str(folder), "gateway", "add-key", *identity, "--json"])
    return str(json.loads(printed.getvalue())["key"])
