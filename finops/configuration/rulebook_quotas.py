"""The quotas of budgets.yaml: what the gateway lets through, for whom, without asking anybody."""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from functools import cached_property
from typing import Final, Literal, cast

from finops.configuration import shapes
from finops.configuration.digests import digest_of
from finops.configuration.fields import Fields, as_amount, as_currency, as_share, fields, items, one_of
from finops.configuration.levers import FALLBACK, as_fallback
from finops.configuration.problems import Problems, shown
from finops.configuration.readers import as_count, as_duration
from finops.configuration.rulebook_sections import Once, Scope, found, scope_of, scope_words
from finops.configuration.shapes import Shape, Shapes
from finops.yamlfile import Node, Table

WhenUnsure = Literal["closed", "open"]
UNSURE: Final[tuple[WhenUnsure, ...]] = ("closed", "open")
MATCHED: Final = ("tenant", "team", "project", "env", "feature", "user", "route", "model")
LIMITS: Final = ("requests_per_second", "tokens_per_day", "cost_per_day", "max_input_tokens", "max_output_tokens", "bounds", "circuit")

BOUNDS: Final[Shapes] = {
    "min_rps": Shape(shapes.NUMBER, "Requests per second while the burn rate is high.", needed=True),
    "max_rps": Shape(shapes.NUMBER, "Requests per second while it is not.", needed=True),
}
CIRCUIT: Final[Shapes] = {
    "failures": Shape(shapes.SHARE, "The share of failed requests at which a model is left alone; 50% without it."),
    "requests": Shape(shapes.WHOLE, "How many requests must have ended; 10 without it."),
    "within": Shape(shapes.DURATION, "How long an outcome counts; 30s without it."),
    "pause": Shape(shapes.DURATION, "How long the model is left alone at first; 10s without it."),
}
QUOTA: Final[Shapes] = {
    "match": Shape(shapes.SCOPE, f"Who it is for: {', '.join(MATCHED)}; * alone counts each value by itself.", needed=True),
    "requests_per_second": Shape(shapes.NUMBER, "How many requests a second are let through."),
    "burst": Shape(shapes.WHOLE, "How many may come at once."),
    "tokens_per_day": Shape(shapes.WHOLE, "Tokens a day, input and output together."),
    "cost_per_day": Shape(shapes.NUMBER, "What a day may cost."),
    "currency": Shape(shapes.CURRENCY, "The currency of cost_per_day; that of the file without it."),
    "max_input_tokens": Shape(shapes.WHOLE, "Input tokens of one request."),
    "max_output_tokens": Shape(shapes.WHOLE, "Output tokens of one request."),
    "fallback": Shape(FALLBACK, "The model that answers once the day is used up or a model mostly fails: one for all, or by name."),
    "when_unsure": Shape(shapes.one_of(UNSURE), "While its figures are too old: closed refuses (so without it), open lets through."),
    "bounds": Shape(shapes.table(BOUNDS), "Between these, the rate follows the burn rate without anybody's approval."),
    "circuit": Shape(shapes.table(CIRCUIT), "When a model that fails for these requests is left alone for a while."),
}
REMEMBERED: Final = 1000  # outcomes


@dataclass(frozen=True)
class Circuit:
    """When a model that fails is left alone: once the share `failures` of at least `requests` failed `within` so long, for `pause`."""

    failures: Decimal = Decimal("0.5")
    requests: int = 10
    within: timedelta = timedelta(seconds=30)
    pause: timedelta = timedelta(seconds=10)


@dataclass(frozen=True)
class Bounds:
    """Within these, requests per second may fall and rise with the burn rate without anybody's approval."""

    min_rps: Decimal
    max_rps: Decimal


@dataclass(frozen=True)
class Quota:
    """Limits of the requests that fit all of `match`; None is a limit nobody set.

    Values of `match` may hold `*`; one that is nothing else gives each value a count of its own. `fallback` names for a
    model the one that answers instead once the quota is used up or the model mostly fails ('*': for every model). `when_unsure`
    says what happens while the state is too old to know: refuse (closed) or let through (open).
    """

    match: Scope
    requests_per_second: Decimal | None = None
    burst: int | None = None
    tokens_per_day: int | None = None
    cost_per_day: Decimal | None = None
    currency: str = "USD"
    max_input_tokens: int | None = None
    max_output_tokens: int | None = None
    fallback: tuple[tuple[str, str], ...] = ()
    when_unsure: WhenUnsure = "closed"
    bounds: Bounds | None = None
    circuit: Circuit | None = None

    @property
    def id(self) -> str:
        """Name the quota by what it matches, as `route=chat tenant=acme`; no two are the same."""
        return scope_words(self.match)

    @cached_property
    def version(self) -> str:
        return digest_of([self])


