"""`finops-bot demo`: a local Slack in the browser, real sample bills, and the bot between them."""

import contextlib
import html
import json
import os
import signal
import sys
import tempfile
import time
import urllib.request
import webbrowser
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from bot.assemble import Tools, assemble, environment, is_terminal, set_up_logging
from bot.manifest import manifest
from bot.stopping import Stopping
from finops.errors import FinopsError, UserError
from finops.sample import bills
from finops.secret import Secret
from jobs.ingest_bills import delivered, ingest_files
from slackbox.server import Slackbox, start
from slackbox.settings import Settings as BoxSettings

CHANNEL: Final = "ai-costs"
CONFIGURATION: Final = {"budgets.yaml": "budgets.yaml", "rules.yaml": "demo-rules.yaml"}
QUESTIONS: Final = (
    "/cost team=ml last 7d by=model",
    "/cost last 30d by=team",
    "/cost mtd by=provider vs last month",
    "/cost team=none last 7d by=service top 5",
    "/cost custo por modelo últimos 7d",
)
ANSWER_SECONDS: Final = 20.0
OURS: Final = ".finops/demo"  # marks a folder whose ledger the demo made
RESPECTED: Final = ("FINOPS_WORKERS", "FINOPS_LOG_LEVEL", "FINOPS_MEMORY_LIMIT", "FINOPS_THREADS")


@dataclass(frozen=True)
class Asked:
    """One demo question, what came back in the local Slack, and after how long."""

    question: str
    answer: str
    blocks: tuple[str, ...]
    seconds: float


def demo(config: Path | None, *, port: int, opens: bool, once: bool, as_json: bool) -> int:
    """Run until Ctrl-C, or answer the demo questions `once` and print what happened."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # while it starts, both signals clean up
    _stay_here()
    with contextlib.ExitStack() as stack:
        box = stack.enter_context(_slack(port))
        folder = config or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="finops-bot-demo-")))
        tools = stack.enter_context(_tools(folder))
        set_up_logging("WARNING", tools.settings.secrets())
        _say("finops-bot demo: loading real sample bills …")
        loaded = load_sample(tools)
        _say(f"  {loaded:,} charges of {len(bills.SOURCES)} bills, the last day is yesterday ({folder})")
        stack.enter_context(serving(tools, box, clock=not once))
        return _once(tools, box, as_json=as_json) if once else _until_stopped(box, opens=opens)


def _stay_here() -> None:
    """Forget the user's own Slack app and proxy: libraries would read both, and the demo speaks to this machine only."""
    for name in [name for name in os.environ if name.startswith("SLACK_") or name.lower().endswith("_proxy")]:
        del os.environ[name]


def _slack(port: int) -> Slackbox:
    try:
        return start(BoxSettings(manifest=manifest(), port=port))
    except OSError as problem:
        why = os.strerror(problem.errno or 0)
        raise UserError(f"port {port} cannot be used ({why}); choose another with --port, or leave it out") from problem


def _tools(folder: Path) -> Tools:
    """Open the demo's own ledger: nothing of the environment leads elsewhere, and no ledger of the user's takes sample bills in."""
    if (folder / ".finops").exists() and not (folder / OURS).exists():
        raise UserError(
            f"{folder} holds a ledger already, and the demo would add sample bills to it; give an empty folder, or leave --config out"
        )
    (folder / OURS).parent.mkdir(parents=True, exist_ok=True)
    (folder / OURS).touch()
    for name, sample in CONFIGURATION.items():
        if not (folder / name).exists():
            (folder / name).write_bytes((files("finops.sample") / "config" / sample).read_bytes())
    return assemble(folder, {name: value for name, value in environment().items() if name in RESPECTED})


def load_sample(tools: Tools) -> int:
    """Load the sample bills and usage, moved so that their last day is yesterday; return how many charges they hold."""
    from finops.ledger.usage_intake import take_in
    from finops.pricing.book import price_book

    now, yesterday = tools.now(), tools.today(tools.now()) - timedelta(days=1)
    rows = 0
    with tempfile.TemporaryDirectory(dir=tools.config / ".finops", prefix="sample-") as folder:
        delivery = delivered(None, now, "demo", accept=False)
        for bill in bills.write(Path(folder), yesterday):
            done = ingest_files(tools.ledger, [bill.path], "focus", delivery=delivery, source=bill.source)
            rows += sum(load.rows for load in done.loads)
        usage = bills.write_usage(Path(folder) / "usage.jsonl", yesterday)
        taken = take_in(tools.ledger, [usage], price_book(tools.rulebook.prices), delivery, "gateway")
    tools.ledger.split_ahead(now)
    return rows + sum(load.rows for load in taken.loads)


