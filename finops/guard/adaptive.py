"""Which burn rate an adaptive limit goes by: that of the nearest budget, followed in small steps, kept while nobody knows it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from finops.configuration.rulebook_budgets import Budget
from finops.configuration.rulebook_quotas import Quota
from finops.guard.conditions import within

CALM: Final = Decimal(1)  # up to here a limit passes the most it may
ALARMED: Final = Decimal(4)  # and from here on the least
SLACK: Final = Decimal("0.1")  # a burn rate must fall by more than this before a limit recovers
MATERIAL: Final = Decimal("0.1")  # gateways are told of no smaller change
RISE: Final = Decimal("0.3")  # a minute: from calm to alarmed in ten
FALL: Final = Decimal("0.05")  # a minute: back again in an hour
USUAL: Final = timedelta(minutes=5)  # between two looks
LONGEST: Final = timedelta(minutes=10)  # a longer pause counts as this much: what happened meanwhile nobody saw
HUNDREDTH: Final = Decimal("0.01")


@dataclass(frozen=True)
class Measured:
    """How fast a quota's nearest budget is spent; `burn` None where nobody can say, and `why` not."""

    quota: str
    burn: Decimal | None
    budget: str | None = None
    why: str | None = None


@dataclass(frozen=True)
class Speed:
    """The burn rate a limit goes by: `burn` as it was followed until `at`, `told` as gateways know it."""

    burn: Decimal
    told: Decimal
    at: datetime


def adaptive(quotas: Sequence[Quota]) -> list[Quota]:
    return [quota for quota in quotas if quota.bounds is not None]


def nearest(quota: Quota, budgets: Sequence[Budget]) -> list[Budget]:
    """Return the narrowest budgets around all of a quota; several where they differ in their period only."""
    around = [budget for budget in budgets if within(quota.match, budget.scope)]
    most = max((len(budget.scope) for budget in around), default=0)
    return [budget for budget in around if len(budget.scope) == most]


def moved(before: Speed | None, measured: Decimal | None, now: datetime) -> Speed:
    """Return what a limit goes by after one more look. Without figures it stays, and the time without them gains it nothing."""
    if before is None:
        before = Speed(CALM, CALM, now - USUAL)
    burn = before.burn if measured is None else followed(before.burn, measured, now - before.at)
    level = burn.quantize(HUNDREDTH)
    is_end = level in (CALM, ALARMED) and level != before.told
    told = level if is_end or abs(level - before.told) >= MATERIAL else before.told
    return Speed(burn, told, max(before.at, now))


def followed(before: Decimal, measured: Decimal, passed: timedelta) -> Decimal:
    """Return the burn rate after `passed`: it rises to what is measured, and falls, more slowly, once that is clearly lower."""
    aim = min(ALARMED, max(CALM - SLACK, measured))
    minutes = Decimal(min(LONGEST, max(timedelta(0), passed)) // timedelta(seconds=1)) / 60
    if aim >= before:
        return min(aim, before + RISE * minutes)
    return min(before, max(aim + SLACK, before - FALL * minutes))