def quotas_of(section: Node | None, currency: str, problems: Problems) -> tuple[Quota, ...]:
    once = Once(problems)
    return found(_quota(item, currency, once, problems) for item in items(section, problems, "quotas"))


def _quota(node: Node, currency: str, once: Once, problems: Problems) -> Quota | None:
    row = fields(node, QUOTA, problems, "a quota")
    if row is None:
        return None
    match = _match(row, problems)
    fallback = row.get("fallback", as_fallback) or {}
    quota = Quota(
        match=match,
        requests_per_second=row.get("requests_per_second", as_amount),
        burst=row.get("burst", as_count),
        tokens_per_day=row.get("tokens_per_day", as_count),
        cost_per_day=row.get("cost_per_day", as_amount),
        currency=row.get("currency", as_currency) or currency,
        max_input_tokens=row.get("max_input_tokens", as_count),
        max_output_tokens=row.get("max_output_tokens", as_count),
        fallback=tuple(fallback.items()),
        when_unsure=cast(WhenUnsure, row.get("when_unsure", one_of(UNSURE)) or "closed"),
        bounds=_bounds(row, problems),
        circuit=_circuit(row, problems),
    )
    _tell_contradictions(row, quota)
    if not match:
        return None
    once.add(match, node, f"a quota for {quota.id}")
    return quota


def _match(row: Fields, problems: Problems) -> Scope:
    node = row.raw("match")
    if node is None or node.value == Table(()):
        row.wrong(f"a quota needs 'match' with at least one of {', '.join(MATCHED)}")
        return ()
    before = len(problems.found)
    match = scope_of(node, problems)
    for name, _ in match:
        if name not in MATCHED:
            row.wrong(f"a quota cannot match on {shown(name)}; the gateway knows {', '.join(MATCHED)}", at="match")
    return match if len(problems.found) == before else ()


def _bounds(row: Fields, problems: Problems) -> Bounds | None:
    node = row.raw("bounds")
    inner = fields(node, BOUNDS, problems, "'bounds'") if node else None
    if inner is None:
        return None
    least, most = inner.need("min_rps", as_amount), inner.need("max_rps", as_amount)
    if least is None or most is None:
        return None
    if least >= most:
        inner.wrong(f"'min_rps' ({least:f}) must be below 'max_rps' ({most:f})", at="min_rps")
        return None
    return Bounds(least, most)


def _circuit(row: Fields, problems: Problems) -> Circuit | None:
    node = row.raw("circuit")
    inner = fields(node, CIRCUIT, problems, "'circuit'") if node else None
    if inner is None:
        return None
    usual = Circuit()
    found = Circuit(
        inner.get("failures", as_share) or usual.failures,
        inner.get("requests", as_count) or usual.requests,
        inner.get("within", as_duration) or usual.within,
        inner.get("pause", as_duration) or usual.pause,
    )
    if found.failures > 1:
        inner.wrong("'failures' is a share of the requests, at most 100%", at="failures")
    if found.requests > REMEMBERED:
        inner.wrong(
            f"'requests' ({found.requests}) is more than the {REMEMBERED} that are remembered; no circuit would open", at="requests"
        )
    return found


def _tell_contradictions(row: Fields, quota: Quota) -> None:
    if not any(row.raw(name) for name in LIMITS):
        row.wrong(f"a quota needs a limit, one of {', '.join(LIMITS)}")
    if quota.burst and not (row.raw("requests_per_second") or row.raw("bounds")):
        row.wrong("'burst' needs 'requests_per_second' beside it", at="burst")
    rate = quota.requests_per_second
    if rate is not None and quota.bounds and quota.bounds.max_rps > rate:
        row.wrong(f"'max_rps' ({quota.bounds.max_rps:f}) is above 'requests_per_second' ({rate:f}) and would never be reached", at="bounds")
