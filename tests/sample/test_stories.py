"""What the demo tells with the sample: who owns what, what moved and why."""

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
import yaml

from finops.answers import Answer
from finops.ledger.derive import derived_columns
from finops.owners import OwnerRule
from finops.sample import bills

Ask = Callable[[str], list[tuple[Any, ...]]]
Company = Callable[[str], Answer]

BUDGETS: dict[str, Any] = yaml.safe_load((bills.CONFIG / "budgets.yaml").read_text(encoding="utf-8"))
RULES: dict[str, Any] = yaml.safe_load((bills.CONFIG / "rules.yaml").read_text(encoding="utf-8"))
TEAMS = ["data", "marketing", "ml", "platform", "search", "support"]


def cost(answer: Answer) -> Decimal:
    """What an answer in one currency comes to."""
    [sums] = answer.sums
    assert sums.total is not None
    return sums.total


def _rule(entry: dict[str, Any]) -> OwnerRule:
    match = tuple((key, (value,)) for key, value in entry["match"].items())
    return OwnerRule(match, entry.get("team"), entry.get("project"), entry.get("env"), entry.get("from"), entry.get("to"))


def _owned(rules: list[OwnerRule]) -> str:
    """The charges with the owner that `rules` find, in dollars of the sample's rate."""
    [rate] = BUDGETS["fx"]
    columns = ", ".join(f"{sql} AS {name}" for name, sql in derived_columns(rules, BUDGETS["timezone"]).items())
    billed = "SELECT * RENAME (x_Team AS x_BilledTeam, x_Project AS x_BilledProject, x_Env AS x_BilledEnv) FROM charges"
    usd = f"EffectiveCost * CASE BillingCurrency WHEN '{rate['from']}' THEN {rate['rate']} ELSE 1 END AS usd"
    return f"(SELECT *, {columns}, {usd} FROM ({billed}))"


OWNED = _owned([_rule(entry) for entry in BUDGETS["owners"]])


def test_the_owner_rules_find_every_team_and_leave_something_unowned(ask: Ask) -> None:
    teams = [team for (team,) in ask(f"SELECT DISTINCT x_Team FROM {OWNED} ORDER BY ALL")]
    assert [*TEAMS, None] == teams


@pytest.mark.parametrize("entry", BUDGETS["owners"], ids=lambda entry: str(entry["match"]))
def test_every_owner_rule_finds_something(ask: Ask, entry: dict[str, Any]) -> None:
    rule = _rule(entry)
    named = " OR ".join(f"x_{field} IS NOT NULL" for field in ("Team", "Project", "Env"))
    unnamed = " AND ".join(f"x_Billed{field} IS NULL" for field in ("Team", "Project", "Env"))
    assert ask(f"SELECT count(*) > 0 FROM {_owned([rule])} WHERE ({named}) AND {unnamed}") == [(True,)]


def test_a_small_part_is_unowned(company: Company) -> None:
    assert 0.02 < cost(company("team=none last 90d")) / cost(company("last 90d")) < 0.08


def test_language_models_are_half_of_the_last_week_and_grow_fastest(ask: Ask) -> None:
    sums = "sum(usd) FILTER (x_ChargeDay >= '2026-09-21'), sum(usd) FILTER (x_ChargeDay BETWEEN '2026-06-29' AND '2026-07-05')"
    (_, others, others_before), (_, models, models_before) = ask(f"SELECT x_Model IS NOT NULL, {sums} FROM {OWNED} GROUP BY 1 ORDER BY 1")
    assert 0.45 < models / (models + others) < 0.55
    assert models / models_before > 1.5 > others / others_before


@pytest.mark.parametrize("days", range(7))
def test_team_ml_spends_more_than_the_week_before_because_of_the_switched_model(company: Company, days: int) -> None:
    """Whichever weekday the sample is moved to end on."""
    last = date(2026, 9, 21) + timedelta(days=days)
    [usd] = company(f"team=ml {last - timedelta(days=6)}..{last} by=model").sums
    changes = {row.key[0]: row.change for row in usd.rows if row.key[0] and row.change is not None}
    assert [max(changes, key=changes.__getitem__), min(changes, key=changes.__getitem__)] == ["claude-opus-4-8", "claude-sonnet-4-6"]
    assert len(changes) == 6
    assert sum(changes.values()) > 200


def test_the_runaway_weekend_costs_nine_times_as_much(company: Company) -> None:
    """Tokens repeat every 14 days; days 75 and 76 have grown to 1.604 on average, the same days a fortnight later to 1.716."""
    wild, calm = (cost(company(f"feature=ticket-summaries {days}")) for days in ("2026-09-05..2026-09-06", "2026-09-19..2026-09-20"))
    assert round(Decimal(9) * Decimal("1.604") / Decimal("1.716"), 2) == round(wild / calm, 2)


def test_a_twentieth_of_the_code_reviews_is_billed_and_not_measured(company: Company) -> None:
    """What nobody measured is nobody's; of the other models everything was."""
    owned, unowned = (cost(company(f"model=claude-opus-4-8 team={team} 2026-08-01..2026-08-31")) for team in ("platform", "none"))
    assert round(owned * 5 / 95, 2) == round(unowned, 2)


def test_an_idle_node_costs_its_list_price_around_the_clock(ask: Ask) -> None:
    """24 × 21.957642 a day."""
    node = ask(f"SELECT x_Team, x_Project, count(*), min(usd), max(usd) FROM {OWNED} WHERE ResourceName = 'lab-01' GROUP BY ALL")
    assert [("ml", "vision-lab", 20, Decimal("526.983408"), Decimal("526.983408"))] == node


def test_prepaid_credit_covers_what_was_used(ask: Ask) -> None:
    """Over the whole calendar a top-up follows each 5,000 dollars used; the six days cut away hold the first purchase."""
    [(bought, used, billed)] = ask("""
        SELECT sum(BilledCost) FILTER (ChargeCategory = 'Purchase'), sum(EffectiveCost), sum(BilledCost) FILTER (ChargeCategory = 'Usage')
        FROM charges WHERE source = 'openai'""")
    assert (Decimal(0), True) == (billed, abs(bought - used) < 5000)


def test_budgets_name_a_scope_a_person_and_a_channel() -> None:
    keys = {"name", "scope", "period", "amount", "owner", "channel"}
    assert [set()] * len(BUDGETS["budgets"]) == [keys - set(budget) for budget in BUDGETS["budgets"]]
    assert {"idle-gpu", "budget-warning", "budget-brake"} <= {rule["name"] for rule in RULES["rules"]}
