"""The sample bills add up, end yesterday and give nothing away."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from finops.charges import COLUMNS
from finops.sample import bills

Ask = Callable[[str], list[tuple[Any, ...]]]
Written = Callable[[date], list[bills.Bill]]


def test_the_money_of_each_source(ask: Ask) -> None:
    """Billed, effective."""
    sums = ask("SELECT source, BillingCurrency, sum(BilledCost), sum(EffectiveCost) FROM charges GROUP BY ALL ORDER BY ALL")
    assert [
        ("anthropic", "USD", Decimal("137910.7340359500"), Decimal("137910.7340359500")),
        ("aws", "USD", Decimal("159296.5363091440"), Decimal("159296.5363091440")),
        ("azure", "EUR", Decimal("16489.1367820000"), Decimal("16489.1367820000")),
        ("gcp", "USD", Decimal("10626.5241760000"), Decimal("10626.5241760000")),
        ("openai", "USD", Decimal(45000), Decimal("43829.4692386000")),
    ] == sums


def test_google_cloud_costs_what_mybinder_paid_on_its_last_sunday(ask: Ask) -> None:
    """10.057932 + 0.608184 + 68.406719 + 1.988182, from the source's line of 2018-12-30."""
    assert [(Decimal("81.061017"),)] == ask("SELECT sum(BilledCost) FROM charges WHERE source = 'gcp' AND ChargePeriodStart = '2026-09-27'")


def test_money_is_an_exact_decimal(ask: Ask) -> None:
    columns = "BilledCost, EffectiveCost, ContractedCost, ListCost"
    types = ask(f"SELECT DISTINCT typeof(c) FROM (UNPIVOT (SELECT {columns} FROM charges) ON {columns} INTO NAME n VALUE c)")
    assert types == [("DECIMAL(38,10)",)]


def test_every_column_is_one_of_the_ledger(ask: Ask) -> None:
    columns = {name: kind for name, kind, *_ in ask("DESCRIBE charges") if name != "source"}
    assert {name: COLUMNS.get(name) for name in columns} == columns


def test_tokens_times_price_is_the_cost_to_the_last_digit(ask: Ask) -> None:
    wrong = "x_Model IS NOT NULL AND (ListCost <> PricingQuantity * ListUnitPrice OR ConsumedQuantity <> PricingQuantity * 1000)"
    assert ask(f"SELECT count(*) FILTER (x_Model IS NOT NULL), count(*) FILTER ({wrong}) FROM charges") == [(2300, 0)]


def test_a_price_is_the_published_one(ask: Ask) -> None:
    """Claude Opus 4.8: 5 dollars a million input tokens, 25 output, 0.50 from the cache, 6.25 into it."""
    prices = ask("SELECT DISTINCT x_TokenType, ListUnitPrice * 1000 FROM charges WHERE x_Model = 'claude-opus-4-8' ORDER BY ALL")
    assert [("cache_read", Decimal("0.5")), ("cache_write_5m", Decimal("6.25")), ("input", Decimal(5)), ("output", Decimal(25))] == prices


def test_a_savings_plan_costs_what_it_covers_and_what_is_left_of_it(ask: Ask) -> None:
    daily = ask("""
        SELECT ChargePeriodStart, sum(BilledCost), sum(EffectiveCost) FILTER (ChargeCategory = 'Usage'),
            sum(BilledCost) FILTER (ChargeCategory = 'Usage'), sum(EffectiveCost) FILTER (ChargeCategory = 'Purchase')
        FROM charges WHERE CommitmentDiscountId IS NOT NULL GROUP BY ALL""")
    assert (len(daily), [row for row in daily if row[1] != row[2] or row[3] != 0 or row[4] != 0]) == (92, [])


def test_no_usage_costs_more_than_its_list_price(ask: Ask) -> None:
    assert ask("SELECT count(*) FROM charges WHERE ListCost < EffectiveCost OR ContractedCost < EffectiveCost") == [(0,)]


def test_unused_commitment_has_no_consumed_quantity(ask: Ask) -> None:
    counts = "count(*) > 0, count(ConsumedQuantity)"
    assert ask(f"SELECT {counts} FROM charges WHERE CommitmentDiscountStatus = 'Unused'") == [(True, 0)]


def test_every_kind_of_charge_occurs(ask: Ask) -> None:
    assert ask("SELECT DISTINCT ChargeCategory FROM charges ORDER BY 1") == [("Credit",), ("Purchase",), ("Tax",), ("Usage",)]


def test_tags_are_objects_of_text(ask: Ask) -> None:
    bad = "NOT json_valid(Tags) OR json_type(Tags) <> 'OBJECT' OR Tags LIKE '%null%'"
    assert ask(f"SELECT count(Tags) BETWEEN 1 AND count(*) - 1, count(*) FILTER ({bad}) FROM charges WHERE source = 'aws'") == [(True, 0)]


