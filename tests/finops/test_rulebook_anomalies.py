"""How the search for anomalies is set in rules.yaml."""

from decimal import Decimal

import pytest

from finops.configuration.rulebook_anomalies import AnomalySettings
from finops.errors import ConfigError
from finops.rulebook import read
from finops.yamlfile import parse


def settings(text: str) -> AnomalySettings:
    return read(None, parse(text, "rules.yaml")).anomalies


def test_without_the_section_the_usual_holds() -> None:
    assert AnomalySettings(Decimal("0.25"), Decimal(1), Decimal(10), Decimal("0.1"), 10) == settings("rules: []")


def test_every_field_is_taken_over() -> None:
    text = "anomalies: {false_alarms_per_month: 1, hourly_false_alarms_per_month: 4, floor: 0, share: 25%, told_per_week: 3}"
    assert AnomalySettings(Decimal(1), Decimal(4), Decimal(0), Decimal("0.25"), 3) == settings(text)


def test_one_figure_for_false_alarms_holds_for_days_and_hours() -> None:
    assert AnomalySettings(Decimal("0.5"), Decimal("0.5")) == settings("anomalies: {false_alarms_per_month: 0.5}")
    assert AnomalySettings(hourly_false_alarms_per_month=Decimal(2)) == settings("anomalies: {hourly_false_alarms_per_month: 2}")


@pytest.mark.parametrize(
    ("field", "why"),
    [
        ("false_alarms_per_month: 0", "above 0"),
        ("false_alarms_per_month: 31", "up to 30"),
        ("hourly_false_alarms_per_month: 0", "above 0"),
        ("floor: -1", "an amount from 0 up"),
        ("share: 0.1", "a percentage such as 80%"),
        ("told_per_week: 0", "a whole number above 0"),
        ("flor: 10", "did you mean 'floor'"),
    ],
)
def test_what_cannot_be_is_refused_with_its_line(field: str, why: str) -> None:
    with pytest.raises(ConfigError) as caught:
        settings(f"anomalies:\n  {field}")
    (problem,) = caught.value.problems
    assert problem.startswith("rules.yaml:2: ")
    assert why in problem
