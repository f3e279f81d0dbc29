"""Estimates beside bills as people meet them: `/cost reconcile`, the alert, the recovery, and the command line."""

import json
import os
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import count
from pathlib import Path

import pytest

from bot.assemble import Tools, assemble
from bot.cli import main
from bot.clockwork import runner
from bot.messenger import Messenger
from bot.noticing import Noticing
from finops.ledger.loads import Delivery
from finops.ledger.reconciliations import kept
from finops.ledger.usage import publish
from finops.periods import DAY, Period
from finops.pricing.book import price_book
from finops.sources.anthropic import PROVIDER
from finops.sources.llm_bills import write as write_bill
from finops.sources.llm_lines import Line, Traits
from finops.sources.usage_events import Event, write
from jobs.ingest_bills import ingest_files
from jobs.registry import find
from tests.flows.slack import BRUNO, Slack, connected, words
from tests.jobs.conftest import Clock

MODEL = "claude-sonnet-4-5-20250929"
FIRST, NOON = date(2026, 11, 10), datetime(2026, 11, 16, 12, tzinfo=UTC)
NAME = "bill of Anthropic claude-sonnet-4-5"


@pytest.fixture
def clock() -> Clock:
    return Clock(NOON)


@pytest.fixture
def tools(clock: Clock, tmp_path: Path) -> Iterator[Tools]:
    with assemble(tmp_path, {"FINOPS_THREADS": "1"}, clock) as tools:
        yield tools


@pytest.fixture
def slack(tools: Tools) -> Iterator[Slack]:
    with connected(tools) as slack:
        yield slack


def measure(tools: Tools, days: int, lost: int = 0, first: date = FIRST) -> None:
    """Ten requests a day of a million tokens in and 100,000 out, 45 dollars in all; the last `lost` of the last day are not sent."""
    made = [
        Event(
            request_id=f"{first + n * DAY}-{k}",
            time=datetime.combine(first + n * DAY, datetime.min.time(), UTC) + timedelta(hours=k),
            provider="Anthropic",
            model=MODEL,
            input_tokens=100_000,
            output_tokens=10_000,
        )
        for n in range(days)
        for k in range(10 - (lost if n == days - 1 else 0))
    ]
    path = tools.config / "events.jsonl"
    path.write_bytes(write(made))
    publish(tools.ledger, [path], price_book(()), Delivery(tools.now(), tools.now(), "test"))


def bill(tools: Tools, days: int, lines: list[Line] | None = None, source: str = "claude") -> None:
    """The provider's bill of as many days, ten requests each."""
    kinds = (("input", 1_000_000, "3.00"), ("output", 100_000, "1.50"))
    usual = [
        Line(FIRST + n * DAY, Decimal(cost), "USD", "wrkspc-1", kind, MODEL, kind, Traits("standard"), Decimal(tokens), "Tokens")
        for n in range(days)
        for kind, tokens, cost in kinds
    ]
    file = tools.config / f"{source}.csv"
    write_bill([(line, None) for line in lines or usual], PROVIDER, file)
    ingest_files(tools.ledger, [file], "anthropic", delivery=Delivery(tools.now(), tools.now(), "test"), source=source)


def check(tools: Tools) -> str:
    said = runner(tools).by_hand(find("reconcile-bills"), tools.now()).result
    assert said is not None
    return said


names = map(str, count(1))


def noticing(tools: Tools, slack: Slack) -> Noticing:
    return Noticing(tools.ledger, Messenger(slack.service.slack.client), "#ai-costs", tools.now, lambda: next(names))


def test_a_loss_is_alerted_once_and_its_end_once(tools: Tools, slack: Slack, clock: Clock) -> None:
    measure(tools, 4, lost=4)
    bill(tools, 4)
    assert "compared 4 days of 1 provider: within 2 % except Anthropic claude-sonnet-4-5 on 2026-11-13 (+40 %, missing events)" == check(
        tools
    )
    telling = noticing(tools, slack)
    with slack.new(BRUNO) as seen:
        assert [1, 0] == [telling.tell(), telling.tell()]
    said = words(seen[0])
    assert f"{NAME} differs from the estimate since 2026-11-16 12:00Z: 13 Nov: billed $4.50, estimated $2.70: +$1.80 (+40 %)." in said
    assert "Missing events (+$1.80): 40 % of the tokens that the provider counts were not measured." in said
    assert "Look for callers that go past the gateway" in said
    clock.forward(days=1)
    check(tools)
    assert 0 == telling.tell()
    measure(tools, 1, first=FIRST + 3 * DAY)  # with the four that were missing
    assert "compared 4 days of 1 provider: all within 2 %" == check(tools)
    with slack.new(BRUNO) as over:
        assert [1, 0] == [telling.tell(), telling.tell()]
    assert f"{NAME} is within the tolerance again. It differed from 2026-11-16 12:00Z to 2026-11-17 12:00Z." in words(over[0])
    assert {"within"} == {row.status for row in kept(tools.ledger.engine, Period(FIRST, FIRST + 4 * DAY))}


