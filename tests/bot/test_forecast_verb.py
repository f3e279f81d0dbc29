"""`/cost forecast …`, from the words to what is told, on bills of a hundred days."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bot.assemble import Tools, assemble
from bot.commands import reply
from bot.replies import Asking, TextReply
from finops.errors import QueryError
from finops.ledger.watched import Looking
from finops.telling.drawings import Course
from tests.ledger.bills import Charge, deliver

NOON = datetime(2026, 4, 11, 12, tzinfo=UTC)
BUDGETS = """
budgets:
  - {name: ml, scope: team=ml, monthly: 5000, owner: "@ana"}
  - {name: search, scope: team=search, monthly: 5000}
  - {name: ml this week, scope: team=ml, weekly: 100}
"""
KEYS = {
    "scope",
    "period",
    "currency",
    "month_to_date",
    "total",
    "low80",
    "high80",
    "low95",
    "high95",
    "method",
    "daily",
    "budget",
    "backtest",
}


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tools]:
    """ml costs 200 a day and search 80, for a hundred days up to yesterday."""
    folder = tmp_path_factory.mktemp("forecast")
    (folder / "budgets.yaml").write_text(BUDGETS)
    (folder / "rules.yaml").write_text("")
    days = [NOON.date() - timedelta(days=n) for n in range(1, 101)]
    with assemble(folder, {"FINOPS_THREADS": "1"}) as made:
        deliver(made.ledger, [Charge(day, cost, team) for day in days for team, cost in (("ml", "200"), ("search", "80"))], at=NOON)
        yield made


def told(tools: Tools, text: str, at: datetime = NOON) -> TextReply:
    said = reply(tools, f"forecast {text}".strip(), Asking("test", at))
    assert isinstance(said, TextReply)
    return said


def document(tools: Tools, text: str) -> Any:
    return told(tools, text).document


def test_the_first_sentence_tells_the_total_and_when_the_budget_is_spent(tools: Tools) -> None:
    assert told(tools, "team=ml").lines[0] == (
        "team=ml will cost about $6,000 in April; 20 % over its budget of $5,000, reached on 26 Apr."
    )


def test_a_budget_that_lasts_is_told_too(tools: Tools) -> None:
    assert told(tools, "team=search").lines[0] == "team=search will cost about $2,400 in April; 52 % below its budget of $5,000."


def test_scripts_get_every_key_of_the_contract(tools: Tools) -> None:
    found = document(tools, "team=ml")
    assert set() == KEYS - set(found)
    assert {"start": "2026-04-01", "end": "2026-05-01"} == found["period"]
    assert ("team=ml", "USD", "2000") == (found["scope"], found["currency"], found["month_to_date"])
    assert {"amount": "5000", "on_track": False, "breach_date": "2026-04-26"}.items() <= found["budget"].items()
    assert {"origins", "wape", "mape_total", "bias", "coverage80", "coverage95", "skill_vs_run_rate"} <= set(found["backtest"])


def test_its_days_add_up_to_its_total(tools: Tools) -> None:
    found = document(tools, "team=ml")
    days = [Decimal(day["cost"]) for day in found["daily"]]
    assert (30, True) == (len(days), abs(sum(days) - Decimal(found["total"])) < Decimal("0.01"))


def test_rows_by_team_add_up_exactly(tools: Tools) -> None:
    found = document(tools, "by=team next month")
    assert ["ml", "search"] == [row["key"]["team"] for row in found["rows"]]
    assert Decimal(found["total"]) == sum(Decimal(row["total"]) for row in found["rows"])
    grid = told(tools, "by=team next month").grid
    assert grid is not None
    assert ["ml", "search", "all"] == [row[0].text for row in grid.rows]


@pytest.mark.parametrize(
    ("words", "start", "end"),
    [
        ("team=ml 30d", "2026-04-11", "2026-05-11"),
        ("30d team=ml", "2026-04-11", "2026-05-11"),
        ("this quarter", "2026-04-01", "2026-07-01"),
    ],
)
def test_the_period_is_the_one_that_was_named(tools: Tools, words: str, start: str, end: str) -> None:
    assert {"start": start, "end": end} == document(tools, words)["period"]


def test_budgets_speak_the_same_number_and_day(tools: Tools) -> None:
    asked: Any = reply(tools, "budgets ml", Asking("test", NOON)).document
    state, found = asked["budgets"][0], document(tools, "team=ml")
    assert Decimal(found["total"]) == Decimal(state["forecast"])
    assert found["budget"]["breach_date"] == state["breach_date"]


def test_without_a_rulebook_the_rule_of_thumb_stands_in(tools: Tools) -> None:
    state = Looking(tools.ledger, NOON).state(tools.rulebook.budgets[0])
    assert (Decimal(6000), None) == (state.forecast, state.breach_date)


def test_a_budget_of_another_period_is_not_the_one_meant(tools: Tools) -> None:
    assert "ml" == document(tools, "team=ml")["budget"]["name"]
    assert "ml this week" == document(tools, "team=ml this week")["budget"]["name"]
    assert None is document(tools, "team=ml 30d")["budget"]


def test_the_picture_shows_what_was_what_will_be_and_what_the_budget_allows(tools: Tools) -> None:
    drawn = told(tools, "team=ml").drawing
    assert isinstance(drawn, Course)
    assert (30, 200.0, None) == (len(drawn.steps), drawn.actual[0], drawn.expected[0])
    assert (None, True) == (drawn.actual[29], (drawn.expected[29] or 0) > 150)
    assert (5000 / 30, "budget, $167 a day") == drawn.level


def test_a_period_ahead_is_drawn_after_the_days_before_it(tools: Tools) -> None:
    drawn = told(tools, "team=ml 30d").drawing
    assert isinstance(drawn, Course)
    assert (date(2026, 3, 21), 51) == (drawn.steps[0], len(drawn.steps))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("team=ml march", "March 2026 is over; ask what it cost: team=ml march"),
        ("last 7d", "a forecast looks ahead; name a period to come"),
        ("until 2028-01-01", "ends more than 400 days from now"),
        ("team=ml vs last month", "a forecast is compared with nothing"),
        ("team=mll", "nothing is known of team=mll, so nothing can be predicted; there is no team 'mll' in the ledger; did you mean 'ml'?"),
        ("ml next month", "'ml' needs its dimension"),
        ("until 2026-04-10", "is over; a forecast needs days to come"),
        ("accuracy by=team", "forecast accuracy takes a scope such as team=ml"),
    ],
)
def test_what_cannot_be_answered_says_what_to_ask_instead(tools: Tools, words: str, said: str) -> None:
    with pytest.raises(QueryError) as caught:
        told(tools, words)
    assert said in str(caught.value)


def test_a_bare_name_is_answered_with_the_whole_question(tools: Tools) -> None:
    with pytest.raises(QueryError) as caught:
        told(tools, "ml next month")
    assert ("forecast team=ml next month",) == caught.value.did_you_mean


def test_an_empty_ledger_is_told_as_such(tmp_path: Path) -> None:
    (tmp_path / "budgets.yaml").write_text("")
    with assemble(tmp_path, {"FINOPS_THREADS": "1"}) as empty, pytest.raises(QueryError, match="the ledger holds no charges"):
        told(empty, "")


def test_before_any_month_has_closed_accuracy_says_what_it_waits_for(tools: Tools) -> None:
    said = told(tools, "accuracy")
    assert said.lines[0].startswith("No forecast of all charges has closed yet")
    assert [] == said.document["horizons"]
