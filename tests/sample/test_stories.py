"""What the demo tells with the sample: who owns what, what moved and why."""

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
import yaml

from finops.ledger.derive import derived_columns
from finops.owners import OwnerRule
from finops.sample import bills

Ask = Callable[[str], list[tuple[Any, ...]]]

BUDGETS: dict[str, Any] = yaml.safe_load((bills.CONFIG / "budgets.yaml").read_text(encoding="utf-8"))
RULES: dict[str, Any] = yaml.safe_load((bills.CONFIG / "rules.yaml").read_text(encoding="utf-8"))
TEAMS = ["data", "marketing", "ml", "platform", "search", "support"]


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


def test_a_small_part_is_unowned(ask: Ask) -> None:
    [(share,)] = ask(f"SELECT sum(usd) FILTER (x_Team IS NULL) / sum(usd) FROM {OWNED}")
    assert 0.02 < share < 0.08


def test_language_models_are_half_of_the_last_week_and_grow_fastest(ask: Ask) -> None:
    sums = "sum(usd) FILTER (x_ChargeDay >= '2026-09-21'), sum(usd) FILTER (x_ChargeDay BETWEEN '2026-06-29' AND '2026-07-05')"
    (_, others, others_before), (_, models, models_before) = ask(f"SELECT x_Model IS NOT NULL, {sums} FROM {OWNED} GROUP BY 1 ORDER BY 1")
    assert 0.45 < models / (models + others) < 0.55
    assert models / models_before > 1.5 > others / others_before


@pytest.mark.parametrize("days", range(7))
def test_team_ml_spends_more_than_the_week_before_because_of_the_switched_model(
    written: Callable[[date], list[bills.Bill]], asker: Callable[[list[bills.Bill]], Ask], days: int
) -> None:
    yesterday = date(2026, 9, 21) + timedelta(days=days)
    models = [bill for bill in written(yesterday) if bill.source in ("anthropic", "openai")]
    changes = _changes_by_model(asker(models), yesterday)
    assert [max(changes, key=changes.__getitem__), min(changes, key=changes.__getitem__)] == ["claude-opus-4-8", "claude-sonnet-4-6"]
    assert len(changes) == 6
    assert sum(changes.values()) > 200


def _changes_by_model(ask: Ask, yesterday: date) -> dict[str, Decimal]:
    week, before = yesterday - timedelta(days=6), yesterday - timedelta(days=13)
    rows = ask(f"""
        SELECT x_Model, sum(CASE WHEN x_ChargeDay >= '{week}' THEN usd ELSE -usd END) FROM {OWNED}
        WHERE x_Team = 'ml' AND x_ChargeDay >= '{before}' AND x_Model IS NOT NULL GROUP BY 1""")
    return dict(rows)


def test_the_runaway_weekend_costs_nine_times_as_much(ask: Ask) -> None:
    """Tokens repeat every 14 days; days 75 and 76 have grown to 1.604 on average, the same days a fortnight later to 1.716."""
    [(wild, calm)] = ask("""
        SELECT sum(EffectiveCost) FILTER (ChargePeriodStart IN ('2026-09-05', '2026-09-06')),
            sum(EffectiveCost) FILTER (ChargePeriodStart IN ('2026-09-19', '2026-09-20'))
        FROM charges WHERE x_Feature = 'ticket-summaries'""")
    assert round(Decimal(9) * Decimal("1.604") / Decimal("1.716"), 2) == round(wild / calm, 2)


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
    assert [keys] * len(BUDGETS["budgets"]) == [set(budget) for budget in BUDGETS["budgets"]]
    assert {"idle-gpu", "budget-warning", "budget-brake"} == {rule["name"] for rule in RULES["rules"]}
