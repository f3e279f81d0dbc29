"""A forecast in words: one plain sentence first, then why this way, how it did before, and what nobody knows."""

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

from finops.insight.forecast import Backtest, Forecast
from finops.insight.forecast_labels import ABOUT, SHORT
from finops.insight.prediction import Allowance, Prediction
from finops.money import percent, show
from finops.periods import DAY, Period
from finops.telling.day_words import calendar_name, day_name, span
from finops.telling.names import clean
from finops.telling.sentences import known_to

DIGITS: Final = 3
NAMED: Final = 0.1  # members that weigh less are not named
UNSURE: Final = "Its level moved lately; nobody can know whether it stays there."


def about(value: float, currency: str) -> str:
    """Return an amount with three digits: `$30,100`; more would promise what no forecast holds."""
    exact = Decimal(str(value))
    if not exact:
        return show(Decimal(0), currency)
    near = exact.quantize(Decimal(1).scaleb(exact.adjusted() - DIGITS + 1))
    return show(near, currency).removesuffix(".00")


def during(period: Period, today: date) -> str:
    """Say when: `in December`, `in the next 30 days, 21 Nov – 20 Dec`."""
    if whole := calendar_name(period, today):
        return f"in {whole}"
    days = "day" if period.days == 1 else "days"
    return f"in the next {period.days} {days}, {span(period, today)}" if period.start == today else f"in {span(period, today)}"


def sentence(found: Prediction, who: str, allowed: Allowance | None) -> str:
    """Say what it will cost, how sure that is, and what that means for the budget."""
    whole, when = found.whole, during(found.whole.period, found.today)
    if whole.total is None or whole.low80 is None or whole.high80 is None:
        return f"Nothing is known of {who}, so nothing can be predicted {when}."
    currency = clean(whole.currency)
    low, high = about(whole.low80, currency), about(whole.high80, currency)
    sure = f", 80 % between {low} and {high}" if low != high else ""
    tail = f"; {_budget(whole.total, allowed, found, currency)}" if allowed else ""
    return f"{who} will cost about {about(whole.total, currency)} {when}{sure}{tail}."


def _budget(total: float, allowed: Allowance, found: Prediction, currency: str) -> str:
    limit = about(allowed.amount, currency)
    off = percent(abs(total / allowed.amount - 1)) if allowed.amount else "all of it"
    if allowed.breach_date is None:
        return f"{off} below its budget of {limit}"
    reached = day_name(allowed.breach_date, found.today)
    was = found.complete_until is not None and allowed.breach_date < found.complete_until
    over = f"{off} over its budget of {limit}" if not allowed.on_track else f"within {off} of its budget of {limit}"
    return f"{over}, {'spent' if was else 'reached'} on {reached}"


def explained(found: Prediction) -> tuple[str, ...]:
    """Why this way, how it did before, and what is not known, a line each."""
    whole = found.whole
    return (
        *([_why(whole)] if whole.total is not None else []),
        *([back_test(whole.backtest)] if whole.total is not None else []),
        *doubts(found),
    )


def _why(whole: Forecast) -> str:
    ranked = sorted(whole.weights, key=lambda pair: -pair[1])
    mix = ", ".join(f"{name} {percent(weight)}" for name, weight in ranked if weight >= NAMED)
    monthly = "; what comes once a month is repeated, not extrapolated" if "monthly charges" in whole.method else ""
    return f"Method: {ABOUT[whole.label]}{f' ({mix})' if mix and whole.label != 'dead' else ''}{monthly}."


def back_test(test: Backtest) -> str:
    """How the same forecast would have done on past days, beside the run-rate."""
    if not test.origins or test.mape_total is None:
        return "Back-test: there is too little past to test it on."
    bias = f", {percent(abs(test.bias))} too {'high' if test.bias > 0 else 'low'} on the whole" if test.bias else ""
    held = f"; the 80 % range held {percent(test.coverage80)} of them" if test.coverage80 is not None else ""
    skill = test.skill_vs_run_rate
    rate = f"; the run-rate was off by {percent(test.mape_total / (1 - skill))}" if skill is not None and skill < 1 else ""
    days, off = "day" if test.origins == 1 else "days", percent(test.mape_total)
    return f"Back-test: from {test.origins} past {days}, {test.horizon} days ahead, totals were off by {off}{bias}{held}{rate}."


def doubts(found: Prediction) -> Iterator[str]:
    """What is not known."""
    whole, today = found.whole, found.today
    if found.known_since and (today - found.known_since).days < SHORT:
        yield f"It is known only since {day_name(found.known_since, today)}, {(today - found.known_since).days} days; the range is wide."
    if found.gaps:
        yield f"No delivery covers {found.gaps} {'day' if found.gaps == 1 else 'days'} of its past."
    if whole.label == "shifted":
        yield UNSURE
    if missing := _missing(found):
        yield f"{missing} {'day' if missing == 1 else 'days'} of the period have no figures and count as nothing."
    if found.complete_until and found.complete_until < today:
        late = span(Period(found.complete_until, min(today + DAY, found.complete_until + timedelta(days=400))), today)
        yield f"{late} are not complete; they count as what they will come to."
    ahead = (whole.period.end - (found.complete_until or today)).days
    if whole.backtest.origins and ahead > whole.backtest.horizon:
        yield f"It looks {ahead} days ahead, and could be tested only {whole.backtest.horizon} days ahead."
    for event in found.events:
        yield f"Planned, and counted in: {clean(event.name)}, {span(Period(event.start, event.end), today)}."
    if found.left_out:
        yield f"The {found.left_out} smallest parts are told as one."


def _missing(found: Prediction) -> int:
    """Days of the period that should be complete and are not known."""
    told = {day.date for day in found.whole.daily}
    until = found.complete_until
    return sum(day not in told for day in found.whole.period if until and day < until) if told else 0


def freshness(found: Prediction) -> str:
    """Say how far the data reach."""
    return known_to(found.as_of, found.complete_until, found.today)
