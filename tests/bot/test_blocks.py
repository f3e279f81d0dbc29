"""Answers as Slack messages: what stands where, and that Slack takes every one of them."""

import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
import slackblocks
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.blocks import (
    BREAKDOWNS,
    PERIODS,
    Message,
    PictureRef,
    answer_blocks,
    busy_message,
    error_blocks,
    fits_native,
    help_blocks,
    shared_by,
    split_choice,
    without_native,
    worth_a_chart,
)
from finops.answers import Answer, Point, Row
from finops.language.echo import echo
from finops.query import Filter, parse
from slackbox import validate
from tests.finops.answer_samples import HOSTILE, TODAY, WEEK, answer, any_answer, ask, by_model, money, week

PICTURE = PictureRef("F0123456789", "numbers")
BUDGET = 12_000


def shown(given_answer: Answer, *, chart: Any = "native", controls: bool = True) -> Message:
    return answer_blocks(given_answer, TODAY, chart=chart, controls=controls)


def problems(message: Message) -> list[str]:
    return validate.errors(validate.message({"channel": "C012AB3CD", "text": message.text, "blocks": message.blocks}))


def kinds(message: Message) -> list[str]:
    return [block["type"] for block in message.blocks]


def block(message: Message, kind: str) -> dict[str, Any]:
    return next(each for each in message.blocks if each["type"] == kind)


def written(value: Any) -> str:
    """All text of a message, in order."""
    if isinstance(value, dict):
        return "\n".join(each if name == "text" and isinstance(each, str) else written(each) for name, each in value.items())
    return "\n".join(map(written, value)) if isinstance(value, list) else ""


def size(message: Message) -> int:
    """Characters of everything a reader sees."""
    return len("".join(written(message.blocks).split("\n"))) + sum(len(str(each)) for each in _labels(message.blocks))


def _labels(value: Any) -> list[Any]:
    if isinstance(value, dict):
        own = [each for name, each in value.items() if name in ("label", "name", "title", "caption", "alt_text") and isinstance(each, str)]
        return own + [found for each in value.values() for found in _labels(each)]
    return [found for each in value for found in _labels(each)] if isinstance(value, list) else []


def test_an_answer_reads_from_the_figure_to_what_can_be_done() -> None:
    message = shown(by_model())
    assert kinds(message) == ["section", "section", "data_visualization", "data_table", "context", "actions"]
    assert problems(message) == []


def test_the_total_is_bold_and_the_text_says_it_without_blocks() -> None:
    message = shown(answer(week("12345.67", previous=money("11111.67"))))
    assert block(message, "section")["text"]["text"].startswith("team ml spent *$12,345.67* (effective) in the last 7 days, 13–19 Nov, up ")
    assert message.text.startswith("team ml spent $12,345.67 (effective) in the last 7 days, 13–19 Nov, up $1,234.00 (+11 %)")


def test_one_series_is_a_bar_chart_with_numbers_in_it() -> None:
    chart = block(shown(answer(week("700"))), "data_visualization")
    assert (chart["title"], chart["chart"]["type"]) == ("team ml", "bar")
    assert chart["chart"]["series"][0]["data"][0] == {"label": "13 Nov", "value": 100.0}


def test_groups_over_days_are_lines_named_by_group() -> None:
    chart = block(shown(by_model()), "data_visualization")["chart"]
    assert (chart["type"], [each["name"] for each in chart["series"]]) == ("line", ["opus", "haiku"])


def test_groups_of_one_day_are_bars_side_by_side() -> None:
    chart = block(shown(by_model(("opus", "haiku"), days=1)), "data_visualization")["chart"]
    assert (chart["type"], chart["axis_config"]["categories"]) == ("bar", ["opus", "haiku"])
    assert [point["value"] for point in chart["series"][0]["data"]] == [2.0, 1.0]


def test_more_groups_than_a_chart_holds_are_summed_as_others() -> None:
    chart = block(shown(by_model(tuple("abcdefgh"))), "data_visualization")["chart"]
    assert [each["name"] for each in chart["series"]] == ["a", "b", "c", "d", "e", "3 others"]
    assert chart["series"][5]["data"][0]["value"] == 3 + 2 + 1


