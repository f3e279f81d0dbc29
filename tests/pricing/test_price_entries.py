"""The entries of `prices` in budgets.yaml: read whole, or refused with the line and the way out."""

from datetime import date
from decimal import Decimal

import pytest

from finops.errors import ConfigError
from finops.rulebook import Price, read
from finops.yamlfile import parse


def entry(text: str) -> Price:
    return read(parse(f"prices: [{{{text}}}]", "budgets.yaml"), None).prices[0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("provider: Anthropic, discount: 15%", Price("*", "Anthropic", None, "USD", discount=Decimal("0.15"))),
        (
            "model: 'gpt-*', region: 'eu-*', tier: batch, factor: 1.1, from: 2026-01-01, until: 2026-02-01",
            Price("gpt-*", None, date(2026, 1, 1), "USD", until=date(2026, 2, 1), tier="batch", region="eu-*", factor=Decimal("1.1")),
        ),
        (
            "model: m, per_gpu_hour: 3.6, mtok_per_gpu_hour: 1.2, per_request: 0.1",
            Price("m", None, None, "USD", per_gpu_hour=Decimal("3.6"), mtok_per_gpu_hour=Decimal("1.2"), per_request=Decimal("0.1")),
        ),
        ("model: m, factor: 2, discount: 99.9%", Price("m", None, None, "USD", factor=Decimal(2), discount=Decimal("0.999"))),
    ],
)
def test_an_entry_is_read(text: str, expected: Price) -> None:
    assert expected == entry(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("input_per_mtok: 1", "a price needs 'model', or 'provider' for all of its models"),
        ("model: m", "a price needs at least one amount, such as 'input_per_mtok'"),
        (
            "model: m, discount: 5%, input_per_mtok: 1",
            "'discount' changes prices given elsewhere; write it as an entry of its own, without 'input_per_mtok'",
        ),
        (
            "model: m, factor: 2, per_gpu_hour: 1, mtok_per_gpu_hour: 1",
            "'factor' changes prices given elsewhere; write it as an entry of its own, without 'per_gpu_hour'",
        ),
        (
            "model: m, per_gpu_hour: 1, mtok_per_gpu_hour: 1, output_per_mtok: 1",
            "'per_gpu_hour' prices every token by the hour; give it or 'output_per_mtok', not both",
        ),
        ("model: m, per_gpu_hour: 1", "'per_gpu_hour' needs 'mtok_per_gpu_hour' beside it: a token costs the one divided by the other"),
        (
            "model: m, mtok_per_gpu_hour: 1",
            "'mtok_per_gpu_hour' needs 'per_gpu_hour' beside it: a token costs the one divided by the other",
        ),
        ("model: m, per_gpu_hour: 1, mtok_per_gpu_hour: 0", "'mtok_per_gpu_hour' must be a number above 0, such as 1200.50, not '0'"),
        ("model: m, discount: 100%", "'discount' is what comes off the list price; it must be below 100%"),
        ("model: m, discount: 0.15", "'discount' must be a percentage such as 80%, not '0.15'"),
        ("model: m, factor: 0", "'factor' must be a number above 0, such as 1200.50, not '0'"),
        (
            "model: m, tier: bach, per_request: 1",
            "'tier' must be one of standard, batch, flex, priority, fast, not 'bach'; did you mean 'batch'?",
        ),
        (
            "model: m, from: 2026-02-01, until: 2026-02-01, per_request: 1",
            "'until' (2026-02-01) is not after 'from' (2026-02-01); it is the first day on which the price no longer holds",
        ),
        ("model: m, discont: 5%, per_request: 1", "unknown field 'discont'; did you mean 'discount'?"),
    ],
)
def test_what_contradicts_itself_is_refused(text: str, expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        entry(text)
    assert (f"budgets.yaml:1: {expected}",) == caught.value.problems


def test_a_price_a_factor_and_a_discount_of_one_model_stand_side_by_side() -> None:
    text = "prices:\n  - {model: m, per_request: 1}\n  - {model: m, factor: 2}\n  - {model: m, discount: 5%}\n  - {model: M, factor: 3}"
    with pytest.raises(ConfigError) as caught:
        read(parse(text, "budgets.yaml"), None)
    told = "budgets.yaml:5: a factor of 'M' from the beginning is given twice, first on line 3; keep one of them"
    assert (told,) == caught.value.problems
