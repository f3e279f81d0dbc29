"""Every question that cannot be read says which word, why, and what would have worked."""

from datetime import date

import pytest

from finops.errors import QueryError
from finops.query import parse

TODAY = date(2026, 11, 20)
KNOWN = {"team": {"ml", "data science"}, "env": {"prod", "Search"}, "project": {"Search"}}


def error(text: str, today: date = TODAY) -> QueryError:
    with pytest.raises(QueryError) as caught:
        parse(text, today, KNOWN)
    return caught.value


@pytest.mark.parametrize(
    ("text", "message", "did_you_mean"),
    [
        ("ml last 7d", "'ml' needs its dimension. Did you mean 'team=ml'?", ("team=ml last 7d",)),
        ("ML?", "'ML?' needs its dimension. Did you mean 'team=ml'?", ("team=ml",)),
        (
            "cost of data science by model",
            "'data science' needs its dimension. Did you mean 'team=\"data science\"'?",
            ('cost of team="data science" by model',),
        ),
        (
            "search yesterday",
            "'search' needs its dimension. Did you mean 'env=Search' or 'project=Search'?",
            ("env=Search yesterday", "project=Search yesterday"),
        ),
        ("tem=ml", "'tem' is not a dimension. Did you mean 'team'?", ("team=ml",)),
        ("last 7d modell=x", "'modell' is not a dimension. Did you mean 'model'?", ("last 7d model=x",)),
        ("xyz=1", "'xyz' is not a dimension. A tag is written tag:KEY=value.", ("tag:xyz=1",)),
        ("tem:ml", "'tem:ml' is not a word of a question. Did you mean 'team:ml'?", ("team:ml",)),
        ("yesteday", "'yesteday' is not a word of a question. Did you mean 'yesterday'?", ("yesterday", "today")),
        ("qwertz", "'qwertz' is not a word of a question. A value needs its dimension, as in team=ml.", ()),
        ("team ops", "'team' needs '=' and a value, or 'by' before it. Did you mean 'team=ops'?", ("team=ops",)),
        ("model last 7d", "'model' needs 'by' before it, or '=' and a value after it. Did you mean 'by model'?", ("by model last 7d",)),
        (
            "service=Amazon EC2 last 7d",
            "'EC2' follows a value; quote a value that holds spaces: service=\"Amazon EC2\".",
            ('service="Amazon EC2" last 7d',),
        ),
        (
            "team=data science yesterday",
            "'science' follows a value; quote a value that holds spaces: team=\"data science\".",
            ('team="data science" yesterday',),
        ),
        ("env:prod qwertz, last 7d", "'qwertz' is not a word of a question. A value needs its dimension, as in team=ml.", ()),
        ("team=ops ml", "'ml' needs a comma before it to be another team.", ("team=ops,ml",)),
        ("tag:x", "'tag:x' needs a value, or 'by' before it.", ("tag:x=*", "by tag:x")),
        ("'ops'", "The value 'ops' needs its dimension, as in team=\"ops\".", ("team=ops",)),
        ("=ml", "There is nothing to compare on the left of '='; write dimension=value.", ("team=ml",)),
        ("list teams", "'list' alone says nothing; write cost=list for that kind of cost.", ("cost=list by team",)),
    ],
)
def test_words_that_say_nothing(text: str, message: str, did_you_mean: tuple[str, ...]) -> None:
    found = error(text)
    assert message == str(found)
    assert did_you_mean == found.did_you_mean


