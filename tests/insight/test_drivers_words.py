"""Why, in one plain sentence and for scripts."""

from datetime import date
from typing import Any

import pytest

from finops.insight.drivers_cube import Cell, cube_of
from finops.insight.drivers_told import EFFECTS
from finops.insight.drivers_why import explain
from finops.periods import Period
from finops.query import CostQuery, Filter
from finops.telling.why_words import sentence, why_document
from tests.insight.cubes_made import counted, plain, requested

QUERY = CostQuery(Period(date(2026, 3, 8), date(2026, 3, 15)), Period(date(2026, 3, 1), date(2026, 3, 8)), (Filter("team", ("ml",)),))
QUIET = [requested((model, feature), {"requests": 20}, {"requests": 20}) for model in ("mini", "opus") for feature in ("chat", "batch")]


def said(*cells: Cell) -> str:
    return sentence(explain(cube_of(("model", "feature"), cells)), QUERY)


@pytest.mark.parametrize(
    ("before", "after", "because"),
    [
        ({"requests": 10}, {"requests": 20}, "because requests doubled"),
        ({"requests": 10}, {"requests": 14}, "because requests rose by 40 %"),
        ({"requests": 10}, {"requests": 52}, "because requests rose to 5.2 times as many"),
        ({"requests": 10}, {"requests": 10, "price": 1.2}, "because prices rose by 20 %"),
        ({"requests": 10}, {"requests": 10, "tokens": 500_000}, "because tokens per request halved"),
        ({"requests": 10, "cached": 0.6}, {"requests": 10, "cached": 0.1}, "because 10 % of input came from a cache instead of 60 %"),
        ({"requests": 0}, {"requests": 9}, "which is new"),
        ({"requests": 9}, {"requests": 0}, "which is gone"),
    ],
)
def test_the_sentence_names_the_driver_and_its_main_effect(before: dict[str, Any], after: dict[str, Any], because: str) -> None:
    told = said(*QUIET, requested(("opus", "search"), before, after))
    assert told.endswith(f"it is feature=search, {because}.")


def test_the_sentence_begins_with_the_change() -> None:
    cells = [*QUIET, requested(("opus", "search"), {"requests": 10}, {"requests": 20})]
    assert "Cost of team=ml rose by $45.00 (+11 %): it is feature=search, because requests doubled." == said(*cells)


def test_a_driver_of_a_part_is_told_with_its_share() -> None:
    cells = {("a",): ("100", "181"), ("b",): ("100", "119"), ("c",): ("100", "100")}
    assert "81 % of it is team=a." in sentence(explain(plain(("team",), cells)), QUERY)


def test_a_bill_without_requests_tells_how_much_was_used() -> None:
    cells = [counted(("vm", "eu"), ("100", 100), ("200", 200)), counted(("vm", "us"), ("100", 100), ("100", 100))]
    assert said(*cells).endswith("it is feature=eu, because use doubled.")


LLM = ((None, "anthropic"), (None, "openai"), ("prod", "aws"), ("dev", "aws"))


def test_no_change_says_so_and_what_moved_under_it() -> None:
    still = explain(plain(("team",), {("a",): ("5", "5")}))
    assert "Cost of team=ml did not change: $5.00 both times." == sentence(still, QUERY)
    moved = sentence(explain(plain(("team",), {("a",): ("5", "8"), ("b",): ("8", "5")})), QUERY)
    assert moved == "Cost of team=ml did not change: $13.00 both times, while team=a rose by $3.00 and team=b fell by $3.00."


def test_what_lacks_a_value_is_told_with_what_it_is() -> None:
    cells = {(account, provider, str(n)): (100, 300 + n if account is None else 100 + n) for n in range(4) for account, provider in LLM}
    why = explain(plain(("account", "provider", "sku"), {key: (str(one), str(two)) for key, (one, two) in cells.items()}))
    assert "it is what has no account (anthropic, openai)" in sentence(why, QUERY)
    assert [{"provider": ("anthropic", "openai")}] == [one["made_of"] for one in why_document(why, QUERY)["drivers"]]  # type: ignore[attr-defined]


def test_for_scripts_effects_and_drivers_are_exact_amounts() -> None:
    document = why_document(explain(plain(("team",), {("a",): ("0.1", "0.3"), (None,): ("1", "1")})), QUERY)
    assert ("1.1", "1.3", "0.2", "0") == tuple(document[name] for name in ("from", "to", "change", "other"))
    assert [{"key": "team=a", "excess": "0.2", "share": 1.0, "values": {"team": "a"}, "rest": False, "made_of": {}}] == document["drivers"]
    assert {**dict.fromkeys(EFFECTS, "0"), "other": "0.2"} == document["effects"]
    assert {"from": {"start": "2026-03-01", "end": "2026-03-08"}, "to": {"start": "2026-03-08", "end": "2026-03-15"}} == document["periods"]