def test_a_question_is_answered_with_sums_and_causes(tools: Tools, slack: Slack) -> None:
    measure(tools, 5, lost=4)
    bill(tools, 5)
    said = slack.ask("reconcile")
    assert "Anthropic billed $22.50, estimated $20.70: +$1.80 (+8 %). Beyond 2 % on 1 day of 17 Oct – 15 Nov (UTC)." in said
    assert "Anthropic claude-sonnet-4-5, 14 Nov: billed $4.50, estimated $2.70: +$1.80 (+40 %). Missing events (+$1.80)" in said
    assert "Anthropic\nclaude-sonnet-4-5\nover: missing events\n$20.70\n$22.50\n+$1.80\n+8 %" in said
    assert "Nothing was measured or billed for these providers and models" in slack.ask("reconcile provider=openai")
    assert "Anthropic claude-sonnet-4-5 billed $22.50, estimated $20.70" in slack.ask("reconcile model=claude-sonnet* 2026-11")
    assert "Nothing was measured or billed for these" in slack.ask("reconcile model!=claude-sonnet-4.5 provider=OpenAI")
    assert "reconcile takes provider=, model= and a period, not team=" in slack.ask("reconcile team=ml")


def test_a_bill_loaded_from_two_sources_is_told(tools: Tools, slack: Slack) -> None:
    measure(tools, 2)
    bill(tools, 2)
    bill(tools, 2, source="invoice")
    said = slack.ask("reconcile")
    assert "claude and invoice both bill Anthropic, account wrkspc-1 on 2 days: $9.00 is counted twice; keep one of the two sources" in said
    assert "billed $18.00, estimated $9.00: +$9.00 (+50 %)" in said


def test_what_is_missing_is_said_plainly(tools: Tools, slack: Slack) -> None:
    assert "No usage was measured" in slack.ask("reconcile")
    assert "nothing to compare: no usage was measured" == check(tools)
    measure(tools, 2)
    assert "No bill of a model provider reaches these days" in slack.ask("reconcile")
    assert "nothing to compare yet: no day has both measured usage and a complete bill" == check(tools)


def test_a_discount_is_named_with_its_way_out(tools: Tools, slack: Slack) -> None:
    measure(tools, 3)
    lines = [
        Line(FIRST + n * DAY, Decimal(cost), "USD", "w", kind, MODEL, kind, Traits("standard"), Decimal(tokens), "Tokens")
        for n in range(3)
        for kind, tokens, cost in (("input", 1_000_000, "0.60"), ("output", 100_000, "0.30"))
    ]
    bill(tools, 3, lines)
    said = slack.ask("reconcile last 7d")
    assert "every kind of token is billed at 0.20 of our price: a discount of 80 %" in said
    assert "Put the price or the discount into prices in budgets.yaml" in said


def test_the_command_line_prints_one_document(
    tools: Tools, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    measure(tools, 5, lost=4)
    bill(tools, 5)
    for name in [name for name in os.environ if name.startswith(("SLACK_", "FINOPS_"))]:
        monkeypatch.delenv(name)
    assert 0 == main(["reconcile", "2026-11", "--json", "--as-of", "2026-11-16", "--config", str(tmp_path)])
    told = json.loads(capsys.readouterr().out)
    model, whole = told["rows"][:2]
    assert ("claude-sonnet-4-5", None) == (model["model"], whole["model"])
    assert ("20.7", "22.5", "1.8", 0.08, "over") == tuple(
        whole[key] for key in ("estimated", "billed", "difference", "difference_share", "status")
    )
    assert [("missing events", "1.8", False)] == [(cause["cause"], cause["amount"], cause["perhaps"]) for cause in model["causes"]]
    assert [{"start": "2026-11-14", "end": "2026-11-15"}] == told["beyond"][0]["days_beyond"]
    assert 0 == main(["ask", "reconcile", "--as-of", "2026-11-16", "--config", str(tmp_path)])
    assert "Estimates and bills" in capsys.readouterr().out
    assert 2 == main(["reconcile", "by=team", "--config", str(tmp_path)])
    assert "For example: reconcile last 30d" in capsys.readouterr().err
