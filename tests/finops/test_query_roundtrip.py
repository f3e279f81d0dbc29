"""Whatever can be asked reads back the same from words and from JSON, and no text breaks the reader."""

import json
from datetime import date, timedelta
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops.charges import DIMENSIONS, Metric
from finops.errors import QueryError
from finops.language import words
from finops.language.echo import describe, echo
from finops.language.query_json import from_json, to_json
from finops.language.words import CURRENCIES
from finops.periods import DAY, Grain, Period
from finops.query import CostQuery, Filter, parse, read_back

TODAY = date(2026, 11, 20)

printable = st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp"))
awkward = st.text(st.sampled_from("""ab "'“”‘’,=!≠*.:;<>&|#@-–—…/\\`?é\u200b"""), min_size=1, max_size=12)
spoken = st.sampled_from(
    ["none", "None", "Nenhum", "last 7d", "today", "by", "2026-03", "&amp;", "<@U1|ana>", "R&D", "a*b", "*", "a=b", "x;team=y"]
)
values = st.one_of(st.text(printable, min_size=1, max_size=12), awkward, spoken).filter(lambda text: text == "*" or text.strip("*") != "")
keys = st.one_of(st.text(printable, min_size=1, max_size=8), awkward).filter(str.strip)
dimensions = st.one_of(st.sampled_from(sorted(DIMENSIONS)), keys.map("tag:{}".format))
filters = st.builds(Filter, dimensions, st.lists(values, min_size=1, max_size=3, unique=True).map(tuple), st.booleans())


@st.composite
def scopes(draw: st.DrawFn) -> tuple[Filter, ...]:
    """Filters as a question holds them: none twice, and one per dimension for what is left out."""
    seen: dict[object, Filter] = {}
    for each in draw(st.lists(filters, max_size=5)):
        seen.setdefault(each.dimension if each.negated else each, each)
    return tuple(seen.values())


@st.composite
def periods(draw: st.DrawFn) -> Period:
    start = draw(st.dates(date(1970, 1, 1), date(2099, 12, 31)))
    return Period(start, start + draw(st.integers(1, 800)) * DAY)


@st.composite
def queries(draw: st.DrawFn) -> CostQuery:
    period = draw(periods())
    return CostQuery(
        period=period,
        compare=draw(st.none() | periods().filter(lambda other: other != period)),
        scope=draw(scopes()),
        by=tuple(draw(st.lists(dimensions, max_size=3, unique=True))),
        grain=draw(st.sampled_from(get_args(Grain))),
        metric=draw(st.sampled_from(get_args(Metric))),
        top=draw(st.integers(1, 100)),
        currency=draw(st.none() | st.sampled_from(sorted(CURRENCIES))),
        count=draw(st.none() | dimensions),
    )


@given(queries(), st.integers(0, 40_000))
def test_a_question_reads_back_from_its_words_on_any_later_day(query: CostQuery, later: int) -> None:
    begun = max(query.period.start, query.compare.start if query.compare else query.period.start)
    assert query == parse(echo(query), begun + timedelta(days=later))


@given(queries())
def test_the_words_are_one_line(query: CostQuery) -> None:
    assert len(echo(query).splitlines()) == 1


@given(queries())
def test_a_question_reads_back_from_json(query: CostQuery) -> None:
    assert query == from_json(json.loads(json.dumps(to_json(query))))


@given(queries(), st.dates())
def test_every_question_can_be_described(query: CostQuery, today: date) -> None:
    assert describe(query, today).startswith(f"{query.metric} cost of ")


def vocabulary() -> list[str]:
    """Every word the tables know, with signs, dates and half-finished pieces between them."""
    tables = [table for table in vars(words).values() if isinstance(table, frozenset | type(words.DIMENSION_WORDS))]
    known = {str(word) for table in tables for word in table}
    pieces = [
        "=",
        "!=",
        ",",
        "..",
        "to",
        "7",
        "7d",
        "0d",
        "99999999d",
        "24h",
        "top",
        "tag:x",
        "tag:",
        '"',
        "“a b”",
        "'",
        "<@U1|x>",
        "ml",
        "?",
        ":",
    ]
    dates = ["2026-02-29", "2026-03-05", "0001-01-01", "9999-12-31", "2026-13", "9999", "0000", "2026-W53", "2026-q4", "31", "05/03/2026"]
    return sorted(known) + pieces * 5 + dates * 3


soup = st.lists(st.tuples(st.sampled_from(vocabulary()), st.sampled_from(["", " ", " ", " "])), max_size=14)
days = st.dates() | st.sampled_from([TODAY, date.min, date.max, date(2028, 2, 29)])
KNOWN = {"team": {"ml", "data science"}, "env": {"prod"}}


@given(st.text(max_size=60) | soup.map(lambda pieces: "".join(word + gap for word, gap in pieces)), days)
def test_no_text_breaks_the_reader(text: str, today: date) -> None:
    try:
        query = parse(text, today, KNOWN)
    except QueryError as error:
        refused = error
    else:
        assert query.period.start <= today
        return
    assert str(refused)
    assert all(parse(corrected, today, KNOWN) for corrected in refused.did_you_mean)


@given(st.text(max_size=60) | soup.map(lambda pieces: "".join(word + gap for word, gap in pieces)))
def test_what_was_read_reads_back_and_every_refusal_shows_what_works(text: str) -> None:
    try:
        query = parse(text, TODAY)
    except QueryError as error:
        assert parse(error.suggestion or "", TODAY)  # noqa: PT017 - either way there is something to hold
    else:
        assert query == parse(echo(query), TODAY) == from_json(to_json(query))