@contextlib.contextmanager
def serving(tools: Tools, box: Slackbox, *, clock: bool = False) -> Iterator[None]:
    """Run the bot against the local Slack, by Socket Mode, without a listener of its own; with `clock` its jobs run as well."""
    from bot.clockwork import scheduler
    from bot.serve import Service

    service = Service(with_slack(tools, box), http=False)
    jobs = scheduler(tools, service.slack.client) if clock else None
    try:
        service.start()
        if jobs:
            jobs.start()
        yield
    finally:
        if jobs:
            jobs.stop()
        service.stop()


def with_slack(tools: Tools, box: Slackbox) -> Tools:
    """Point the tools at the local Slack: its address and the tokens that open nothing but it."""
    bot, app = Secret(box.settings.bot_token), Secret(box.settings.app_token)
    tools.settings = replace(
        tools.settings,
        slack_api_url=box.api_url,
        slack_bot_token=bot,
        slack_app_token=app,
        slack_signing_secret=None,
        slack_alerts_channel=f"#{CHANNEL}",
    )
    return tools


def _until_stopped(box: Slackbox, *, opens: bool) -> int:
    stopping = Stopping()
    waits = f"In #{CHANNEL} an approval waits: Ana or Dora may click Approve."
    _say(f"\n  Open {box.url} and type:  {QUESTIONS[0]}\n  {waits}\n  Ctrl-C ends the demo.")
    if opens and is_terminal():
        webbrowser.open(box.url)
    stopping.wait()
    return 0


def _once(tools: Tools, box: Slackbox, *, as_json: bool) -> int:
    from bot.demo_posts import post_approval

    asked = [ask_in_slack(box, question) for question in QUESTIONS]
    posted = [post_approval(tools, lambda channel: _messages(box, channel))]
    if as_json:
        told = {"slack": box.url, "asked": [vars(one) for one in asked], "posted": [vars(one) for one in posted]}
        print(json.dumps(told, ensure_ascii=False, indent=2))
        return 0
    for one in asked:
        print(f"\n> {one.question}\n{one.answer}\n  [{', '.join(one.blocks)}; {one.seconds:.2f} s]")
    for each in posted:
        print(f"\n# {each.kind} {each.id or ''}\n{each.text}\n  [{', '.join(each.blocks) or 'not posted'}; {each.seconds:.2f} s]")
    return 0


def _messages(box: Slackbox, channel: str) -> list[dict[str, Any]]:
    """What a member sees in a channel."""
    found: list[dict[str, Any]] = _call(box, f"state?user={_member(box)}")["messages"].get(channel, [])
    return found


def ask_in_slack(box: Slackbox, question: str) -> Asked:
    """Type a slash command as a member and wait for the answer only that member sees. Raises FinopsError when none comes."""
    state = _call(box, "state?user=" + _member(box))
    user, channel = state["me"], next(one["id"] for one in state["channels"] if one["name"] == CHANNEL)
    before = len(state["messages"].get(channel, ()))
    began = time.monotonic()
    _call(box, "command", {"user": user, "channel": channel, "text": question})
    while time.monotonic() - began < ANSWER_SECONDS:
        messages = _call(box, f"state?user={user}")["messages"].get(channel, [])
        if len(messages) > before:
            last = messages[-1]
            types = tuple(block["type"] for block in last["blocks"])
            return Asked(question, html.unescape(last["text"]), types, round(time.monotonic() - began, 3))
        time.sleep(0.02)
    raise FinopsError(f"no answer to '{question}' within {ANSWER_SECONDS:g} s; look at {box.url}/_box/log")


def _member(box: Slackbox) -> str:
    return next(user.id for user in box.world.users.values() if user.role == "member")


def _call(box: Slackbox, path: str, body: Mapping[str, Any] | None = None) -> Any:
    data = json.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(f"{box.url}/_box/{path}", data=data, headers={"Content-Type": "application/json"})  # noqa: S310 - our own server
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
        return json.load(answer)


def _say(text: str) -> None:
    print(text, file=sys.stderr)
