"""Two price tables are compared model by model, whatever the table calls it."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from finops.errors import UserError
from finops.pricing.book import price_book
from finops.pricing.differences import Change, Differences, differences
from finops.pricing.tables import Part, Row, Table, of_book, of_document, of_genai, of_litellm
from finops.rulebook import Price

DATA = Path(__file__).parents[1] / "data" / "prices"
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
SONNET = ("Anthropic", "claude-sonnet-4-5")


def content(name: str) -> object:
    return json.loads((DATA / name).read_text(), parse_float=Decimal)


@pytest.fixture(scope="module")
def listed() -> Table:
    return of_book(price_book(), "list", NOW)


@pytest.fixture(scope="module")
def litellm() -> Table:
    return of_document(content("litellm_excerpt.json"), "litellm", NOW)


def table(family: str = "list", **prices: str) -> Table:
    numbers = {Part("standard", kind): Decimal(price) for kind, price in prices.items()}
    return Table("t", family, {("OpenAI", "m"): (Row("OpenAI", "m", numbers),)})


def test_the_two_public_lists_disagree_about_long_requests_to_sonnet(listed: Table, litellm: Table) -> None:
    """The list has the doubled price beyond 200,000 tokens, the other table lost it."""
    changed = [change for change in differences(listed, litellm).changed if (change.provider, change.model) == SONNET]
    assert Change(*SONNET, "input above 200000", Decimal(6), Decimal(3)) in changed
    assert {change.kind for change in changed if "above" not in change.kind} == set()


def test_models_are_matched_by_what_they_are_and_not_by_their_spelling(listed: Table, litellm: Table) -> None:
    found = differences(listed, litellm)
    keys = listed.rows.keys() & litellm.rows.keys()
    assert len(keys) == found.compared
    assert ("gpt-4o", "gpt-4o-2024-08-06") == tuple(row.model for row in litellm.rows["OpenAI", "gpt-4o"])
    assert "eu.anthropic.claude-sonnet-4-5-20250929-v1:0" in [
        row.model for row in litellm.rows["AWS", "regional.anthropic.claude-sonnet-4-5-20250929-v1:0"]
    ]


def test_a_price_of_one_region_is_not_compared_with_the_price_of_all(listed: Table, litellm: Table) -> None:
    alone = {
        ("Microsoft", "azure/eu/gpt-4o-2024-08-06"),
        ("AWS", "eu.amazon.nova-pro-v1:0"),
        ("AWS", "bedrock/us-gov-east-1/anthropic.claude-sonnet-4-5-20250929-v1:0"),
    }
    assert alone <= set(differences(listed, litellm).new)


def test_what_binary_arithmetic_left_behind_is_no_difference(litellm: Table) -> None:
    rows = litellm.rows["novita", "mindai/macaron-v1-tall"]
    assert [Decimal("0.45")] == [row.prices[Part("standard", "input")] for row in rows]  # written as 4.5000000000000003e-07


def test_tiers_and_steps_of_the_other_table_are_read(litellm: Table) -> None:
    (row,) = litellm.rows["OpenAI", "gpt-5"]
    assert {"batch input": "0.625", "flex input": "0.625", "priority output": "20", "input": "1.25"}.items() <= {
        str(part): f"{price.normalize():f}" for part, price in row.prices.items()
    }.items()
    steps = [
        part.above for row in litellm.rows["Google Cloud", "gemini-2.5-pro"] for part in row.prices if part[:2] == ("standard", "input")
    ]
    assert {0, 200_000} == set(steps)


def test_a_published_list_is_read_as_of_a_day() -> None:
    document = content("genai_prices_excerpt.json")
    assert isinstance(document, list)
    before, after = (of_genai(document, "g", datetime(2025, 6, day, tzinfo=UTC)).rows["OpenAI", "o3"][0] for day in (9, 10))
    assert (Decimal(10), Decimal(2)) == tuple(row.prices[Part("standard", "input")] for row in (before, after))


@pytest.mark.parametrize(("hour", "expected"), [(0, "0.135"), (12, "0.27"), (17, "0.135")])
def test_a_published_price_may_depend_on_the_hour(hour: int, expected: str) -> None:
    table = of_document(content("genai_prices_excerpt.json"), "g", datetime(2026, 11, 20, hour, tzinfo=UTC))
    assert Decimal(expected) == table.rows["DeepSeek", "deepseek-chat"][0].prices[Part("standard", "input")]


def test_what_a_newer_list_changed_is_told(listed: Table) -> None:
    older = of_document(content("genai_prices_excerpt.json"), "older", NOW)
    changed = [change for change in differences(older, listed).changed if (change.provider, change.model) == SONNET]
    kinds = {change.kind for change in changed if change.before is None}
    assert {"cache_write_1h", "batch input", "batch output"} <= kinds
    assert Change(*SONNET, "cache_write_1h", None, Decimal(6)) in changed


def test_a_table_does_not_differ_from_itself(listed: Table) -> None:
    assert Differences((), (), (), len(listed.rows)) == differences(listed, listed)


def test_our_own_prices_differ_from_the_list_where_they_were_given(listed: Table) -> None:
    own = (
        Price("gpt-4o", "OpenAI", None, "USD", output_per_mtok=Decimal(8)),
        Price("mine", "self-hosted", None, "USD", input_per_mtok=Decimal(1)),
    )
    found = differences(listed, of_book(price_book(own), "budgets", NOW))
    assert (Change("OpenAI", "gpt-4o", "output", Decimal(10), Decimal(8)),) == tuple(
        change for change in found.changed if change.provider == "OpenAI"
    )
    assert (("self-hosted", "mine"),) == found.new


@pytest.mark.parametrize(("above", "expected"), [("0.1", ()), ("0.09", ("input",))])
def test_changes_up_to_the_threshold_are_left_out(above: str, expected: tuple[str, ...]) -> None:
    found = differences(table(input="10", output="1"), table(input="11", output="1"), Decimal(above))
    assert expected == tuple(change.kind for change in found.changed)


def test_the_largest_change_comes_first_and_before_it_what_came_or_went() -> None:
    found = differences(table(input="10", output="10", cache_read="1"), table(input="11", output="5", per_request="1"))
    assert [("cache_read", None), ("per_request", None), ("output", Decimal("-0.5")), ("input", Decimal("0.1"))] == [
        (change.kind, change.share) for change in found.changed
    ]


def test_a_kind_that_a_table_of_another_family_lacks_is_no_change() -> None:
    assert () == differences(table(input="1", output="2"), table("litellm", input="1")).changed


def test_a_free_model_of_the_other_table_has_no_known_price() -> None:
    document = {
        "a": {"litellm_provider": "openai", "input_cost_per_token": 0},
        "b": {"litellm_provider": "openai", "input_cost_per_token": 1},
    }
    assert [("OpenAI", "b")] == list(of_litellm(document, "t").rows)


@pytest.mark.parametrize("document", [{}, [], "text", {"a": {"litellm_provider": "x"}}, {"a": 1}])
def test_what_holds_no_prices_is_refused(document: object) -> None:
    with pytest.raises(UserError, match="prices"):
        of_document(document, "file.json", NOW)
