"""The section `anomalies` of rules.yaml: how many false alarms are bearable, and what is too little to be told."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from finops.configuration import shapes
from finops.configuration.fields import WrongError, as_amount, as_number, as_share, fields
from finops.configuration.problems import Problems
from finops.configuration.readers import as_count
from finops.configuration.shapes import Shape, Shapes
from finops.yamlfile import Node

ANOMALIES: Final[Shapes] = {
    "false_alarms_per_month": Shape(shapes.NUMBER, "How many false alarms each series may cry in a month; 0.25 without it."),
    "hourly_false_alarms_per_month": Shape(shapes.NUMBER, "The same of what is found by the hour; 1 without either of the two."),
    "floor": Shape(shapes.NUMBER, "The least excess that is told, in the reporting currency; 10 without it."),
    "share": Shape(shapes.SHARE, "The least excess that is told, of what was expected; 10 % without it."),
    "told_per_week": Shape(shapes.WHOLE, "How many messages a channel gets in a week at most; 10 without it."),
}
MOST_ALARMS: Final = Decimal(30)


@dataclass(frozen=True)
class AnomalySettings:
    """How the search for anomalies is set; `floor` is in the reporting currency."""

    false_alarms_per_month: Decimal = Decimal("0.25")
    hourly_false_alarms_per_month: Decimal = Decimal(1)
    floor: Decimal = Decimal(10)
    share: Decimal = Decimal("0.1")
    told_per_week: int = 10


def anomalies_of(section: Node | None, problems: Problems) -> AnomalySettings:
    row = fields(section, tuple(ANOMALIES), problems, "'anomalies'") if section is not None else None
    if row is None:
        return AnomalySettings()
    usual = AnomalySettings()
    alarms, hourly = row.get("false_alarms_per_month", as_alarms), row.get("hourly_false_alarms_per_month", as_alarms)
    floor, share, told = row.get("floor", as_floor), row.get("share", as_share), row.get("told_per_week", as_count)
    return AnomalySettings(
        usual.false_alarms_per_month if alarms is None else alarms,
        hourly or alarms or usual.hourly_false_alarms_per_month,
        usual.floor if floor is None else floor,
        usual.share if share is None else share,
        usual.told_per_week if told is None else told,
    )


def as_alarms(node: Node) -> Decimal:
    """Read how many false alarms are bearable: above 0, and no more than one a day."""
    number = as_amount(node)
    if number > MOST_ALARMS:
        raise WrongError("a number above 0 and up to 30, such as 0.25: false alarms of one series in a month")
    return number


def as_floor(node: Node) -> Decimal:
    number = as_number(node)
    if number < 0:
        raise WrongError("an amount from 0 up, such as 10")
    return number
