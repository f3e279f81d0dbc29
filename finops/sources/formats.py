"""The bill formats that can be read from files: one table."""

from collections.abc import Iterable
from typing import Final

from finops.sources.aws import AWS
from finops.sources.focus import FOCUS
from finops.sources.mapping import Mapping, lacking

FORMATS: Final[dict[str, Mapping]] = {each.name: each for each in (FOCUS, AWS)}

# A column only this format has → what to say to somebody who delivers it.
NOT_YET: Final[dict[str, str]] = {
    "lineItem/UsageStartDate": "this is a legacy AWS Cost and Usage Report; export it as CUR 2.0 or FOCUS with AWS Data Exports",
}


def recognise(columns: Iterable[str]) -> str | None:
    """Return the name of the format a header looks like, or None."""
    names = list(columns)
    return next((name for name, mapping in FORMATS.items() if not lacking(mapping, names)), None)


def refusal(columns: Iterable[str]) -> str | None:
    """Return what to say about a header of a format known by sight only."""
    names = {name.casefold() for name in columns}
    return next((advice for column, advice in NOT_YET.items() if column.casefold() in names), None)
