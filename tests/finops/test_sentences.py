"""An answer in words."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given

from finops.answers import Answer, Freshness, LikeForLike, Row
from finops.periods import Period
from finops.query import Filter
from finops.telling.names import clean, cut, distinct, label
from finops.telling.sentences import freshness, headline, moved, movers, notes
from tests.finops.answer_samples import AS_OF, HOSTILE, TODAY, answer, any_answer, ask, money, week

NOV_19 = date(2026, 11, 19)


def test_a_headline_says_total_metric_days_and_change() -> None:
    said = headline(answer(week("12345.67", previous=money("11111.67"))), TODAY)
    assert said == "team ml spent $12,345.67 (effective) in the last 7 days, 13–19 Nov, up $1,234.00 (+11 %) on the 7 days before."


def test_a_fall_is_down_and_no_change_is_unchanged() -> None:
    assert headline(answer(week("400")), TODAY).endswith(", down $100.00 (−20 %) on the 7 days before.")
    assert headline(answer(week("500")), TODAY).endswith(", unchanged on the 7 days before.")


def test_incomplete_days_are_left_out_of_the_change() -> None:
    sums = week("600", previous=money("700"), like_for_like=LikeForLike(6, money("618"), money("600")))
    said = headline(answer(sums, complete_until=NOV_19), TODAY)
    assert (
        said == "team ml spent $600.00 (effective) in the last 7 days, 13–19 Nov, "
        "complete only through 18 Nov – over the 6 complete days +$18.00 (+3 %)."
    )


def test_without_one_complete_day_nothing_is_compared() -> None:
    said = headline(answer(week("600"), complete_until=date(2026, 11, 13)), TODAY)
    assert said == "team ml spent $600.00 (effective) in the last 7 days, 13–19 Nov, not complete yet."


def test_no_data_is_not_zero() -> None:
    said = headline(answer(), TODAY)
    assert said == "No charges match team=ml in the last 7 days, 13–19 Nov; the ledger holds data up to 19 Nov."


def test_an_empty_ledger_says_what_to_do() -> None:
    said = headline(answer(query=ask(scope=()), sources=()), TODAY)
    assert said == "No charges are on record in the last 7 days, 13–19 Nov; the ledger is empty: load a bill with `finops-bot ingest`."


def test_charges_only_before_are_told_with_their_amount() -> None:
    said = headline(answer(replace(week(), total=None, previous=money("80"))), TODAY)
    assert said == "No charges in USD match team=ml in the last 7 days, 13–19 Nov, after $80.00 in the 7 days before."


def test_nothing_on_record_before_is_not_called_a_rise() -> None:
    said = headline(answer(week(previous=None)), TODAY)
    assert said.endswith(", with nothing on record in the 7 days before to compare with.")


def test_a_rise_from_zero_has_no_percentage() -> None:
    assert headline(answer(week("7", previous=money("0"))), TODAY).endswith(", up $7.00 on the 7 days before.")


def test_each_currency_is_told_by_itself() -> None:
    said = headline(answer(week("12", previous=money("10")), week("3", currency="EUR", previous=money("3"))), TODAY)
    assert (
        said == "team ml in the last 7 days, 13–19 Nov (effective): $12.00, up $2.00 (+20 %) on the 7 days before; "
        "€3.00, unchanged on the 7 days before."
    )


@pytest.mark.parametrize(
    ("scope", "begin"),
    [
        ((), "All charges came to $"),
        ((Filter("model", ("opus", "haiku")),), "model opus or haiku cost $"),
        ((Filter("team", ("ml",)), Filter("env", ("prod",))), "team ml, env prod cost $"),
        ((Filter("team", ("none",)),), "Charges without a team cost $"),
        ((Filter("team", ("ml",), negated=True),), "All but team ml cost $"),
        ((Filter("team", ("*",)),), "Charges with a team cost $"),
        ((Filter("tag:cost_center", ("42",)),), "tag cost_center 42 cost $"),
    ],
)
def test_the_scope_is_the_subject(scope: tuple[Filter, ...], begin: str) -> None:
    assert headline(answer(week(), query=ask(scope=scope)), TODAY).startswith(begin)


@pytest.mark.parametrize(
    ("start", "end", "when"),
    [
        ((2026, 11, 19), (2026, 11, 20), "yesterday, 19 Nov"),
        ((2026, 11, 20), (2026, 11, 21), "today, 20 Nov"),
        ((2026, 11, 5), (2026, 11, 6), "on 5 Nov"),
        ((2026, 10, 1), (2026, 11, 1), "in October"),
        ((2025, 10, 1), (2025, 11, 1), "in October 2025"),
        ((2026, 7, 1), (2026, 10, 1), "in Q3 2026"),
        ((2025, 1, 1), (2026, 1, 1), "in 2025"),
        ((2026, 11, 1), (2026, 11, 20), "this month so far, 1–19 Nov"),
        ((2026, 11, 1), (2026, 12, 1), "in November so far"),
        ((2026, 11, 9), (2026, 11, 23), "in 9–22 Nov so far"),
        ((2026, 10, 1), (2026, 11, 21), "this quarter so far, 1 Oct – 20 Nov"),
        ((2026, 1, 1), (2026, 11, 21), "this year so far, 1 Jan – 20 Nov"),
        ((2026, 11, 16), (2026, 11, 21), "this week so far, 16–20 Nov"),
        ((2026, 10, 21), (2026, 11, 20), "in the last 30 days, 21 Oct – 19 Nov"),
        ((2025, 12, 28), (2026, 1, 4), "in 28 Dec 2025 – 3 Jan 2026"),
    ],
)
def test_days_are_named_as_people_do(start: tuple[int, int, int], end: tuple[int, int, int], when: str) -> None:
    period = Period(date(*start), date(*end))
    assert f" {when}." in headline(answer(week(), query=ask(period=period, compare=None), complete_until=date(2027, 1, 1)), TODAY)


def test_movers_name_what_is_new_and_what_is_gone() -> None:
    rows = (
        Row(("opus",), money("2800"), money("2000"), None),
        Row(("nova",), money("50"), money("0"), None),
        Row((None,), None, money("40"), None),
        Row(("small",), money("2"), money("1"), None),
    )
    lines = movers(week(movers=rows), ("model",))
    assert lines == ("▲ opus +$800.00 (+40 %)", "▲ nova +$50.00 (new)", "▼ (no model) −$40.00 (gone)")


def test_without_a_complete_day_or_a_bill_before_nothing_is_said_to_move() -> None:
    rows = (Row(("opus",), money("9"), money("0"), None),)
    moving = week(movers=rows)
    assert len(moved(answer(moving))) == 1
    assert moved(answer(moving, complete_until=date(2026, 11, 13))) == ()
    assert moved(answer(replace(moving, previous=None))) == ()


def test_two_incomplete_currencies_say_so_once() -> None:
    sums = week("600", like_for_like=LikeForLike(6, money("618"), money("600")))
    said = headline(answer(sums, week("5", currency="EUR"), complete_until=NOV_19), TODAY)
    assert (
        "team ml in the last 7 days, 13–19 Nov (effective, complete only through 18 Nov): "
        "$600.00 – over the 6 complete days +$18.00 (+3 %); €5.00." == said
    )


def test_what_did_not_move_is_no_mover() -> None:
    assert movers(week(movers=(Row(("a",), money("5"), money("5"), None),)), ("model",)) == ()


def test_freshness_says_how_far_each_source_reaches() -> None:
    aws = Freshness("aws", AS_OF, date(2026, 11, 18), NOV_19)
    told = freshness(answer(week(), complete_until=NOV_19, sources=(aws,)))
    assert told == "Data as of 20 Nov 06:00 UTC · complete through 18 Nov · bill of aws to 18 Nov"


def test_without_any_bill_freshness_says_so() -> None:
    assert freshness(answer(as_of=None, sources=())) == "No bill has been loaded yet"


def test_notes_end_with_what_the_rows_leave_out() -> None:
    rest = Row((None,), Decimal("12.5"), None, 0.1)
    assert notes(answer(week(rest=rest, rest_groups=27), notes=("fx missing", "\u202e"))) == ("fx missing", "27 others sum to $12.50")


def test_a_group_without_a_key_has_a_name() -> None:
    assert label((None, None, "ml"), ("team", "model", "project")) == "unowned / (no model) / ml"


def test_invisible_characters_cannot_change_how_a_name_reads() -> None:
    assert clean("pay\n\u202eabc\u200b\x07\udcff\ufffe") == "pay abc"


def test_names_cut_alike_are_numbered() -> None:
    assert distinct(["abcdefgh", "abcdefgX", "x"], 6) == ("abcde…", "abc… 2", "x")


@given(HOSTILE)
def test_a_cut_name_keeps_its_limit(text: str) -> None:
    assert len(cut(text, 20)) <= 20


@given(any_answer())
def test_any_answer_is_one_line_that_ends(given_answer: Answer) -> None:
    said = headline(given_answer, TODAY)
    assert "\n" not in said
    assert said.endswith(".")
    assert freshness(given_answer, TODAY)


def test_the_asked_days_stay_whole_when_one_day_is_compared() -> None:
    one = Period(NOV_19, TODAY)
    day_before = Period(date(2026, 11, 18), NOV_19)
    query = replace(ask(), period=one, compare=day_before)
    assert headline(answer(week("550"), query=query), TODAY).endswith("yesterday, 19 Nov, up $50.00 (+10 %) on the day before.")
