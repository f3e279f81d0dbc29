"""The loop, end to end with real parts: LiteLLM with our plug-in, PostgreSQL, a local Slack, a provider of models."""

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from bot.cli import main
from tests.flows.decided import buttons, together
from tests.flows.loop import CHEAP, PREMIUM, Loop, looping
from tests.flows.slack import BRUNO, DORA, ML, Message, words

pytestmark = pytest.mark.postgres
BEFORE, TRAFFIC, SINCE = 6, 17, 8  # requests of the team: in the hours before, that take it over its budget, and after the approval


@pytest.fixture
def loop(tmp_path: Path, postgres_database: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Loop]:
    monkeypatch.setenv("FINOPS_DATABASE_URL", postgres_database)  # for the commands that are run beside the bot
    with looping(tmp_path, postgres_database) as loop:
        yield loop


def test_traffic_over_a_budget_is_approved_onto_the_cheap_model_and_comes_back_by_itself(
    loop: Loop, capsys: pytest.CaptureFixture[str]
) -> None:
    within_its_budget_nothing_is_said(loop)
    traffic_takes_it_over_its_budget(loop)
    shown = one_message_tells_of_it_and_proposes_something(loop)
    a_stranger_is_refused_and_changes_nothing(loop, shown)
    two_clicks_at_once_are_one_vote_and_one_execution(loop, shown)
    the_cheap_model_answers(loop)
    after_half_an_hour_the_thread_tells_what_was_saved(loop)
    while_the_bot_is_away_the_cheap_model_goes_on(loop)
    when_its_time_is_over_the_premium_model_answers(loop)
    the_end_is_measured_and_nothing_more_is_told(loop)
    assert (0, "") == (main(["--config", str(loop.folder), "audit", "verify"]), capsys.readouterr().err)


def within_its_budget_nothing_is_said(loop: Loop) -> None:
    loop.used_before(BEFORE)
    loop.until(lambda: loop.requests() == BEFORE)
    assert ("nothing new", []) == (loop.run("check-budgets"), loop.messages())


def traffic_takes_it_over_its_budget(loop: Loop) -> None:
    """17 requests at 0.625 USD are more than its 10 USD, in whichever month those before were."""
    assert Counter({(200, PREMIUM): TRAFFIC}) == Counter((reply.status, reply.said) for reply in loop.ask_models(TRAFFIC))
    loop.until(lambda: loop.requests() == BEFORE + TRAFFIC)


def one_message_tells_of_it_and_proposes_something(loop: Loop) -> Message:
    runs = [loop.run("check-budgets") for _ in range(3)]
    assert ["1 fired (A-1); P-1 is proposed", "nothing new", "nothing new"] == runs
    loop.until(lambda: loop.threads("alert:A-1") and loop.where("proposal:P-1"))
    [shown] = loop.messages()
    assert "A-1: ml has spent $1" in words(shown)
    assert ["proposal.approve", "proposal.deny", "proposal.cancel", "alert.ack", "alert.snooze"] == buttons(shown)
    [said] = loop.threads("alert:A-1")
    assert ("P-1" in said, "is proposed") == (True, said[-11:])
    for part in ("gpt-4o → gpt-4o-mini", "team=ml", "an hour (80 %: ", "the 23 requests of the last 24 h", "Must agree: 1 of @ml-leads"):
        assert part in words(shown)
    return shown


def a_stranger_is_refused_and_changes_nothing(loop: Loop, shown: Message) -> None:
    with loop.slack.new(DORA, ML, only=lambda each: each["ephemeral"]) as told:
        loop.click(shown, "proposal.approve", DORA)
    assert "You are in no group that decides this; it takes 1 of @ml-leads." in words(told[0])
    assert ("pending", shown) == (loop.proposal().state, loop.message("proposal:P-1"))
    assert [("proposal.refused", DORA)] == [(entry.action, entry.actor) for entry in loop.history() if entry.actor != "finops-bot"]
    assert loop.answered_by(PREMIUM)


def two_clicks_at_once_are_one_vote_and_one_execution(loop: Loop, shown: Message) -> None:
    with loop.slack.new(BRUNO, ML, only=lambda each: "already" in words(each)) as told:
        together(*[lambda: loop.click(shown, "proposal.approve", BRUNO)] * 2)
    loop.until(lambda: loop.proposal().state == "active")
    assert "You approved P-1 already" in words(told[0])
    done = Counter(entry.action for entry in loop.history())
    assert [1, 1, 1, 1] == [done[each] for each in ("proposal.vote", "proposal.approve", "proposal.start", "effect.calling")]
    loop.until(lambda: "In force until" in words(loop.message("proposal:P-1")))
    assert {"proposal.end"} == {"proposal.approve", "proposal.deny", "proposal.end"} & set(buttons(loop.message("proposal:P-1")))
    assert f"Agreed: <@{BRUNO}>, " in words(loop.message("proposal:P-1"))


def the_cheap_model_answers(loop: Loop) -> None:
    """The one that sees whether the proxy knows counts as well."""
    asked = len(loop.upstream.models)
    loop.until(lambda: loop.answered_by(CHEAP))
    premium = loop.upstream.models[asked:].count(PREMIUM)
    assert [CHEAP] * (SINCE - 1) == [reply.said for reply in loop.ask_models(SINCE - 1)]
    assert [PREMIUM] * premium + [CHEAP] * SINCE == loop.upstream.models[asked:]
    loop.until(lambda: loop.requests() == BEFORE + len(loop.upstream.models))


def after_half_an_hour_the_thread_tells_what_was_saved(loop: Loop) -> None:
    """8 requests at 0.6250 USD less 0.0375 USD each are 4.70 USD."""
    loop.clock.by += timedelta(minutes=33)
    assert "measured 1" == loop.run("settle-actions")
    loop.until(lambda: len(loop.threads("proposal:P-1")) == 2)
    _, said = loop.threads("proposal:P-1")
    for part in ("after it began: promised 0.", "measured 4.70 USD", "about 8 requests were answered by the cheaper model"):
        assert part in said


def while_the_bot_is_away_the_cheap_model_goes_on(loop: Loop) -> None:
    with loop.away():
        assert loop.answered_by(CHEAP)
    loop.until(lambda: loop.requests() == BEFORE + len(loop.upstream.models))


def when_its_time_is_over_the_premium_model_answers(loop: Loop) -> None:
    loop.clock.by += timedelta(minutes=28)
    assert f"P-1 is ended, agreed to by {BRUNO}" in loop.run("settle-actions")
    loop.until(lambda: loop.answered_by(PREMIUM))
    loop.until(lambda: "Over; everything is put back (its time is over)." in words(loop.message("proposal:P-1")))
    assert ["alert.ack", "alert.snooze"] == buttons(loop.message("proposal:P-1"))


def the_end_is_measured_and_nothing_more_is_told(loop: Loop) -> None:
    loop.clock.by += timedelta(minutes=3)
    assert ["measured 1", "nothing to settle"] == [loop.run("settle-actions") for _ in range(2)]
    loop.until(lambda: len(loop.threads("proposal:P-1")) == 3)
    assert "in all: promised 0." in loop.threads("proposal:P-1")[2]
    assert ("nothing new", 1) == (loop.run("check-budgets"), len(loop.messages()))
    assert loop.answered_by(PREMIUM)
