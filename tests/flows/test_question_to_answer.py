"""A person types, the bot answers: the whole way through Slack, Bolt, the ledger and back."""

from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from tests.flows.slack import ANA, BRUNO, CHEN, COSTS, DORA, FINANCE, Slack, eventually, kinds, question_id, words

WEEK = "ChargePeriodStart >= TIMESTAMP '2026-09-21' AND ChargePeriodStart < TIMESTAMP '2026-09-28'"
TEAM = """coalesce(x_Team, nullif(regexp_extract(Tags, '"team":"([^"]*)"', 1), ''), if(SubAccountId = '555555555555', 'ml', NULL))"""
DOLLARS = "EffectiveCost * if(BillingCurrency = 'EUR', 1.10, 1)"


def asked(bills: Path, what: str) -> list[tuple[Decimal]]:
    """Ask the bills themselves, past everything the bot is made of."""
    with duckdb.connect() as connection:
        return connection.sql(f"SELECT {what} FROM read_parquet('{bills}/*.parquet', union_by_name = true) WHERE {WEEK}").fetchall()


def money(amount: Decimal) -> str:
    return f"${amount:,.2f}"


def test_a_command_is_answered_with_the_bills_own_figure(slack: Slack, sample_bills: Path) -> None:
    [(ml,)] = asked(sample_bills, f"sum({DOLLARS}) FILTER ({TEAM} = 'ml')")
    said = slack.ask("team=ml provider=AWS last 7d by=service")
    assert f"team ml, provider AWS cost {money(ml)} (effective) in the last 7 days, 21–27 Sep" in said


def test_an_answer_is_seen_only_by_who_asked_and_has_a_chart_a_table_and_controls(slack: Slack) -> None:
    answer = slack.type("/cost team=ml last 7d by=model")
    assert answer["ephemeral"]
    assert answer["ts"] not in [each["ts"] for each in slack.messages(ANA)]
    assert {"data_visualization", "data_table", "actions"} <= set(kinds(answer))


def test_a_breakdown_edits_the_same_answer(slack: Slack, sample_bills: Path) -> None:
    answer = slack.type("/cost last 7d by=model", CHEN)
    changed = slack.choose(answer, "by", "By provider", CHEN)
    [(aws,)] = asked(sample_bills, f"sum({DOLLARS}) FILTER (ProviderName = 'AWS')")
    assert changed["edited"]
    assert f"{aws:,.2f}" in words(changed)
    assert "by=provider" in words(changed)


def test_a_period_edits_the_same_answer_and_keeps_the_breakdown(slack: Slack) -> None:
    answer = slack.type("/cost team=ml last 7d by=model", CHEN)
    changed = slack.choose(answer, "period", "Yesterday", CHEN)
    assert "yesterday, 27 Sep" in words(changed)
    assert "team=ml" in words(changed)
    assert "by=model" in words(changed)
    assert [each["ts"] for each in slack.messages(CHEN)].count(answer["ts"]) == 1


def test_a_channel_without_the_bot_gets_answers_too(slack: Slack) -> None:
    assert "All charges came to" in slack.ask("last 7d", DORA, FINANCE)


def test_a_long_series_comes_as_a_picture_that_slack_has_finished(slack: Slack) -> None:
    answer = slack.type("/cost last 30d by=team")
    [image] = [block for block in answer["blocks"] if block["type"] == "image"]
    assert "ml" in image["alt_text"]
    assert slack.box.world.files[image["slack_file"]["id"]].content[:8] == b"\x89PNG\r\n\x1a\n"  # type: ignore[index]


@pytest.mark.parametrize(("typed", "said"), [("tem=ml last 7d", "team"), ("team=serch last 7d", "search"), ("last 7d by=modle", "model")])
def test_a_mistake_is_answered_with_what_was_meant(slack: Slack, typed: str, said: str) -> None:
    answer = slack.ask(typed)
    assert "id you mean" in answer
    assert said in answer


def test_help_shows_examples_and_the_other_words(slack: Slack) -> None:
    answer = slack.ask("help")
    assert "/cost team=ml last 7d" in answer
    assert slack.ask("") == answer


def test_sources_and_loads_tell_what_was_delivered(slack: Slack) -> None:
    assert "anthropic: delivered 2026-09-28 12:00Z, reaches 2026-09-27" in slack.ask("sources")
    assert "aws 2026-09: delivered 2026-09-28 12:00Z" in slack.ask("loads aws 2026-09")


def test_why_replays_an_answer_by_its_id(slack: Slack, sample_bills: Path) -> None:
    identity = question_id(slack.type("/cost provider=Anthropic last 7d"))
    [(anthropic,)] = asked(sample_bills, "sum(EffectiveCost) FILTER (ProviderName = 'Anthropic')")
    told = slack.ask(f"why {identity}")
    assert f"Now answers: {anthropic.normalize():f} USD" in told
    assert "From: anthropic 2026-09" in told
    assert "SELECT" in told


def test_a_mention_in_a_thread_is_answered_there_for_who_asked(slack: Slack) -> None:
    root = slack.call("message", user=ANA, channel=COSTS, text="Why so much last week?")["ts"]
    with slack.new(ANA, only=lambda each: each["ephemeral"]) as seen:
        slack.call("message", user=ANA, channel=COSTS, text="so @finops-bot team=ml last 7d", thread_ts=root)
    assert seen[0]["thread_ts"] == root
    assert "team ml spent" in words(seen[0])
    assert seen[0]["ts"] not in [each["ts"] for each in slack.messages(BRUNO)]


def test_a_mention_is_found_behind_other_mentions(slack: Slack) -> None:
    with slack.new(DORA, only=lambda each: each["ephemeral"]) as seen:
        slack.call("message", user=DORA, channel=COSTS, text="@ana look: @finops-bot team=search last 7d")
    assert "team search spent" in words(seen[0])


def test_the_home_tab_shows_the_bills_and_how_to_ask(slack: Slack) -> None:
    slack.call("home", user=DORA)
    shown = words({"text": "", "blocks": eventually(lambda: slack.home(DORA))})
    assert "*openai* reaches 2026-09-27" in shown
    assert "/cost team=ml last 7d" in shown
