"""The help teaches what the reader understands, and all of it."""

from datetime import date

import pytest

from finops.charges import DIMENSIONS, METRICS
from finops.language.period_words import FORMS, Form
from finops.language.query_help import COMPARISONS, CURRENCY, FILTERS, HELP, SPLITS, Example, help_parts, help_text
from finops.query import Filter, parse

TODAY = date(2026, 11, 20)


@pytest.mark.parametrize("example", [*HELP, *FILTERS, *COMPARISONS, *SPLITS, *CURRENCY], ids=lambda example: example.text)
def test_every_example_parses(example: Example) -> None:
    assert parse(example.text, TODAY).period


def test_the_examples_ask_different_things() -> None:
    assert len({parse(example.text, TODAY) for example in HELP}) == len(HELP)


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.example)
def test_every_form_of_a_period_and_every_variant_its_help_names_is_read(form: Form) -> None:
    named = [text for text in form.about.split("`")[1::2] if "…" not in text]
    periods = {text: parse(text, TODAY).period for text in [form.example, *named]}
    assert all(period.start <= TODAY for period in periods.values())


@pytest.mark.parametrize(
    "row", [row for _, rows in help_parts() for row in rows if row.text.startswith(("cost=", "daily", "weekly", "monthly"))]
)
def test_every_kind_of_cost_and_step_is_read_as_printed(row: Example) -> None:
    query = parse(row.text, TODAY)
    assert row.text in {f"cost={query.metric}", {"day": "daily", "week": "weekly", "month": "monthly"}[query.grain]}


def test_help_names_every_dimension_and_kind_of_cost() -> None:
    text = help_text()
    assert all(f"\n  {name} " in text and dimension.about in text for name, dimension in DIMENSIONS.items())
    assert all(f"cost={metric} " in text for metric in METRICS)


@pytest.mark.parametrize("name", DIMENSIONS)
def test_every_dimension_in_the_help_filters(name: str) -> None:
    assert parse(f"{name}=x", TODAY).scope == (Filter(name, ("x",)),)


def test_help_fits_a_screen_in_width() -> None:
    assert max(map(len, help_text().splitlines())) <= 140