def test_without_the_groups_of_each_day_the_chart_shows_the_days() -> None:
    sums = by_model().sums[0]
    bare = replace(sums, series=tuple(replace(point, parts=()) for point in sums.series))
    chart = block(shown(replace(by_model(), sums=(bare,))), "data_visualization")["chart"]
    assert (chart["type"], [each["name"] for each in chart["series"]]) == ("bar", ["cost"])


def test_groups_of_one_day_need_no_parts() -> None:
    one = by_model(days=1)
    bare = replace(one.sums[0], series=(replace(one.sums[0].series[0], parts=()),))
    assert block(shown(replace(one, sums=(bare,))), "data_visualization") == block(shown(one), "data_visualization")


def test_an_incomplete_day_says_so_in_its_label() -> None:
    sums = week()
    series = (*sums.series[:-1], replace(sums.series[-1], complete=False))
    chart = block(shown(answer(replace(sums, series=series))), "data_visualization")["chart"]
    assert chart["axis_config"]["categories"][-2:] == ["18 Nov", "19 Nov, partial"]


def test_an_incomplete_single_step_says_so_on_its_axis() -> None:
    one = by_model(days=1)
    sums = replace(one.sums[0], series=(replace(one.sums[0].series[0], complete=False),))
    chart = block(shown(replace(one, sums=(sums,))), "data_visualization")["chart"]
    assert chart["axis_config"]["y_label"] == "effective cost, USD, incomplete"


def test_slack_does_not_draw_what_it_would_draw_wrongly() -> None:
    gap = week()
    holes = (Point(WEEK.start, None, False), *gap.series[1:])
    month = by_model(days=30)
    assert [fits_native(each) for each in (answer(replace(gap, series=holes)), month, answer(), answer(gap, week(currency="EUR")))] == [
        False
    ] * 4
    assert [fits_native(each) for each in (answer(gap), by_model(days=20))] == [True, True]


def test_a_picture_takes_the_place_of_the_native_chart() -> None:
    message = shown(by_model(days=30), chart=PICTURE)
    assert {"slack_file": {"id": "F0123456789"}, "alt_text": "numbers"}.items() <= block(message, "image").items()
    assert problems(message) == []


def test_a_native_chart_that_does_not_fit_is_left_out() -> None:
    assert "data_visualization" not in kinds(shown(by_model(days=30), chart="native"))


def test_the_table_holds_amounts_to_sort_and_to_read() -> None:
    rows = block(shown(by_model()), "data_table")["rows"]
    assert [cell["text"] for cell in rows[0]] == ["model", "Cost (USD)", "Before", "Change", "Share"]
    assert [cell["text"] for cell in rows[1]] == ["opus", "$14.00", "$90.00", "−$76.00", "67 %"]
    assert rows[1][1] == {"type": "raw_number", "value": 14.0, "text": "$14.00"}


def test_a_group_that_is_gone_has_no_cost_rather_than_none_of_it() -> None:
    sums = replace(by_model().sums[0], rows=(Row(("opus",), None, money("4"), None),))
    assert [cell["text"] for cell in block(shown(answer(sums, query=ask(by=("model",)))), "data_table")["rows"][1]] == [
        "opus",
        "–",
        "$4.00",
        "−$4.00",
        "–",
    ]


def test_before_the_first_bill_a_group_has_no_cost_rather_than_zero() -> None:
    sums = replace(by_model(previous="0").sums[0], previous=None)
    assert [cell["text"] for cell in block(shown(replace(by_model(), sums=(sums,))), "data_table")["rows"][1][2:4]] == ["–", "–"]


def test_without_a_breakdown_there_is_no_table() -> None:
    assert "data_table" not in kinds(shown(answer(week())))


def test_two_currencies_share_a_table_with_a_column_to_tell_them_apart() -> None:
    usd = by_model().sums[0]
    rows = block(shown(answer(usd, replace(usd, currency="EUR"), query=ask(by=("model",)))), "data_table")["rows"]
    assert [row[1]["text"] for row in rows] == ["Currency", "USD", "USD", "EUR", "EUR"]


