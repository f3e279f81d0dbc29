"""A change explained, as people read it."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from finops.answers import Freshness
from finops.insight.drivers_cube import Cell, cube_of
from finops.insight.drivers_told import Driver
from finops.insight.drivers_why import explain
from finops.insight.explained import Delivered, Estimated, Explained, Restated, Unusual
from finops.periods import DAY, Period, preceding
from finops.query import CostQuery, Filter
from finops.telling import why_page

TODAY = date(2026, 3, 21)
AT = datetime(2026, 3, 21, 6, tzinfo=UTC)
WEEK = Period(date(2026, 3, 8), date(2026, 3, 15))
QUERY = CostQuery(WEEK, preceding(WEEK), (Filter("team", ("ml",)),))
WHY = explain(
    cube_of(
        ("model",),
        [Cell((model,), Decimal(then), Decimal(now)) for model, then, now in (("opus", 10, 110), ("mini", 100, 90), ("x", 5, 5))],
    )
)
FOUND = Explained(
    QUERY,
    QUERY,
    (WHY,),
    as_of=AT,
    complete_until=date(2026, 3, 20),
    first_day=date(2026, 1, 1),
    sources=(Freshness("aws", AT, date(2026, 3, 20), date(2026, 3, 20)),),
    deliveries=(Delivered("aws", "2026-03", AT, 1200),),
    counted=True,
)


def notes(**more: object) -> tuple[str, ...]:
    return why_page.notes(replace(FOUND, **more), TODAY)  # type: ignore[arg-type]


def cut(first: int, last: int) -> CostQuery:
    period = Period(date(2026, 3, first), date(2026, 3, last) + DAY)
    return replace(QUERY, period=period, compare=preceding(period))


def test_the_sentence_comes_first_and_what_it_rests_on_last() -> None:
    sentence, compared, *_, fresh, deliveries = why_page.lines(FOUND, TODAY)
    assert "Cost of team=ml rose by $90.00 (+78 %): model=opus alone rose by $100.00." == sentence
    assert "8–14 Mar beside 1–7 Mar, 7 days each." == compared
    assert fresh.startswith("Data as of 21 Mar 06:00 UTC · complete through 19 Mar · bill of aws to 20 Mar")
    assert "From the deliveries aws 2026-03 (1,200 rows, 21 Mar)." == deliveries


@pytest.mark.parametrize(
    ("query", "said"),
    [
        (cut(8, 12), "Complete only through 12 Mar: of both periods the last 2 days are left out, to compare like with like."),
        (cut(10, 14), "The ledger begins on 1 Jan, so the first 2 days of both are left out."),
        (cut(5, 7), "No day of 8–14 Mar is complete yet, so the latest complete days are compared."),
        (cut(7, 7), "No day of 8–14 Mar is complete yet, so the latest complete day is compared."),
    ],
)
def test_other_days_than_asked_for_are_said(query: CostQuery, said: str) -> None:
    assert said in notes(query=query, complete_until=query.period.end)


def test_a_month_beside_a_shorter_one_loses_its_last_day_and_says_so() -> None:
    march = CostQuery(Period(date(2026, 3, 1), date(2026, 4, 1)), Period(date(2026, 2, 1), date(2026, 3, 1)))
    alike = replace(march, period=Period(date(2026, 3, 1), date(2026, 3, 29)))
    said = "31 days would be compared with 28: the last 3 days are left out, to compare like with like."
    assert said in notes(asked=march, query=alike, complete_until=date(2026, 4, 3))


def test_a_month_beside_a_longer_one_says_what_the_day_less_is_worth() -> None:
    months = CostQuery(Period(date(2026, 2, 1), date(2026, 3, 1)), Period(date(2026, 1, 1), date(2026, 2, 1)))
    assert "28 days are compared with 31: at the cost of January that alone is about −$11.13." in [
        note.replace("1–31 Jan", "January") for note in notes(asked=months, query=months)
    ]


def test_what_is_estimated_converted_or_unknown_is_said() -> None:
    said = notes(estimated=(Estimated("Anthropic", 7, 0),), converted=("EUR",), counted=False)
    assert "Converted to USD from EUR at the rates in budgets.yaml." in said
    assert (
        "Anthropic: 0 of 7 days and 7 of the 7 compared with are estimated from usage, since no bill covers them; the others are billed."
        in said
    )
    assert "No requests were measured of these charges, so bills tell price and volume only." in said
    assert "Of +$90.00 nobody knows how much was used, so neither price nor volume can be told." in said


def test_a_restated_bill_is_told_as_a_cause() -> None:
    one = Restated("aws", "2026-02", AT, "USD", Decimal(0), Decimal(120))
    assert "The bill of aws for February was restated on 21 Mar: +$120.00 of the change." in notes(restated=(one,))
    assert "−$80.00 of the change (of the whole bill)." in notes(restated=(replace(one, after=Decimal(-80), whole_bill=True),))[-2]
    assert not [note for note in notes(restated=(replace(one, after=Decimal("0.1")),)) if "restated" in note]


def test_an_anomaly_is_told_beside_what_was_expected() -> None:
    unusual = Unusual("A-0123456789", "spike", date(2026, 3, 20), date(2026, 3, 21), 115.0, 205.0)
    day = replace(QUERY, period=Period(unusual.start, unusual.end), compare=Period(date(2026, 2, 20), unusual.start))
    found = replace(FOUND, asked=day, query=day, unusual=unusual)
    assert why_page.lines(found, TODAY)[0].startswith("team=ml cost $90.00 more than expected yesterday, 20 Mar (+78 %): ")
    assert "20 Mar beside what was expected, in the shares of the 28 days before." == why_page.lines(found, TODAY)[1]
    grid, document = why_page.drivers_grid(found), why_page.document(found, TODAY)
    assert grid is not None
    assert ("what moved", "expected", "after", "change", "share") == grid.head
    assert ("A-0123456789", why_page.lines(found, TODAY)[0]) == (document["anomaly"], document["sentence"])


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"first_day": None}, "Nothing is on record in 8–14 Mar, so no change can be explained."),
        ({"first_day": WEEK.start}, "Nothing is on record of 1–7 Mar, since the ledger begins on 8 Mar: nothing to compare with."),
        ({"complete_until": WEEK.start}, "No day of 8–14 Mar is complete yet: bills reach 7 Mar, and half a day would look like a fall."),
        ({}, "No charges match team=ml in 8–14 Mar or before it, so nothing changed."),
    ],
)
def test_where_there_is_nothing_to_explain_the_reason_is_said(more: dict[str, object], said: str) -> None:
    found = replace(FOUND, whys=(), **more)  # type: ignore[arg-type]
    assert said == why_page.lines(found, TODAY)[0]
    assert (None, said) == (why_page.document(found, TODAY)["change"], why_page.document(found, TODAY)["sentence"])


def test_the_picture_leads_from_before_to_after() -> None:
    bridge = why_page.bridge(FOUND, TODAY)
    assert bridge is not None
    assert bridge.after[1] == bridge.before[1] + sum(amount for _, amount in bridge.parts)
    assert ("opus", 100.0) == bridge.parts[0]


def test_the_picture_says_what_is_a_rest_and_what_lacks_a_value() -> None:
    five = {"excess": Decimal(5), "share": 0.2, "before": Decimal(1), "after": Decimal(6)}
    rest = Driver((("provider", "aws"),), **five, rest=True)  # type: ignore[arg-type]
    nobody = Driver((("account", None),), **five, made_of=("provider", ("anthropic", "openai")))  # type: ignore[arg-type]
    bridge = why_page.bridge(replace(FOUND, whys=(replace(WHY, drivers=(rest, nobody, replace(nobody, made_of=None))),)), TODAY)
    assert bridge is not None
    assert ["rest of aws", "anthropic, openai", "no account"] == [name for name, _ in bridge.parts][:3]


def test_two_currencies_are_told_one_by_one() -> None:
    found = replace(FOUND, whys=(WHY, replace(WHY, currency="EUR")))
    document = why_page.document(found, TODAY)
    assert (None, None, []) == (document["currency"], document["change"], document["drivers"])
    assert [("USD", "90"), ("EUR", "90")] == [(each["currency"], each["change"]) for each in document["by_currency"]]  # type: ignore[attr-defined]
    assert ["€", "$"] == [sign for line in why_page.lines(found, TODAY)[:2] for sign in "€$" if f"{sign}90.00" in line][::-1]
