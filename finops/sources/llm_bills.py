"""Bills of LLM providers from their own cost and usage reports: whole days in, one file for each billing month out."""

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, Protocol

from finops.charges import PROVIDER_API
from finops.deliveries import Progress
from finops.errors import SourceError
from finops.ports import Fetched, Offer
from finops.pricing.book import PriceBook
from finops.secret import Secret
from finops.sources import mapping
from finops.sources.llm_lines import ABSURD, STRANGE, Line, ListCost, Used, holes, joined, times_list_price
from finops.sources.mapping import Mark

DAY: Final = timedelta(days=1)
SETTLED: Final = timedelta(hours=3)  # after which a day's reports are taken for whole
COLUMNS: Final = (
    *("bucket_start", "bucket_end", "cost", "currency", "account_id", "account_name", "item", "model", "token_type", "service_tier"),
    *("context_window", "inference_geo", "modality", "quantity", "unit", "remark"),
)


@dataclass(frozen=True)
class Provider:
    """Who bills, what the parts of an organisation are called there, and what access to the reports takes."""

    name: str
    format: str
    service: str
    account: str  # Workspace, Project
    default_account: str | None  # the name of the one without an id
    key: str  # the environment variable
    permission: str


@dataclass(frozen=True)
class Window:
    """Whole days in UTC, from `start` up to, but not including, `end`."""

    start: date
    end: date

    def holds(self, day: date) -> bool:
        return self.start <= day < self.end

    @property
    def days(self) -> int:
        return (self.end - self.start).days

    @property
    def first_moment(self) -> datetime:
        return datetime.combine(self.start, time(), UTC)

    @property
    def end_moment(self) -> datetime:
        return datetime.combine(self.end, time(), UTC)


class Reports(Protocol):
    """The reports of one organisation, asked within `session`. Every method may raise SourceError."""

    provider: Provider

    def session(self) -> AbstractContextManager[None]: ...

    def costs(self, window: Window) -> list[Line]: ...

    def used(self, window: Window) -> list[Used]: ...

    def accounts(self) -> Mapping[str, str]:
        """Return the names of workspaces or projects by id; none where they cannot be read."""
        ...

    def has_costs(self, window: Window) -> bool: ...


class ClientReports:
    """A provider's reports through its own client, which is open for a session."""

    def __init__(self, key: Secret, base_url: str, tries: int) -> None:
        self._key, self._base_url, self._tries = key, base_url, tries
        self._client: Any = None

    @contextmanager
    def session(self) -> Iterator[None]:
        with self._open() as client:
            self._client = client
            try:
                yield
            finally:
                self._client = None

    def _open(self) -> AbstractContextManager[Any]:
        raise NotImplementedError