def test_a_thousand_rows_are_cut_to_the_largest_and_the_caption_says_so() -> None:
    table = block(shown(by_model(tuple(f"model {n}" for n in range(1000)), days=1), chart=None), "data_table")
    assert (len(table["rows"]), table["caption"]) == (101, "Cost by model, 19 Nov, the 100 largest of 1000")


def test_the_small_print_says_freshness_metric_question_and_id() -> None:
    small = [each["text"] for each in block(shown(answer(week())), "context")["elements"]]
    assert small[0] == "Data as of 20 Nov 06:00 UTC · complete through 19 Nov · bill of aws to 19 Nov"
    assert small[1:] == ["effective cost in USD", f"understood as `/cost {echo(ask())}`", "Q-AB12CD"]


def test_controls_carry_the_question_and_the_choice_and_no_figures() -> None:
    share, why, period, split = block(shown(by_model()), "actions")["elements"]
    assert [(each["action_id"], each["value"]) for each in (share, why)] == [("share", "Q-AB12CD"), ("why", "Q-AB12CD")]
    assert [option["value"] for option in period["options"]] == [f"Q-AB12CD|{words}" for words in PERIODS]
    assert [option["value"] for option in split["options"]] == [f"Q-AB12CD|{name}" for name in BREAKDOWNS]
    assert split["initial_option"]["value"] == "Q-AB12CD|model"


def test_every_period_on_the_menu_can_be_asked() -> None:
    assert len({parse(words, TODAY).period for words in PERIODS}) == len(PERIODS)


def test_a_choice_is_taken_apart_again() -> None:
    assert [split_choice("Q-AB12CD|last 30d"), split_choice("Q-AB12CD")] == [("Q-AB12CD", "last 30d"), ("Q-AB12CD", "")]


def test_block_ids_belong_to_the_question() -> None:
    first, second = shown(by_model()), shown(replace(by_model(), id="Q-ZZ"))
    assert {each["block_id"] for each in first.blocks}.isdisjoint(each["block_id"] for each in second.blocks)


def test_a_shared_answer_names_who_shared_it_and_has_no_controls() -> None:
    message = shared_by(shown(by_model()), "U012AB3CD")
    assert message.blocks[-1]["elements"][0]["text"] == "Shared by <@U012AB3CD>"
    assert ("actions" in kinds(message), problems(message)) == (False, [])


def test_whoever_shares_cannot_mention_the_channel() -> None:
    assert shared_by(busy_message(), "<!channel>").blocks[-1]["elements"][0]["text"] == "Shared by &lt;!channel&gt;"


def test_without_native_blocks_the_numbers_are_written_out() -> None:
    message = without_native(shown(by_model()))
    assert {"data_visualization", "data_table"}.isdisjoint(kinds(message))
    assert "13 Nov: opus 2 · haiku 1" in written(message.blocks)
    assert "opus · $14.00 · $90.00 · −$76.00 · 67 %" in written(message.blocks)
    assert problems(message) == []


def test_nobody_is_mentioned_by_a_tag_value() -> None:
    scope = (Filter("team", ("<!channel>",)),)
    hostile = by_model(("<!here>", "<@U012AB3CD>", "a & b"))
    message = shown(replace(hostile, query=replace(hostile.query, scope=scope), notes=("<!everyone>",)))
    marked = [each for each in _objects(message.blocks) if each.get("type") == "mrkdwn"]
    assert [each["text"] for each in marked if "<" in each["text"]] == []
    assert "team &lt;!channel&gt; spent" in message.text


def _objects(value: Any) -> list[dict[str, Any]]:
    if isinstance(value, dict):
        return [value, *[found for each in value.values() for found in _objects(each)]]
    return [found for each in value for found in _objects(each)] if isinstance(value, list) else []


def test_a_long_name_is_cut_between_entities() -> None:
    message = shown(answer(week(), query=ask(scope=(Filter("team", ("&" * 3000,)),))))
    text = block(message, "section")["text"]["text"]
    assert (len(text) <= 3000, text.replace("&amp;", "").count("&")) == (True, 0)


