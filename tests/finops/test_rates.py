"""Exchange rates: which one holds on which day, and what follows from the others."""

from datetime import date, timedelta
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from finops.periods import Period
from finops.rates import SCALE, Rate, Span, rate_on, spans

JANUARY, FEBRUARY, MARCH = date(2026, 1, 1), date(2026, 2, 1), date(2026, 3, 1)
DAYS = st.dates(date(2024, 1, 1), date(2027, 12, 31))
WORTH = st.decimals(Decimal("1e-7"), Decimal("1e7"), places=7)
CURRENCIES = st.sampled_from(["CHF", "EUR", "JPY", "USD"])


@st.composite
def rates(draw: st.DrawFn) -> Rate:
    base, quote = draw(st.lists(CURRENCIES, min_size=2, max_size=2, unique=True))
    return Rate(base, quote, draw(DAYS), draw(WORTH))


def known(base: str, quote: str, on: date, rate: str) -> Rate:
    return Rate(base, quote, on, Decimal(rate))


def test_a_rate_holds_from_its_day_until_the_next_one() -> None:
    both = (known("CHF", "USD", JANUARY, "1.10"), known("CHF", "USD", FEBRUARY, "1.20"))
    days = [date(2025, 12, 31), JANUARY, date(2026, 1, 31), FEBRUARY, date(2030, 1, 1)]
    assert [rate_on(both, "CHF", "USD", day) for day in days] == [None, *map(Decimal, ("1.10", "1.10", "1.20", "1.20"))]


def test_a_rate_can_be_turned_round() -> None:
    assert rate_on((known("CHF", "USD", JANUARY, "1.25"),), "USD", "CHF", JANUARY) == Decimal("0.8")


def test_the_newer_of_a_rate_and_its_reverse_holds() -> None:
    both = (known("CHF", "USD", JANUARY, "1.10"), known("USD", "CHF", FEBRUARY, "0.5"))
    assert rate_on(both, "CHF", "USD", FEBRUARY) == 2


def test_on_the_same_day_the_rate_as_asked_goes_before_its_reverse() -> None:
    both = (known("USD", "CHF", JANUARY, "0.5"), known("CHF", "USD", JANUARY, "1.10"))
    assert rate_on(both, "CHF", "USD", JANUARY) == Decimal("1.10")
    assert rate_on(both, "USD", "CHF", JANUARY) == Decimal("0.5")


def test_a_missing_pair_goes_over_one_common_currency() -> None:
    both = (known("CHF", "EUR", JANUARY, "1.05"), known("USD", "EUR", JANUARY, "0.84"))
    assert rate_on(both, "CHF", "USD", JANUARY) == Decimal("1.05") * (1 / Decimal("0.84"))


def test_a_direct_rate_goes_before_a_way_round() -> None:
    three = (known("CHF", "EUR", MARCH, "1"), known("EUR", "USD", MARCH, "1"), known("CHF", "USD", JANUARY, "1.10"))
    assert rate_on(three, "CHF", "USD", MARCH) == Decimal("1.10")


def test_two_currencies_between_are_one_too_many() -> None:
    chain = (known("CHF", "EUR", JANUARY, "1"), known("EUR", "JPY", JANUARY, "1"), known("JPY", "USD", JANUARY, "1"))
    assert rate_on(chain, "CHF", "USD", JANUARY) is None


def test_spans_change_where_the_rate_does() -> None:
    both = (known("CHF", "USD", JANUARY, "1.10"), known("CHF", "USD", FEBRUARY, "1.20"))
    period = Period(date(2026, 1, 15), MARCH)
    assert spans(both, "CHF", "USD", period) == (Span(date(2026, 1, 15), Decimal("1.10")), Span(FEBRUARY, Decimal("1.20")))


def test_one_day_without_a_rate_leaves_the_whole_period_without() -> None:
    one = (known("CHF", "USD", JANUARY, "1.10"),)
    assert spans(one, "CHF", "USD", Period(date(2025, 12, 31), FEBRUARY)) is None
    assert spans(one, "CHF", "USD", Period(JANUARY, FEBRUARY)) == (Span(JANUARY, Decimal("1.10")),)


def test_a_currency_is_worth_itself_without_any_rate() -> None:
    assert spans((), "USD", "USD", Period(JANUARY, MARCH)) == (Span(JANUARY, Decimal(1)),)


@settings(deadline=None)
@given(rates())
def test_there_and_back_is_where_one_was(rate: Rate) -> None:
    there, back = rate_on((rate,), rate.base, rate.quote, rate.on), rate_on((rate,), rate.quote, rate.base, rate.on)
    assert there == rate.rate
    assert back is not None
    assert abs(rate.rate * back - 1) < Decimal("1e-20")


@settings(deadline=None)
@given(st.lists(rates(), max_size=8), CURRENCIES, CURRENCIES, DAYS, st.integers(1, 400))
def test_spans_say_of_every_day_what_the_rate_of_that_day_is(found: list[Rate], base: str, quote: str, start: date, length: int) -> None:
    period = Period(start, start + timedelta(days=length))
    held = spans(tuple(found), base, quote, period)
    if base == quote:
        expected = [Decimal(1)] * length
    else:
        each = [rate_on(tuple(found), base, quote, day) for day in period]
        if None in each:
            assert held is None
            return
        expected = [rate.quantize(SCALE) for rate in each if rate is not None]
    assert held is not None
    assert [next(span.rate for span in reversed(held) if span.start <= day) for day in period] == expected


@settings(deadline=None)
@given(st.lists(rates(), min_size=1, max_size=8), CURRENCIES, CURRENCIES, DAYS)
def test_the_order_of_the_entries_does_not_matter(found: list[Rate], base: str, quote: str, day: date) -> None:
    once = {(rate.base, rate.quote, rate.on): rate for rate in found}.values()
    assert rate_on(tuple(once), base, quote, day) == rate_on(tuple(reversed(list(once))), base, quote, day)


@settings(deadline=None)
@given(st.lists(rates(), max_size=8), CURRENCIES, DAYS)
def test_a_rate_of_a_later_day_is_never_used(found: list[Rate], base: str, day: date) -> None:
    past = tuple(rate for rate in found if rate.on <= day)
    for quote in {"CHF", "EUR", "JPY", "USD"} - {base}:
        assert rate_on(tuple(found), base, quote, day) == rate_on(past, base, quote, day)
