"""Estimated and billed are never added: estimates stand in until a bill tells of their provider's day."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from finops.ledger.ledger import Ledger, Terms
from finops.query import Filter
from finops.rates import Rate
from finops.telling.answer_json import document
from finops.telling.sentences import estimated
from tests.ledger.billed import UNTIL, ask, bill, charge, costs, day, only, total
from tests.ledger.conftest import MakeLedger
from tests.ledger.requests_made import event, send

REQUEST = Decimal("0.0045")  # what each made request is estimated at


def use(ledger: Ledger, folder: Path, *days: int, **more: object) -> None:
    """One request of team ml on each of the days."""
    send(ledger, [event(f"{more}{n}", **{"team": "ml", "time": datetime(2026, 3, n, 9, tzinfo=UTC), **more}) for n in days], folder)


def test_an_estimate_stands_in_until_the_bill_comes_and_says_so(ledger: Ledger, tmp_path: Path) -> None:
    use(ledger, tmp_path, 10)
    answer = ask(ledger)
    assert (REQUEST, REQUEST) == (only(answer).total, only(answer).estimated)
    assert "0.0045" == document(answer)["estimated"]
    assert ("$0.0045 of it is estimated from usage, where no bill covers the day yet",) == estimated(answer)


def test_the_bill_takes_its_place_and_the_requests_still_count(ledger: Ledger, tmp_path: Path) -> None:
    use(ledger, tmp_path, 10)
    bill(ledger, [charge(10, "0.006")])
    sums = only(ask(ledger))
    assert (Decimal("0.006"), Decimal(0)) == (sums.total, sums.estimated)
    assert sums.units
    assert (1, 1100) == (sums.units.requests, sums.units.tokens)
    assert () == estimated(ask(ledger))


def test_before_the_bill_was_delivered_the_estimate_was_the_answer(ledger: Ledger, tmp_path: Path) -> None:
    use(ledger, tmp_path, 10)
    bill(ledger, [charge(10, "0.006")])
    assert REQUEST == total(ledger, known_at=UNTIL - timedelta(days=1))
    assert Decimal("0.006") == total(ledger, known_at=UNTIL)


def test_only_the_days_told_by_the_bill_are_replaced(ledger: Ledger, tmp_path: Path) -> None:
    use(ledger, tmp_path, 9, 10, 11)
    bill(ledger, [charge(10, "5")])
    assert {"usage": 2 * REQUEST, "anthropic": 5} == costs(ledger, "source")


def test_a_line_of_several_days_replaces_all_of_them(ledger: Ledger, tmp_path: Path) -> None:
    use(ledger, tmp_path, 9, 10, 11, 12)
    bill(ledger, [charge(9, "5", ChargePeriodEnd=datetime(2026, 3, 12))])  # noqa: DTZ001
    assert {"usage": REQUEST, "anthropic": 5} == costs(ledger, "source")


@pytest.mark.parametrize("category", ["Tax", "Credit", "Purchase", "Adjustment"])
def test_a_day_with_only_a_tax_or_a_credit_is_not_billed_yet(ledger: Ledger, tmp_path: Path, category: str) -> None:
    use(ledger, tmp_path, 10)
    bill(ledger, [charge(10, "0.001", ChargeCategory=category)])
    assert REQUEST + Decimal("0.001") == total(ledger)


def test_usage_billed_at_nothing_is_billed(ledger: Ledger, tmp_path: Path) -> None:
    use(ledger, tmp_path, 10)
    bill(ledger, [charge(10, "0")])
    assert 0 == total(ledger)


def test_another_providers_bill_replaces_nothing(ledger: Ledger, tmp_path: Path) -> None:
    use(ledger, tmp_path, 10)
    bill(ledger, [charge(10, "5", "OpenAI")], "openai")
    assert REQUEST + 5 == total(ledger)


def test_a_provider_is_the_same_in_each_of_its_spellings(ledger: Ledger, tmp_path: Path) -> None:
    use(ledger, tmp_path, 10, provider="AWS")
    bill(ledger, [charge(10, "5", "Amazon Web Services", x_Model="claude")], "aws")
    assert 5 == total(ledger)


def test_of_two_accounts_of_a_provider_one_bill_speaks_for_both(ledger: Ledger, tmp_path: Path) -> None:
    """No event says which account pays, so the days of a provider are billed or not as a whole."""
    use(ledger, tmp_path, 10)
    use(ledger, tmp_path, 10, project="of the other account")
    bill(ledger, [charge(10, "5", SubAccountId="1")])
    assert 5 == total(ledger)
    bill(ledger, [charge(10, "3", SubAccountId="2")], "anthropic-2")
    assert 8 == total(ledger)


def test_a_restated_bill_that_no_longer_tells_of_a_day_brings_its_estimate_back(ledger: Ledger, tmp_path: Path) -> None:
    use(ledger, tmp_path, 10, 11)
    bill(ledger, [charge(10, "5"), charge(11, "7")])
    assert 12 == total(ledger)
    bill(ledger, [charge(10, "6")], at=UNTIL + timedelta(hours=1), accept=True)
    assert 6 + REQUEST == total(ledger)


def test_a_day_in_progress_when_the_bill_came_is_told_by_the_estimate(ledger: Ledger, tmp_path: Path) -> None:
    use(ledger, tmp_path, 10, 11)
    bill(ledger, [charge(10, "0.005"), charge(11, "0.001")], at=datetime(2026, 3, 11, 18, tzinfo=UTC))
    assert {"anthropic": Decimal("0.005"), "usage": REQUEST} == costs(ledger, "source")
    bill(ledger, [charge(10, "0.005"), charge(11, "0.004")], at=datetime(2026, 3, 12, 0, tzinfo=UTC))
    assert {"anthropic": Decimal("0.009"), "usage": 0} == costs(ledger, "source")


def test_a_day_in_progress_that_nobody_measured_is_told_by_the_bill(ledger: Ledger, tmp_path: Path) -> None:
    use(ledger, tmp_path, 10)
    bill(ledger, [charge(10, "0.005"), charge(11, "0.001")], at=datetime(2026, 3, 11, 18, tzinfo=UTC))
    assert Decimal("0.006") == total(ledger)


def test_of_a_clouds_day_in_progress_only_the_models_wait(ledger: Ledger, tmp_path: Path) -> None:
    use(ledger, tmp_path, 11, provider="AWS")
    lines = [charge(11, "0.001", "Amazon Web Services", x_Model="claude"), charge(11, "8", "Amazon Web Services", ServiceName="EC2")]
    bill(ledger, lines, "aws", at=datetime(2026, 3, 11, 18, tzinfo=UTC))
    assert {"aws": 8, "usage": REQUEST} == costs(ledger, "source")


@pytest.mark.parametrize(("service", "estimate"), [("Amazon EC2", REQUEST), ("Amazon Bedrock", 0)])
def test_a_cloud_that_bills_servers_has_not_billed_its_models(ledger: Ledger, tmp_path: Path, service: str, estimate: Decimal) -> None:
    use(ledger, tmp_path, 10, provider="AWS")
    bill(ledger, [charge(10, "5", ProviderName="Amazon Web Services", ServiceName=service, x_Model=None)])
    assert {"usage": estimate, "anthropic": 5} == costs(ledger, "source")


@pytest.mark.parametrize("metric", ["effective", "billed", "list", "contracted"])
def test_every_kind_of_cost_gives_way(ledger: Ledger, tmp_path: Path, metric: str) -> None:
    use(ledger, tmp_path, 10)
    bill(ledger, [charge(10, "5", ContractedCost="5")])
    assert 5 == total(ledger, metric=metric)


def test_converted_amounts_are_replaced_too(make_ledger: MakeLedger, tmp_path: Path) -> None:
    ledger = make_ledger(Terms(rates=(Rate("USD", "CHF", day(1), Decimal("0.5")),), currency="CHF"))
    use(ledger, tmp_path, 10, 11)
    bill(ledger, [charge(10, "5")])
    sums = only(ask(ledger))
    assert ("CHF", Decimal("2.5") + REQUEST / 2, REQUEST / 2) == (sums.currency, sums.total, sums.estimated)


@pytest.mark.parametrize("by", ["team", "model", "provider", "source", "user", "token_type", "cost_source", "account", "service"])
def test_groups_of_every_kind_sum_to_the_total(ledger: Ledger, tmp_path: Path, by: str) -> None:
    for team in ("ml", "search", None):
        use(ledger, tmp_path, 9, 10, 11, team=team, user=f"u-{team}", cache_read_tokens=300)
    use(ledger, tmp_path, 10, model="never heard of")
    bill(
        ledger, [charge(10, "0.0100000001", x_TokenType="input", x_Model="claude"), charge(10, "7"), charge(10, "1", ChargeCategory="Tax")]
    )
    assert total(ledger) == 6 * REQUEST - 6 * Decimal("0.00081") + Decimal("8.0100000001")
    assert total(ledger) == sum(cost or 0 for cost in costs(ledger, by).values())


def test_the_split_of_a_bill_shows_in_teams_and_in_filters(ledger: Ledger, tmp_path: Path) -> None:
    use(ledger, tmp_path, 10, team="ml")
    use(ledger, tmp_path, 10, team="search", input_tokens=3400, output_tokens=0)
    bill(ledger, [charge(10, "9", x_TokenType="input", x_Model="claude"), charge(10, "1", x_Team=None, ChargeCategory="Tax")])
    teams = costs(ledger, "team")
    assert 10 == sum(cost or 0 for cost in teams.values())
    assert 1 == teams[None]
    assert round(Decimal(9) * 1000 / 4400, 10) == teams["ml"] == total(ledger, scope=(Filter("team", ("ml",)),))


def test_a_batch_that_comes_late_is_in_the_next_split(ledger: Ledger, tmp_path: Path) -> None:
    use(ledger, tmp_path, 10, team="ml")
    bill(ledger, [charge(10, "8", x_Model="claude")])
    assert {"ml": 8} == {team: cost for team, cost in costs(ledger, "team").items() if cost}
    use(ledger, tmp_path, 10, team="search")
    assert {"ml": 4, "search": 4} == costs(ledger, "team")
