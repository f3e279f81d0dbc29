"""Asks a Prometheus server what a query is worth at one instant."""

from datetime import datetime
from decimal import Decimal

import msgspec

from finops.errors import SourceError
from finops.sources.prometheus import Server, _ask, _client, _strange

MOST_SERIES = 1000


def values_at(server: Server, query: str, moment: datetime) -> list[Decimal]:
    """Return the value of every series of `query`; none where it has no data. Raises SourceError when it cannot be asked."""
    with _client(server) as client:
        answer = _ask(server, client, "query", {"query": query, "time": f"{moment.timestamp():.3f}"})
    assert answer.data is not None
    if answer.data.resultType not in ("vector", "scalar"):
        raise SourceError(f"the query '{query[:80]}' has a {answer.data.resultType} for an answer; a rule needs one value for each series")
    try:
        if answer.data.resultType == "scalar":
            pairs = [msgspec.json.decode(answer.data.result, type=tuple[float, str])]
        else:
            pairs = [each.value for each in msgspec.json.decode(answer.data.result, type=list[_Sample])]
    except msgspec.DecodeError as problem:
        raise _strange(server) from problem
    found = [Decimal(value) for _, value in pairs[:MOST_SERIES] if _is_number(value)]
    return [value for value in found if value.is_finite()]


class _Sample(msgspec.Struct):
    value: tuple[float, str]


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