@pytest.mark.parametrize(
    ("text", "message", "did_you_mean"),
    [
        ("team=", "'team=' needs a value right after it; quote a value that is also a word of the language.", ("team=none", "team=*")),
        (
            "team= last 7d",
            "'team=' needs a value right after it; quote a value that is also a word of the language.",
            ("team=none last 7d", "team=* last 7d"),
        ),
        ('team=""', "An empty value matches nothing; ask for none to see what has no owner.", ("team=none",)),
        ('team="ml', "The quote before 'ml' is never closed.", ('team="ml"', "team=ml")),
        ("team=ml;env=prod", "'ml;env=prod' runs two filters together; put a space between them.", ("team=ml env=prod",)),
        ('team="a\nb"', "The value 'a b' holds a line break or a control sign; leave it out.", ('team="a b"',)),
        ("team=a\x00b", "The question holds the control sign U+0000; leave it out.", ("team=ab",)),
        ("tag:=x", "'tag:' needs the key of a tag, as in tag:cost-center=42.", ("tag:cost-center=x",)),
    ],
)
def test_filters_that_cannot_be_meant(text: str, message: str, did_you_mean: tuple[str, ...]) -> None:
    found = error(text)
    assert message == str(found)
    assert did_you_mean == found.did_you_mean


@pytest.mark.parametrize(
    ("text", "message", "did_you_mean"),
    [
        ("last 24h", "Bills are daily, so '24h' has no answer; ask for yesterday or the last 1d.", ("last 1d",)),
        ("past 24 hours", "Bills are daily, so '24 hours' has no answer; ask for yesterday or the last 1d.", ("past 1d",)),
        ("last 0d", "'0d' is no time at all; the shortest period is 1d.", ("last 1d",)),
        ("last 7x", "'last 7x' is no length of time; the units are d, w, m, q and y.", ("last 7d",)),
        ("last 99999999d", "'last 99999999d' reaches beyond the calendar.", ("last 7d",)),
        ("last", "'last' says nothing by itself here; periods read like last 7d, this month or 2026-03.", ("last 7d",)),
        ("9999", "'9999' reaches beyond the calendar.", ("last 7d",)),
        ("0000-01-01", "'0000-01-01' reaches beyond the calendar.", ("last 7d",)),
        ("0001", "Nothing can lie before that period; add 'vs none'.", ("0001 vs none",)),
        ("0001-01 vs last year", "The period to compare with reaches beyond the calendar.", ("0001-01 vs none",)),
        ("2026-02-29", "'2026-02-29' is not in the calendar: February 2026 has 28 days.", ("2026-02-28",)),
        ("31 april", "'31 april' is not in the calendar: April 2026 has 30 days.", ("2026-04-30",)),
        ("2026-13", "'2026-13' is not in the calendar: there is no month 13.", ("last month",)),
        ("2026-W54", "'2026-W54' is not in the calendar: 2026 has 53 weeks.", ("this month",)),
        ("05/03/2026", "'05/03/2026' can be read in two ways; write days as 2026-03-05.", ("2026-03-05", "2026-05-03")),
        ("2027-01", "'2027-01' has not begun yet, so nothing was spent.", ("this month",)),
        ("since 2026-12-01", "'since 2026-12-01' has not begun yet, so nothing was spent.", ("this month",)),
        (
            "2026-03-15..2026-03-01",
            "'2026-03-15..2026-03-01' ends before it begins; did you mean 2026-03-01..2026-03-15?",
            ("2026-03-01..2026-03-15",),
        ),
        ("2026-03-01..", "'2026-03-01..' needs a last day, as in 2026-03-01..2026-03-15.", ("since 2026-03-01",)),
        ("since", "'since' needs a first day, as in since 2026-03-01.", ("last 7d",)),
        (
            "from 2026-03-01",
            "'from 2026-03-01' has no end; say 'since 2026-03-01' or give the last day after 'to'.",
            ("since 2026-03-01", "2026-03-01"),
        ),
        (
            "last 7d, last month",
            "'last 7d' and 'last month' each set the period; keep one of them.",
            ("last 7d,", "last 7d, vs last month"),
        ),
    ],
)
def test_periods_that_cannot_be_meant(text: str, message: str, did_you_mean: tuple[str, ...]) -> None:
    found = error(text)
    assert message == str(found)
    assert did_you_mean == found.did_you_mean


