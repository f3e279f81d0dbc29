"""AWS Cost Explorer: each day's costs by service and usage type, for accounts without an export. Every question costs a cent."""

import csv
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any, Final

from finops.deliveries import Progress
from finops.errors import SourceError
from finops.ports import Fetched, Offer
from finops.sources.aws_s3 import client, told
from finops.sources.mapping import Mapping
from finops.sources.objects_source import ends
from finops.sources.retries import Backoff, BrokenOffError, again

DAY: Final = timedelta(days=1)
METRICS: Final = ("UnblendedCost", "NetUnblendedCost", "AmortizedCost", "NetAmortizedCost", "UsageQuantity")
GROUPS: Final = [{"Type": "DIMENSION", "Key": "SERVICE"}, {"Type": "DIMENSION", "Key": "USAGE_TYPE"}]
COLUMNS: Final = ("ce_start", "ce_end", "ce_service", "ce_usage_type", *(f"ce_{name}" for name in METRICS), "ce_currency", "ce_unit")
PERMISSION: Final = "ce:GetCostAndUsage"
MOST_PAGES: Final = 2_000

_SERVICES_OF_AI: Final = "('Amazon Bedrock', 'Amazon Bedrock Service', 'Amazon SageMaker')"
_AI: Final = f"({{ce_service:text?}} IN {_SERVICES_OF_AI} OR {{ce_service:text?}} LIKE '%(Amazon Bedrock Edition)')"

COST_EXPLORER: Final = Mapping(
    name="cost-explorer",
    about="AWS Cost Explorer, days by service and usage type",
    required=(("ce_start",), ("ce_service",), ("ce_UnblendedCost",), ("ce_currency",)),
    columns={
        "BilledCost": ("coalesce({ce_NetUnblendedCost:money?}, {ce_UnblendedCost:money})",),
        "EffectiveCost": ("coalesce({ce_NetAmortizedCost:money?}, {ce_AmortizedCost:money?}, {ce_UnblendedCost:money})",),
        "BillingCurrency": ("{ce_currency}",),
        "BillingPeriodStart": ("date_trunc('month', {ce_start:moment})::TIMESTAMP",),
        "BillingPeriodEnd": ("(date_trunc('month', {ce_start:moment}) + INTERVAL 1 MONTH)::TIMESTAMP",),
        "ChargePeriodStart": ("{ce_start}",),
        "ChargePeriodEnd": ("{ce_end}",),
        "ChargeCategory": ("CASE WHEN {ce_service:text?} = 'Tax' THEN 'Tax' ELSE 'Usage' END",),
        "ConsumedQuantity": ("CASE WHEN {ce_unit:text?} IS NOT NULL THEN {ce_UsageQuantity:money?} END",),
        "ConsumedUnit": ("{ce_unit}",),
        "ProviderName": ("'AWS'",),
        "PublisherName": ("'AWS'",),
        "InvoiceIssuerName": ("'AWS'",),
        "ServiceName": ("{ce_service}",),
        "ServiceCategory": (f"CASE WHEN {_AI} THEN 'AI and Machine Learning' END",),
        "SkuMeter": ("{ce_usage_type}",),
        "x_CostSource": ("'provider_cost_api'",),
    },
    quiet=("ce_",),
    missing={"ListCost": "Cost Explorer tells no list prices, accounts, resources or tags"},
)