def test_accounts_are_obviously_invented(ask: Ask) -> None:
    """Twelve times one digit, zeros, or a name with `example`, `data-` or `workspace-` in it."""
    accounts = [name for (name,) in ask("SELECT SubAccountId FROM charges UNION SELECT BillingAccountId FROM charges")]
    words = ("example", "data-", "workspace-", "00000000-0000-0000-0000-")
    assert [name for name in accounts if len(set(name)) > 1 and not any(word in name.lower() for word in words)] == []


def test_no_mail_address_or_real_id_is_left(ask: Ask) -> None:
    """Tags of the source held IAM users; its resource ids were UUIDs; its hosts had product names."""
    words = "@|AKIA|AIDA|AROA|sunflower|orchid|tulip|lily|hystax|binder|[0-9a-f]{8}-[0-9a-f]{4}-4"
    assert ask(f"SELECT count(*) FROM charges WHERE regexp_matches(to_json(charges)::VARCHAR, '{words}', 'i')") == [(0,)]


def test_the_shipped_files_are_small() -> None:
    sizes = [path.stat().st_size for path in bills.DATA.glob("*.parquet")]
    assert (len(sizes), sum(sizes) < 1_000_000) == (6, True)


@pytest.mark.parametrize("yesterday", [date(2026, 9, 21) + timedelta(days=days) for days in range(7)], ids=str)
def test_bills_end_yesterday_and_cover_the_same_number_of_days(written: Written, yesterday: date) -> None:
    spans = [_span(bill.path) for bill in written(yesterday)]
    assert [(yesterday - timedelta(days=bills.SPAN_DAYS - 1), yesterday, bills.SPAN_DAYS)] * 5 == spans


@pytest.mark.parametrize("yesterday", [date(2026, 9, 21), date(2026, 9, 27), date(2027, 1, 1)], ids=str)
def test_usage_covers_the_days_of_the_bills(tmp_path: Path, yesterday: date) -> None:
    usage = bills.write_usage(tmp_path / "usage.jsonl", yesterday)
    found = duckdb.sql(f"SELECT min(time::DATE), max(time::DATE), count(DISTINCT time::DATE) FROM read_json('{usage}')").fetchone()
    assert (yesterday - timedelta(days=bills.SPAN_DAYS - 1), yesterday, bills.SPAN_DAYS) == found


def test_bills_of_models_say_nothing_about_who_asked(ask: Ask) -> None:
    assert ask("SELECT count(*) FROM charges WHERE x_Model IS NOT NULL AND coalesce(x_Team, x_Feature, x_User) IS NOT NULL") == [(0,)]


def _span(path: Path) -> tuple[date, date, int]:
    days = "ChargePeriodStart::DATE"
    found = duckdb.sql(f"SELECT min({days}), max({days}), count(DISTINCT {days}) FROM read_parquet('{path}')").fetchone()
    assert found is not None
    return found[0], found[1], found[2]


@pytest.mark.parametrize("yesterday", [date(2024, 2, 29), date(2026, 9, 27), date(2027, 1, 1)], ids=str)
def test_moving_keeps_weekdays(tmp_path: Path, yesterday: date) -> None:
    """The runaway feature uses its most on a weekend whenever the usage is moved to."""
    usage = bills.write_usage(tmp_path / "usage.jsonl", yesterday)
    top = duckdb.sql(f"""
        SELECT dayname(time) FROM read_json('{usage}') WHERE feature = 'ticket-summaries'
        GROUP BY time ORDER BY sum(input_tokens) DESC LIMIT 2""").fetchall()
    assert {("Saturday",), ("Sunday",)} == set(top)


def test_a_charge_lies_in_the_billing_month_of_its_new_date(written: Written) -> None:
    aws = written(date(2027, 1, 1))[0]
    months = duckdb.sql(
        f"SELECT DISTINCT BillingPeriodStart, BillingPeriodEnd, InvoiceId FROM read_parquet('{aws.path}') ORDER BY 1"
    ).fetchall()
    starts = [datetime(2026, month, 1) for month in (10, 11, 12)] + [datetime(2027, 1, 1), datetime(2027, 2, 1)]  # noqa: DTZ001
    assert [
        (starts[0], starts[1], "AWS-2026-10"),
        (starts[1], starts[2], "AWS-2026-11"),
        (starts[2], starts[3], "AWS-2026-12"),
        (starts[3], starts[4], None),
    ] == months


def test_writing_again_gives_the_same_charges(tmp_path: Path, written: Written) -> None:
    first, second = written(date(2026, 9, 27)), bills.write(tmp_path, date(2026, 9, 27))
    for one, other in zip(first, second, strict=True):
        both = f"SELECT count(*) FROM (FROM read_parquet('{one.path}') EXCEPT ALL FROM read_parquet('{other.path}'))"
        assert duckdb.sql(both).fetchall() == [(0,)]
