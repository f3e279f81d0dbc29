"""What a delivery of usage came to, month by month, in the words and figures that `ingest` reports."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from finops.deliveries import Load


@dataclass(frozen=True)
class Month:
    """Requests of one month: `rows` new ones, what those with a price cost by currency, and how many had come before."""

    period: str
    rows: int = 0
    costs: Mapping[str, Decimal] = field(default_factory=dict)
    unpriced: Mapping[str, int] = field(default_factory=dict)  # model → requests
    repeated: int = 0

    def load(self, source: str) -> Load:
        """Return the line of the report; where nothing is priced, or in several currencies, it names no sum."""
        if not self.rows:
            return Load(source, self.period, 0, None, None, None, "unchanged", f"{requests(self.repeated)} taken in before")
        currency, cost = next(iter(self.costs.items())) if len(self.costs) == 1 else (None, None)
        plain = cost.normalize() if cost else cost
        return Load(source, self.period, self.rows, plain, plain, currency, "loaded", self._reason())

    def _reason(self) -> str | None:
        missing = sum(self.unpriced.values())
        said = [f"{requests(missing)} without a price"] if missing else []
        said += [f"{requests(self.repeated)} taken in before"] if self.repeated else []
        said += [f"in {', '.join(sorted(self.costs))}"] if len(self.costs) > 1 else []
        return "; ".join(said) or None


def together(months: Iterable[Month]) -> tuple[Month, ...]:
    """Add up what several batches brought, by month."""
    found: dict[str, Month] = {}
    for month in months:
        before = found.get(month.period)
        found[month.period] = month if before is None else _sum(before, month)
    return tuple(found[period] for period in sorted(found))


def unpriced(months: Iterable[Month]) -> dict[str, int]:
    """Return how many requests have no price, by model, the commonest first."""
    counted: Counter[str] = Counter()
    for month in months:
        counted.update(month.unpriced)
    return dict(counted.most_common())


def alarms(missing: Mapping[str, int]) -> tuple[str, ...]:
    """Say of each model without a price that its requests are not in any sum of money."""
    return tuple(
        f"no price for model {model[:100]}: {requests(count)} {'is' if count == 1 else 'are'} not counted; add it to prices in budgets.yaml"
        for model, count in missing.items()
    )


def requests(count: int) -> str:
    return f"{count:,} request{'' if count == 1 else 's'}"


def _sum(one: Month, other: Month) -> Month:
    costs = {name: one.costs.get(name, Decimal(0)) + other.costs.get(name, Decimal(0)) for name in {**one.costs, **other.costs}}
    missing = dict(Counter(one.unpriced) + Counter(other.unpriced))
    return Month(one.period, one.rows + other.rows, costs, missing, one.repeated + other.repeated)