def test_an_error_finishes_its_sentence() -> None:
    message = error_blocks("'tem' is not a dimension.", "team=ml last 7d", ("team=ml last 7d", "tenant=x"))
    assert message.blocks[0]["text"]["text"] == "'tem' is not a dimension."
    assert "Try `/cost team=ml last 7d` or `/cost tenant=x`" in written(message.blocks)


@settings(max_examples=50, deadline=None)
@given(HOSTILE, st.one_of(st.none(), HOSTILE), st.lists(HOSTILE, max_size=9))
def test_any_error_is_a_valid_message(message: str, suggestion: str | None, words: list[str]) -> None:
    made = error_blocks(message, suggestion, tuple(words))
    assert (problems(made), 0 < len(made.text) <= 4000, size(made) <= BUDGET) == ([], True, True)


@pytest.mark.parametrize("make", [help_blocks, busy_message, partial(error_blocks, "")])
def test_fixed_messages_are_valid(make: Callable[[], Message]) -> None:
    message = make()
    assert (problems(message), bool(message.text), size(message) <= BUDGET) == ([], True, True)


def test_help_shows_examples_that_can_be_copied_as_they_are() -> None:
    assert "`/cost service=Amazon* 2026-03 by region`" in written(help_blocks().blocks)


@settings(max_examples=150, deadline=None)
@given(any_answer(), st.sampled_from(["native", PICTURE, None]), st.booleans())
def test_any_answer_is_a_valid_message(given_answer: Answer, chart: Any, controls: bool) -> None:
    message = shown(given_answer, chart=chart, controls=controls)
    for each in (message, without_native(message), shared_by(message, "U012AB3CD"), shared_by(without_native(message), "U012AB3CD")):
        assert problems(each) == []
        assert 0 < len(each.text) <= 4000
        assert size(each) <= BUDGET
        assert json.loads(json.dumps(each.blocks, allow_nan=False)) == each.blocks


@settings(max_examples=15, deadline=None)
@given(st.lists(HOSTILE, min_size=100, max_size=500, unique=True))
def test_hundreds_of_rows_with_any_name_are_a_valid_message(names: list[str]) -> None:
    message = shown(by_model(tuple(names), days=1))
    assert (problems(message), problems(without_native(message)), size(message) <= BUDGET) == ([], [], True)


@settings(max_examples=50, deadline=None)
@given(any_answer())
def test_another_library_accepts_charts_and_tables_too(given_answer: Answer) -> None:
    for each in shown(given_answer).blocks:
        if each["type"] == "data_table":
            rows = [[_cell(cell) for cell in row] for row in each["rows"]]
            assert (
                slackblocks.DataTableBlock(rows, each["caption"], each["page_size"], 0, each["block_id"])._resolve()["rows"] == each["rows"]
            )
        if each["type"] == "data_visualization":
            assert (
                slackblocks.DataVisualizationBlock(each["title"], _chart(each["chart"]), each["block_id"])._resolve()["chart"]
                == each["chart"]
            )


def _cell(cell: dict[str, Any]) -> Any:
    return slackblocks.RawText(cell["text"]) if cell["type"] == "raw_text" else slackblocks.RawNumber(cell["value"], cell["text"])


def _chart(chart: dict[str, Any]) -> Any:
    series = [
        slackblocks.DataSeries(each["name"], [slackblocks.DataPoint(point["label"], point["value"]) for point in each["data"]])
        for each in chart["series"]
    ]
    axis = slackblocks.AxisConfig(chart["axis_config"]["categories"], y_label=chart["axis_config"]["y_label"])
    return {"bar": slackblocks.BarChart, "line": slackblocks.LineChart}[chart["type"]](series, axis)


def test_a_single_bar_is_no_chart() -> None:
    sums = replace(week(), series=(Point(WEEK.start, money("3"), True),))
    assert "data_visualization" not in kinds(shown(answer(sums)))
    assert [worth_a_chart(each) for each in (answer(sums), answer(), answer(week()), by_model(days=1))] == [False, False, True, True]