@pytest.mark.parametrize(
    ("text", "message", "did_you_mean"),
    [
        ("by foo", "'foo' is nothing to split by. Try model, team, service or day.", ()),
        ("by modle", "'modle' is nothing to split by. Did you mean 'model'?", ("by model",)),
        ("by model,foo", "'foo' is nothing to split by. Try model, team, service or day.", ()),
        ("by", "'by' needs a dimension or day, week, month.", ("by model", "by team")),
        ("by hour", "Bills are daily, so a day is the finest step.", ("by day",)),
        ("hourly", "Bills are daily, so a day is the finest step.", ("daily",)),
        ("by team, model, env, user", "A question is split by at most 3 dimensions; leave one out.", ("by team,model,env",)),
        ("daily weekly", "'daily' and 'weekly' each set the step; keep one of them.", ("daily",)),
        ("top", "'top' needs a number from 1 to 100.", ("top 10",)),
        ("top 0", "'top 0' is out of range; top takes 1 to 100.", ("top 10",)),
        ("count=", "'count=' needs a dimension to count.", ("count=user",)),
        ("top=101", "'top=101' is out of range; top takes 1 to 100.", ("top 10",)),
        ("cost=effektive", "'effektive' is not a kind of cost: effective, billed, list or contracted.", ("cost=effective",)),
        ("cost=list billed", "'cost=list' and 'billed' each set the kind of cost; keep one of them.", ("cost=list",)),
        ("in euros", "'euros' is not a currency code. Did you mean EUR?", ("in EUR",)),
        ("in=EURO", "'EURO' is not a currency code. Did you mean EUR?", ("in EUR",)),
        ("in XYZ", "'XYZ' is not a currency code. Three letters such as EUR are needed.", ()),
        ("in EUR in USD", "'in EUR' and 'in USD' each set the currency; keep one of them.", ("in EUR",)),
        ("EUR", "'EUR' needs 'in' before it to be the currency. Did you mean 'in EUR'?", ("in EUR",)),
        ("vs", "'vs' needs something to compare with: previous, last year, none or a period.", ("vs previous", "vs last year")),
        ("last month vs last month", "'last month' is the period itself; compare it with another.", ("last month vs previous",)),
        ("last month vs 2027", "'2027' has not begun yet, so nothing was spent.", ("last month vs previous",)),
        ("vs 2026-01 vs 2026-02", "'vs 2026-01' and 'vs 2026-02' each set the comparison; keep one of them.", ("vs 2026-01",)),
    ],
)
def test_settings_that_cannot_be_meant(text: str, message: str, did_you_mean: tuple[str, ...]) -> None:
    found = error(text)
    assert message == str(found)
    assert did_you_mean == found.did_you_mean


def test_two_slips_are_corrected_together() -> None:
    assert error("team=ml lsat 7d by modle").did_you_mean[:1] == ("team=ml last 7d by model",)


def test_a_text_may_have_two_thousand_characters() -> None:
    assert parse("team=" + "x" * 1_995, TODAY).scope[0].values == ("x" * 1_995,)
    assert str(error("team=" + "x" * 1_996)) == "A question has at most 2,000 characters, not 2,001."


def test_a_question_has_at_most_fifty_filters() -> None:
    fifty = " ".join(f"tag:k{n}=v" for n in range(50))
    assert len(parse(fifty, TODAY).scope) == 50
    assert "at most 50 filters with 200 values" in str(error(fifty + " team=x"))


def test_a_question_has_at_most_two_hundred_values() -> None:
    two_hundred = "team=" + ",".join(f"v{n}" for n in range(200))
    assert len(parse(two_hundred, TODAY).scope[0].values) == 200
    assert "at most 50 filters with 200 values" in str(error(two_hundred + " env=x"))


@pytest.mark.parametrize("text", ["", "yesterday", "last month", "last week", "ytd", "since 0001-01-01", "vs none", "vs last year"])
def test_the_first_day_of_the_calendar_has_no_past(text: str) -> None:
    assert any(words in str(error(text, date.min)) for words in ("calendar", "before that period"))


@pytest.mark.parametrize("text", ["today", "this month", "december", "9999-12-31"])
def test_the_last_day_of_the_calendar_has_no_end(text: str) -> None:
    assert "beyond the calendar" in str(error(text, date.max))