class CostExplorer:
    """Each month as a whole, up to yesterday; a month is asked anew until two weeks after its end."""

    permissions: tuple[str, ...] = (PERMISSION,)

    def __init__(
        self,
        name: str,
        options: dict[str, str],
        now: datetime,
        backoff: Backoff = Backoff(),  # noqa: B008 - frozen
        make: Callable[[str, dict[str, str]], Any] = client,
    ) -> None:
        self.name = name
        self._options = options
        self._now = now.astimezone(UTC)
        self._backoff = backoff
        self._make = make

    def offers(self, since: date) -> Iterator[Offer]:
        """Yield every month that has costs in whole days; one question tells which those are."""
        today = self._now.date()
        if since.replace(day=1) >= today:
            return
        for period in self._months(since.replace(day=1), today):
            if ends(period) > since:
                yield Offer(f"{period}:{self._now:%Y-%m-%dT%H:%M:%S.%f}Z", period, self._now, f"Cost Explorer {period}")

    def _months(self, start: date, end: date) -> list[str]:
        found: dict[str, None] = {}
        for page in self._pages({"TimePeriod": _span(start, end), "Granularity": "MONTHLY", "Metrics": list(METRICS)}):
            for month in page.get("ResultsByTime", []):
                if any(_is_something(each.get("Amount", "")) for each in month.get("Total", {}).values()):
                    found[month["TimePeriod"]["Start"][:7]] = None
        if not found:
            raise SourceError(f"Cost Explorer knows no costs from {start} on; is it enabled for this account?")
        return sorted(found)

    def fetch(self, offer: Offer, folder: Path, progress: Progress | None = None) -> Fetched:
        """Write the month as CSV, amounts digit by digit as they were told."""
        start, end = date.fromisoformat(f"{offer.period}-01"), min(ends(offer.period), self._now.date())
        folder.mkdir(parents=True, exist_ok=True)
        file, rows = folder / f"cost-explorer-{offer.period}.csv", 0
        with file.open("w", newline="", encoding="utf-8") as target:
            writer = csv.writer(target)
            writer.writerow(COLUMNS)
            for number, page in enumerate(self._pages(_days(start, end))):
                lines = [line for day in page.get("ResultsByTime", []) for line in _lines(day)]
                writer.writerows(lines)
                rows += len(lines)
                if progress:
                    progress("asking Cost Explorer", 1 - 1 / (number + 2))
        if not rows:
            raise SourceError(f"Cost Explorer knows no costs for {offer.period}; is it enabled for this account?")
        return Fetched((file,), COST_EXPLORER.name, rows)

    def problems(self) -> list[str]:
        try:
            next(self._pages(_days(self._now.date() - DAY, self._now.date())))
        except SourceError as problem:
            return [str(problem)]
        return []

    def _pages(self, question: dict[str, Any]) -> Iterator[dict[str, Any]]:
        asked = dict(question)
        ce = self._make("ce", self._options)
        for _ in range(MOST_PAGES):
            page = self._ask(ce, asked)
            yield page
            token = page.get("NextPageToken")
            if not token or token == asked.get("NextPageToken"):
                return
            asked["NextPageToken"] = token
        raise SourceError(f"Cost Explorer gave {MOST_PAGES:,} pages and no end; use an export of AWS Data Exports instead")

    def _ask(self, ce: Any, asked: dict[str, Any]) -> dict[str, Any]:
        from botocore.exceptions import BotoCoreError, ClientError

        def once() -> dict[str, Any]:
            try:
                return dict(ce.get_cost_and_usage(**asked))
            except (ClientError, BotoCoreError) as error:
                raise told(error, "asking", PERMISSION, "Cost Explorer") from error

        try:
            return again(once, self._backoff)
        except BrokenOffError as error:
            raise SourceError(f"{error}; it is asked again later") from error


def _span(start: date, end: date) -> dict[str, str]:
    return {"Start": f"{start}", "End": f"{end}"}


def _days(start: date, end: date) -> dict[str, Any]:
    return {"TimePeriod": _span(start, end), "Granularity": "DAILY", "Metrics": list(METRICS), "GroupBy": GROUPS}


def _is_something(amount: str) -> bool:
    return bool(amount.strip("-0."))


def _lines(day: dict[str, Any]) -> Iterator[list[str]]:
    """Yield the groups of one day that cost or count anything."""
    start, end = (datetime.combine(date.fromisoformat(day["TimePeriod"][name][:10]), time()) for name in ("Start", "End"))
    for group in day.get("Groups", []):
        amounts = [str(group["Metrics"].get(name, {}).get("Amount", "")) for name in METRICS]
        if any(_is_something(amount) for amount in amounts):
            units = [group["Metrics"].get(name, {}).get("Unit", "") for name in ("UnblendedCost", "UsageQuantity")]
            unit = "" if units[1] == "N/A" else units[1]
            yield [f"{start.isoformat()}Z", f"{end.isoformat()}Z", *group["Keys"][:2], *amounts, units[0], unit]