class LlmBills:
    """A source that answers for every billing month with all its settled days; today's costs are still growing.

    `list_cost` lets amounts be compared with token counts: a provider's unit taken wrongly is a factor of a hundred.
    """

    def __init__(self, name: str, reports: Reports, now: datetime, list_cost: ListCost | None = None) -> None:
        self.name, self._reports, self._now, self._list_cost = name, reports, now, list_cost
        self.permissions = (reports.provider.permission,)

    def offers(self, since: date) -> Iterator[Offer]:
        """A month without any use is not offered: whatever was loaded of it before stays."""
        who = self._reports.provider.name
        stamp = self._now.astimezone(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
        with self._reports.session():
            for window in windows(since, self._now):
                period = f"{window.start:%Y-%m}"
                reason = None if self._reports.has_costs(window) else f"{who} reports tokens but no costs for {period}"
                if reason is None or any(each.billable for each in self._reports.used(window)):
                    identity = f"{period}-{'waiting' if reason else f'asked-{stamp}'}"
                    yield Offer(identity, period, self._now, f"{who}, costs and usage of {period}", reason)

    def fetch(self, offer: Offer, folder: Path, progress: Progress | None = None) -> Fetched:
        file = folder / f"{self._reports.provider.format}-{offer.period}.csv"
        if not file.exists():
            write(self._lines(month(offer.period, self._now), progress), self._reports.provider, file)
        return Fetched((file,), self._reports.provider.format, rows_of(file))

    def problems(self) -> list[str]:
        try:
            with self._reports.session():
                self._reports.has_costs(Window(self._now.date() - DAY, self._now.date()))
        except SourceError as problem:
            return [f"{self.name}: {problem}"]
        return []

    def _lines(self, window: Window, progress: Progress | None) -> list[tuple[Line, str | None]]:
        seen = progress or (lambda _what, _share: None)
        reports, who = self._reports, self._reports.provider
        with reports.session():
            seen(f"asking {who.name} for costs", 0.1)
            costs = reports.costs(window)
            if not costs:
                raise SourceError(f"{who.name} reports no costs for {window.start:%Y-%m}; what was loaded before stays, ask again later")
            seen(f"asking {who.name} for usage", 0.5)
            used = reports.used(window)
            names = reports.accounts()
        self._refuse_holes(costs, used)
        lines = self._weighed(joined(costs, used))
        return [(line, names.get(line.account) if line.account else who.default_account) for line in lines]

    def _refuse_holes(self, costs: list[Line], used: list[Used]) -> None:
        missing = ", ".join(f"{day}" for day in holes(costs, used))
        if missing:
            who = self._reports.provider.name
            raise SourceError(f"{who} reports tokens but no costs for {missing}; what was loaded before stays, ask again later")

    def _weighed(self, lines: list[Line]) -> list[Line]:
        """Refuse amounts that can be no price at all, and remark on those that are merely odd."""
        times = times_list_price(lines, self._list_cost) if self._list_cost else None
        odd = times and max(times, 1 / times)
        if not times or not odd or odd < STRANGE:
            return lines
        if odd >= ABSURD:
            who = self._reports.provider.name
            far = f"{times:,.0f} times" if times > 1 else f"1/{1 / times:,.0f} of"
            raise SourceError(f"{who}'s costs are {far} the list price of its tokens: the unit must have changed; report it")
        return [replace(line, remark=line.remark or ("odd" if line.amount else None)) for line in lines]


def windows(since: date, now: datetime) -> Iterator[Window]:
    """Yield the settled days of every month that ends after `since`, oldest first."""
    first = since.replace(day=1)
    while first <= now.date():
        window = month(f"{first:%Y-%m}", now)
        if window.days and _next_month(first) > since:
            yield window
        first = _next_month(first)


def month(period: str, now: datetime) -> Window:
    first = date.fromisoformat(f"{period}-01")
    settled = (now.astimezone(UTC) - SETTLED).date()
    return Window(first, max(first, min(_next_month(first), settled)))


def _next_month(first: date) -> date:
    return (first.replace(day=1) + timedelta(days=31)).replace(day=1)


def write(lines: Iterable[tuple[Line, str | None]], provider: Provider, file: Path) -> None:
    """Write lines with the names of their accounts; the file is there whole or not at all."""
    part = file.with_suffix(".part")
    part.parent.mkdir(parents=True, exist_ok=True)
    with part.open("w", newline="", encoding="utf-8") as stream:
        table = csv.writer(stream)
        table.writerow([f"{provider.format}_cost" if name == "cost" else name for name in COLUMNS])
        table.writerows(_row(line, name) for line, name in lines)
    part.replace(file)


def rows_of(file: Path) -> int:
    with file.open(newline="", encoding="utf-8") as stream:
        return sum(1 for _ in csv.reader(stream)) - 1


def _row(line: Line, name: str | None) -> list[str]:
    traits, quantity = line.traits, None if line.quantity is None else format(line.quantity, "f")
    cells = (
        *(line.day.isoformat(), (line.day + DAY).isoformat(), format(line.amount, "f"), line.currency, line.account, name, line.item),
        *(line.model, line.token_type, traits.tier, traits.window, traits.region, traits.modality, quantity, line.unit, line.remark),
    )
    return [cell or "" for cell in cells]


def mapping_of(provider: Provider) -> mapping.Mapping:
    """Return the format in which a provider's lines are written."""
    constant = {
        "BillingAccountName": provider.name,
        "ChargeCategory": "Usage",
        "ChargeFrequency": "Usage-Based",
        "InvoiceIssuerName": provider.name,
        "PricingCategory": "Standard",
        "ProviderName": provider.name,
        "PublisherName": provider.name,
        "ServiceCategory": "AI and Machine Learning",
        "ServiceName": provider.service,
        "ServiceSubcategory": "Generative AI",
        "SubAccountType": provider.account,
        "x_CostSource": PROVIDER_API,
    }
    read = {
        "BilledCost": f"{provider.format}_cost",
        "BillingCurrency": "currency",
        "ChargeDescription": "item",
        "ChargePeriodEnd": "bucket_end",
        "ChargePeriodStart": "bucket_start",
        "ConsumedQuantity": "quantity",
        "ConsumedUnit": "unit",
        "RegionId": "inference_geo",
        "SubAccountId": "account_id",
        "SubAccountName": "account_name",
        "x_Model": "model",
        "x_ServiceTier": "service_tier",
        "x_TokenType": "token_type",
    }
    columns: dict[str, tuple[str, ...]] = {name: (f"'{text}'",) for name, text in constant.items()}
    columns |= {name: (f"{{{column}}}",) for name, column in read.items()}
    columns["SkuMeter"] = ("concat_ws(' ', {model}, {modality}, {token_type}, {context_window}, {service_tier})",)
    return mapping.Mapping(
        name=provider.format,
        about=f"{provider.name}, cost and usage reports",
        required=tuple((read[name],) for name in ("ChargePeriodStart", "BilledCost", "BillingCurrency")),
        columns=columns,
        quiet=("context_window", "modality", "remark"),
        marks=(
            Mark("unbilled", "{remark} = 'unbilled'", f"{provider.name} counts tokens that it bills nothing for; they are kept at no cost"),
            Mark("odd", "{remark} = 'odd'", "costs are more than five times off the list price of their tokens; check the discount"),
        ),
    )


def list_price(book: PriceBook, provider: str) -> ListCost:
    """Return what tokens cost by the price table, at the rate of a request of ordinary length."""

    def cost(model: str, token_type: str, tokens: Decimal, day: date) -> Decimal | None:
        rates = book.rates(provider, model, datetime.combine(day, time(), UTC))
        price: Decimal | None = getattr(rates.step(0), token_type, None) if rates else None
        return None if price is None else price * tokens

    return cost


def pages(ask: Callable[[str | None], object], who: str) -> Iterator[Mapping[str, Any]]:
    """Yield every bucket of a report; only the provider's own word that there is no more ends it."""
    token: str | None = None
    seen: set[str] = set()
    while True:
        page = ask(token)
        if not isinstance(page, dict) or not isinstance(page.get("data"), list) or not isinstance(page.get("has_more"), bool):
            raise SourceError(f"{who} answered what is no page of a report ({shown(page)}); try again later")
        yield from page["data"]
        if not page["has_more"]:
            return
        token = page.get("next_page")
        if not token or token in seen:
            raise SourceError(f"{who} says that there are more days and does not say where; try again later")
        seen.add(token)


def shown(answer: object) -> str:
    text = answer if isinstance(answer, str) else json.dumps(answer, default=str)
    return text if len(text) <= 60 else text[:60] + "…"


def refusal(problem: Exception, provider: Provider) -> SourceError:
    """Return what a failed call means, with the way out."""
    status = getattr(problem, "status_code", None)
    who = provider.name
    if status == 401:
        return SourceError(f"{who} does not know the key in {provider.key} (401); put in one that has {provider.permission}")
    if status == 403:
        return SourceError(f"{who} refuses the key in {provider.key} (403); it needs {provider.permission}")
    if status == 429:
        return SourceError(f"{who} still asks for fewer requests (429) after several tries; it is asked again at the next run")
    if status is not None:
        return SourceError(f"{who} answers {status} ({shown(_message(problem))}); try again later, and report it if it stays")
    return SourceError(f"{who} could not be reached or understood ({type(problem).__name__}: {shown(str(problem))}); try again later")


def _message(problem: Exception) -> str:
    body = getattr(problem, "body", None)
    error = body.get("error", body) if isinstance(body, dict) else None
    return str(error.get("message", "") if isinstance(error, dict) else "") or str(problem)
