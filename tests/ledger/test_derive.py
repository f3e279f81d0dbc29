"""Owners and days: worked out at load, worked out anew when the rules change."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from finops.ledger.ledger import Ledger, Terms
from finops.ledger.upkeep import align
from finops.owners import OwnerRule
from finops.periods import Period
from finops.query import CostQuery
from tests.ledger.bills import NOON, Charge, deliver
from tests.ledger.conftest import MakeLedger

MARCH = Period(date(2026, 3, 1), date(2026, 4, 1))
UNTIL = datetime(2026, 5, 1, tzinfo=UTC)


def rule(match: dict[str, str], start: date | None = None, end: date | None = None, **owner: str) -> OwnerRule:
    return OwnerRule(tuple((name, (pattern,)) for name, pattern in match.items()), start=start, end=end, **owner)


def teams(ledger: Ledger, by: str = "team") -> dict[str | None, Decimal | None]:
    answer = ledger.answer(CostQuery(MARCH, by=(by,)), UNTIL)
    return {row.key[0]: row.cost for row in answer.sums[0].rows}


BILL = (
    Charge(date(2026, 3, 1), "1", more={"SubAccountId": "search-prod"}),
    Charge(date(2026, 3, 2), "2", more={"SubAccountId": "Search-Dev"}),
    Charge(date(2026, 3, 3), "4", more={"SubAccountId": "other", "Tags": '{"team": "ml"}'}),
    Charge(date(2026, 3, 4), "8", "bill-says", more={"SubAccountId": "search-prod"}),
    Charge(date(2026, 3, 5), "16", more={"ResourceName": "a_b%c"}),
)
FIRST_WINS = (rule({"account": "search-prod"}, team="first"), rule({"project": "search-*"}, team="second"))


@pytest.mark.parametrize(
    ("rules", "owned"),
    [
        ((), {None: 23, "bill-says": 8}),
        ((rule({"project": "search-*"}, team="search"),), {"search": 3, "bill-says": 8, None: 20}),
        (
            (rule({"account": "search-prod"}, team="first"), rule({"project": "search-*"}, team="second")),
            {"first": 1, "second": 2, "bill-says": 8, None: 20},
        ),
        ((rule({"tag:team": "m*"}, team="ml"),), {"ml": 4, "bill-says": 8, None: 19}),
        ((rule({"tag:team": "*"}, team="{tag:team}"),), {"ml": 4, "bill-says": 8, None: 19}),
        ((rule({"project": "search-*", "service": "compute"}, team="both"),), {"both": 3, "bill-says": 8, None: 20}),
        ((rule({"project": "search-*"}, start=date(2026, 3, 2), team="later"),), {"later": 2, "bill-says": 8, None: 21}),
        ((rule({"project": "search-*"}, end=date(2026, 3, 2), team="earlier"),), {"earlier": 1, "bill-says": 8, None: 22}),
        ((rule({"resource": "a_b%c"}, team="exact"),), {"exact": 16, "bill-says": 8, None: 7}),
        ((rule({"resource": "a_b%*"}, team="it's"),), {"it's": 16, "bill-says": 8, None: 7}),
    ],
)
def test_first_rule_that_matches_wins_after_what_the_bill_says(
    make_ledger: MakeLedger, rules: tuple[OwnerRule, ...], owned: dict[str | None, int]
) -> None:
    ledger = make_ledger(Terms(owners=rules))
    deliver(ledger, BILL)
    assert teams(ledger) == owned


def test_a_rule_decides_only_the_fields_it_names(make_ledger: MakeLedger) -> None:
    ledger = make_ledger(Terms(owners=(rule({"project": "search-*"}, team="search"), rule({"account": "search-prod"}, env="prod"))))
    deliver(ledger, BILL)
    assert teams(ledger, "env") == {"prod": 9, None: 22}


def test_changed_owners_change_what_was_loaded_before(make_ledger: MakeLedger) -> None:
    before = make_ledger()
    deliver(before, BILL)
    after = make_ledger(Terms(owners=(rule({"project": "search-*"}, team="search"),)))
    assert align(after, NOON, "test") == 1
    assert teams(after) == {"search": 3, "bill-says": 8, None: 20}
    assert teams(before) == teams(after)
    assert align(after, NOON, "test") == 0


def test_taking_the_rules_back_takes_their_effect_back(make_ledger: MakeLedger) -> None:
    with_rules = make_ledger(Terms(owners=(rule({"project": "search-*"}, team="search"),)))
    deliver(with_rules, BILL)
    without = make_ledger()
    align(without, NOON, "test")
    assert teams(without) == {None: 23, "bill-says": 8}
    align(with_rules, NOON, "test")
    assert teams(with_rules) == {"search": 3, "bill-says": 8, None: 20}


LATE = datetime(2026, 2, 28, 23, 30)  # noqa: DTZ001 - the ledger's own form: UTC, without an offset


@pytest.mark.parametrize(("timezone", "total"), [("UTC", None), ("Europe/Zurich", 1), ("America/New_York", None)])
def test_a_charge_of_an_hour_belongs_to_the_local_day(make_ledger: MakeLedger, timezone: str, total: int | None) -> None:
    ledger = make_ledger(Terms(timezone=timezone))
    hour = {"ChargePeriodStart": LATE, "ChargePeriodEnd": LATE + timedelta(hours=1)}
    deliver(ledger, [Charge(date(2026, 2, 28), "1", more=hour)])
    sums = ledger.answer(CostQuery(MARCH), UNTIL).sums
    assert (sums[0].total if sums else None) == total


def test_a_charge_of_a_whole_day_keeps_its_date_everywhere(make_ledger: MakeLedger) -> None:
    ledger = make_ledger(Terms(timezone="America/New_York"))
    deliver(ledger, [Charge(date(2026, 3, 1), "1")])
    assert ledger.answer(CostQuery(MARCH), UNTIL).sums[0].total == 1
