"""What of a delivery is its own, and what is asked in a mention."""

from datetime import date

import pytest

from bot.app import after_mention, changed
from bot.deliveries import delivery_key
from finops.query import CostQuery, parse

BOT = "U0FINOPSBT"
TODAY = date(2026, 9, 28)


def click(trigger: str = "1.2.abc", at: str = "5.0") -> dict[str, object]:
    return {"trigger_id": trigger, "actions": [{"action_ts": at}]}


def test_the_same_delivery_has_the_same_key() -> None:
    assert delivery_key({"event_id": "Ev1", "retry": 1}) == delivery_key({"event_id": "Ev1", "retry": 2})
    assert delivery_key(click()) == delivery_key(click())
    assert delivery_key({"text": "x", "user_id": "U1"}) == delivery_key({"user_id": "U1", "text": "x"})


@pytest.mark.parametrize(
    "other", [click("1.2.abd"), click(at="5.1"), {"event_id": "1.2.abc"}, {"trigger_id": "1.2.abc"}, {"text": "x"}, {}]
)
def test_another_delivery_has_another_key(other: dict[str, object]) -> None:
    assert delivery_key(click()) != delivery_key(other)


def test_a_key_tells_nothing_and_fits_its_column() -> None:
    key = delivery_key({"response_url": "https://hooks.example/" + "x" * 5000})
    assert (45, "body") == (len(key), key.partition(":")[0])


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        (f"<@{BOT}> last 7d", "last 7d"),
        (f"<@{BOT}|finops-bot> last 7d", "last 7d"),
        (f"and now <@{BOT}> last 7d", "last 7d"),
        (f"<@U0ANA00001> look <@{BOT}> last 7d", "last 7d"),
        (f"last 7d <@{BOT}>", "last 7d"),
        (f"<@{BOT}>", ""),
        (f"<@{BOT}> last 7d <@{BOT}>", "last 7d"),
    ],
)
def test_what_follows_the_mention_is_asked(text: str, asked: str) -> None:
    assert asked == after_mention(text, BOT).strip()


def understood(text: str) -> CostQuery:
    return parse(text, TODAY)


def test_another_period_brings_its_own_comparison_and_keeps_the_rest() -> None:
    before = understood("team=ml last 7d by=model cost=billed top 3")
    assert understood("team=ml last month by=model cost=billed top 3") == changed(before, "period", "last month", understood)


def test_a_question_that_compares_with_nothing_goes_on_so() -> None:
    assert changed(understood("last 7d vs none"), "period", "mtd", understood).compare is None


def test_another_breakdown_keeps_the_rest() -> None:
    assert understood("team=ml last 7d by=env") == changed(understood("team=ml last 7d by=model"), "by", "env", understood)
