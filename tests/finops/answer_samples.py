"""Answers for the tests of how an answer looks: one plain week, and any answer at all."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from finops.answers import Answer, Freshness, LikeForLike, Point, Row, Sums
from finops.charges import METRICS
from finops.periods import Grain, Period
from finops.query import CostQuery, Filter

TODAY = date(2026, 11, 20)
WEEK = Period(date(2026, 11, 13), date(2026, 11, 20))
WEEK_BEFORE = Period(date(2026, 11, 6), date(2026, 11, 13))
AS_OF = datetime(2026, 11, 20, 6, tzinfo=UTC)
ML = (Filter("team", ("ml",)),)
AWS = Freshness("aws", AS_OF, date(2026, 11, 19), date(2026, 11, 20))


def money(text: str) -> Decimal:
    return Decimal(text)


def ask(**changes: Any) -> CostQuery:
    return CostQuery(**{"period": WEEK, "compare": WEEK_BEFORE, "scope": ML, **changes})


def week(total: str = "700", **changes: Any) -> Sums:
    """One week, every day the same."""
    each = Decimal(total) / 7
    series = tuple(Point(day, each, True) for day in WEEK)
    return Sums(
        **{
            "currency": "USD",
            "total": Decimal(total),
            "previous": Decimal(500),
            "rows": (),
            "movers": (),
            "rest": None,
            "rest_groups": 0,
            "series": series,
            **changes,
        }
    )


def answer(*sums: Sums, query: CostQuery | None = None, **changes: Any) -> Answer:
    return Answer(
        **{
            "id": "Q-AB12CD",
            "query": query or ask(),
            "sums": sums,
            "movers_by": ("model",),
            "as_of": AS_OF,
            "complete_until": date(2026, 11, 20),
            "sources": (AWS,),
            "notes": (),
            **changes,
        }
    )


def by_model(names: tuple[str | None, ...] = ("opus", "haiku"), days: int = 7, previous: str | None = "90") -> Answer:
    """Each model costs as much every day as its place from the end, in dollars: the last one 1, the one before 2."""
    period = Period(WEEK.end - timedelta(days=days), WEEK.end)
    parts = tuple(Decimal(len(names) - n) for n, _ in enumerate(names))
    whole = sum(parts) * days
    before = None if previous is None else Decimal(previous)
    rows = tuple(Row((name,), part * days, before, float(part * days / whole)) for name, part in zip(names, parts, strict=True))
    series = tuple(Point(day, sum(parts, Decimal(0)), True, parts) for day in period)
    sums = Sums("USD", Decimal(whole), Decimal(150), rows, rows[:3], None, 0, series)
    compare = Period(period.start - timedelta(days=days), period.start)
    return answer(sums, query=ask(by=("model",), period=period, compare=compare))


HOSTILE = st.one_of(
    st.text(max_size=60),
    st.sampled_from(
        ["<!channel>", "<@U012AB3CD>", "a&b<c>", "*bold* _it_ `code`", "$x_1$ ^2", "日本語" * 30, "\u202eevil", "x" * 4000, "&" * 3000, ""]
    ),
)
KEY = st.one_of(st.none(), HOSTILE)
AMOUNT = st.decimals(min_value=-(10**15), max_value=10**15, places=10, allow_nan=False)
MAYBE = st.one_of(st.none(), AMOUNT)
CURRENCY = st.sampled_from(["USD", "EUR", "JPY", "CHF", "", "<!here>", "X" * 300])


@st.composite
def any_sums(draw: st.DrawFn, by: tuple[str, ...], steps: tuple[date, ...], most_rows: int = 12) -> Sums:
    """Figures that agree with each other: rows and the rest sum to the total, parts to each step's cost."""
    keys = draw(st.lists(st.tuples(*[KEY] * len(by)), max_size=most_rows, unique=True)) if by else []
    has_rest = bool(keys) and draw(st.booleans())
    columns = len(keys) + has_rest
    series = [draw(_any_point(step, columns)) for step in steps]
    known = [point for point in series if point.cost is not None]
    totals = [sum((point.parts[n] for point in known), Decimal(0)) for n in range(columns)]
    rows = [
        Row(key, total or None, draw(MAYBE), draw(st.one_of(st.none(), st.floats(-9, 9)))) for key, total in zip(keys, totals, strict=False)
    ]
    rest = Row((None,) * len(by), totals[-1], draw(MAYBE), None) if has_rest else None
    total = sum((point.cost for point in known if point.cost is not None), Decimal(0)) if known else None
    return Sums(
        currency=draw(CURRENCY),
        total=total,
        previous=draw(MAYBE),
        rows=tuple(rows),
        movers=tuple(rows[:5]),
        rest=rest,
        rest_groups=draw(st.integers(1, 500)) if has_rest else 0,
        series=tuple(series),
        like_for_like=draw(st.one_of(st.none(), st.builds(LikeForLike, st.integers(1, 30), AMOUNT, AMOUNT))),
    )


@st.composite
def _any_point(draw: st.DrawFn, step: date, columns: int) -> Point:
    if draw(st.integers(0, 9)) == 0:
        return Point(step, None, draw(st.booleans()))
    if not columns:
        return Point(step, draw(AMOUNT), draw(st.booleans()))
    parts = tuple(draw(st.lists(AMOUNT, min_size=columns, max_size=columns)))
    return Point(step, sum(parts, Decimal(0)), draw(st.booleans()), parts)


@st.composite
def any_answer(draw: st.DrawFn, most_rows: int = 12) -> Answer:
    """Any answer that agrees with itself, with whatever names a bill may carry."""
    by = draw(st.sampled_from([(), ("model",), ("team", "env"), ("tag:cost <center>",)]))
    grain: Grain = draw(st.sampled_from(["day", "week", "month"]))
    period = Period(WEEK.end - timedelta(days=draw(st.integers(1, 40))), WEEK.end)
    compare = draw(st.one_of(st.none(), st.just(WEEK_BEFORE)))
    scope = tuple(
        draw(st.lists(st.builds(Filter, st.sampled_from(["team", "model", "tag:x"]), st.tuples(HOSTILE), st.booleans()), max_size=3))
    )
    metric: Any = draw(st.sampled_from(list(METRICS)))
    query = CostQuery(period, compare, scope, by, grain, metric)
    steps = tuple(period.steps(grain))
    sums = draw(st.lists(any_sums(by, steps, most_rows), max_size=3, unique_by=lambda each: each.currency))
    return Answer(
        id=draw(st.sampled_from(["Q-AB12CD", "Q-" + "9" * 40])),
        query=query,
        sums=tuple(sums),
        movers_by=by,
        as_of=draw(st.one_of(st.none(), st.just(AS_OF))),
        complete_until=draw(st.one_of(st.none(), st.dates(date(2026, 10, 1), date(2026, 11, 21)))),
        sources=tuple(draw(st.lists(st.builds(Freshness, HOSTILE, st.just(AS_OF), st.just(TODAY), st.just(TODAY)), max_size=5))),
        notes=tuple(draw(st.lists(HOSTILE, max_size=4))),
    )