def test_json_has_the_keys_that_scripts_rely_on() -> None:
    query = parse("team=ml env!=dev by model last 7d", TODAY)
    assert to_json(query) == {
        "scope": {"team": ["ml"]},
        "exclude": {"env": ["dev"]},
        "filters": [
            {"dimension": "team", "values": ["ml"], "negated": False},
            {"dimension": "env", "values": ["dev"], "negated": True},
        ],
        "start": "2026-11-13",
        "end": "2026-11-20",
        "compare": {"start": "2026-11-06", "end": "2026-11-13"},
        "by": ["model"],
        "grain": "day",
        "metric": "effective",
        "top": 10,
        "currency": None,
        "count": None,
        "text": "team=ml env!=dev 2026-11-13..2026-11-19 vs 2026-11-06..2026-11-12 by=model",
    }


def test_the_longest_question_reads_back_although_its_dates_make_it_longer() -> None:
    query = parse("team=" + "x" * 1_995, TODAY)
    assert query == from_json(to_json(query)) == read_back(echo(query))


def test_a_script_may_give_only_what_matters() -> None:
    document = {"scope": {"team": ["ml"]}, "exclude": {"env": ["dev"]}, "start": "2026-11-13", "end": "2026-11-20"}
    assert parse("team=ml env!=dev last 7d", TODAY) == from_json(document)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"metrik": "billed"}, "'metrik' is not a key of a question. Did you mean 'metric'?"),
        ({"start": None}, "The 'start' of the question is a date such as 2026-03-01, not null."),
        ({"start": "2026-02-29"}, "The 'start' of the question is a date such as 2026-03-01, not '2026-02-29'."),
        (
            {"end": "2026-11-13"},
            "The 'end' of the question, 2026-11-13, is the day after the last and must come after 2026-11-13; try 2026-11-14.",
        ),
        ({"compare": {"start": "2026-11-01"}}, "The 'end' of 'compare' is a date such as 2026-03-01, not null."),
        ({"scope": ["ml"]}, "'scope' is an object, not ['ml']."),
        ({"scope": {"team": "ml"}}, "'team' is a list of texts, not 'ml'."),
        ({"scope": {"team": [7]}}, "'team' is text, not 7."),
        ({"scope": {"tem": ["ml"]}}, "'tem' is not a dimension. Did you mean 'team'?"),
        ({"grain": "hour"}, "'grain' is one of day, week, month, not 'hour'."),
        ({"metric": "free"}, "'metric' is one of effective, billed, list, contracted, not 'free'."),
        ({"top": "10"}, "'top' is a number from 1 to 100, not '10'."),
        ({"top": 0}, "'top=0' is out of range; top takes 1 to 100."),
        ({"by": ["modle"]}, "'modle' is nothing to split by. Did you mean 'model'?"),
        ({"by": ["team", "model", "env", "user"]}, "A question is split by at most 3 dimensions; leave one out."),
        ({"currency": "EURO"}, "'EURO' is not a currency code. Did you mean EUR?"),
        (
            {"filters": [], "scope": {"team": ["ml"]}},
            "'scope' and 'filters' say different things; leave 'filters' out after changing 'scope'.",
        ),
    ],
)
def test_json_that_could_not_be_asked_in_words_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(QueryError) as caught:
        from_json({"start": "2026-11-13", "end": "2026-11-20"} | change)
    assert message == str(caught.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("team=ml by model last 7d", "effective cost of team ml, 13–19 Nov 2026, by model, against 6–12 Nov"),
        ("last month cost=billed in EUR", "billed cost of everything, October 2026, in EUR, against September 2026"),
        ("mtd vs none", "effective cost of everything, 1–20 Nov 2026 so far"),
        ("yesterday by team, env, tag:x top 5", "effective cost of everything, 19 Nov 2026, by team, env and tag x, top 5, against 18 Nov"),
        ("team=ml,search env!=dev q1 2026", "effective cost of team ml or search and env not dev, Q1 2026, against Q4 2025"),
        ("team=none tag:x=* 2025 daily", "effective cost of no team and any tag x, 2025, daily, against 2024"),
        ("2026-10-30..2026-11-02", "effective cost of everything, 30 Oct – 2 Nov 2026, against 26–29 Oct"),
        ("2025-12-30..2026-01-02", "effective cost of everything, 30 Dec 2025 – 2 Jan 2026, against 26–29 Dec 2025"),
    ],
)
def test_a_question_in_words_for_people(text: str, expected: str) -> None:
    assert expected == describe(parse(text, TODAY), TODAY)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("yesterday", "2026-11-19 vs 2026-11-18"),
        ("últimos 7d por modelo vs nada", "2026-11-13..2026-11-19 vs none by=model"),
        ('team="data science",ml', 'team="data science",ml 2026-11-13..2026-11-19 vs 2026-11-06..2026-11-12'),
        ("distinct users by team last 2d vs none", "2026-11-18..2026-11-19 vs none by=team count=user"),
        ("2026-03 weekly top 5 cost=billed in EUR vs none", "2026-03-01..2026-03-31 vs none weekly top=5 cost=billed in=EUR"),
    ],
)
def test_the_canonical_words(text: str, expected: str) -> None:
    assert expected == echo(parse(text, TODAY))
