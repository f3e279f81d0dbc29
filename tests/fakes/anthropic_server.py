"""An Anthropic organization on loopback: usage report, cost report and workspaces of its Admin API."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Final

from tests.fakes.report_server import Body, Fact, Query, RefusedError, ReportServer, grouped, groups_of, one, paged, within

KINDS: Final = {  # our word → the usage report's field
    "input": "uncached_input_tokens",
    "output": "output_tokens",
    "cache_read": "cache_read_input_tokens",
    "cache_write_5m": "cache_creation.ephemeral_5m_input_tokens",
    "cache_write_1h": "cache_creation.ephemeral_1h_input_tokens",
}
SPOKEN: Final = {
    "input": "Input Tokens",
    "output": "Output Tokens",
    "cache_read": "Input Tokens, Cache Hit",
    "cache_write_5m": "Input Tokens, Cache Write 5m",
    "cache_write_1h": "Input Tokens, Cache Write 1h",
}
KNOWN: Final = ("starting_at", "ending_at", "bucket_width", "limit", "page", "group_by[]")
USAGE_GROUPS: Final = (
    "account_id",
    "api_key_id",
    "context_window",
    "inference_geo",
    "model",
    "service_account_id",
    "service_tier",
    "workspace_id",
)
USAGE_FIELDS: Final = ("workspace_id", "model", "service_tier", "context_window", "inference_geo", "api_key_id")
COST_FIELDS: Final = ("workspace_id", "description", "model", "service_tier", "context_window", "inference_geo", "token_type", "cost_type")


class AnthropicServer(ReportServer):
    """Costs of a tier paid for in advance and of refused requests are not reported; the default workspace has no id."""

    def answer(self, path: str, query: Query, headers: Mapping[str, str]) -> Body:
        if headers.get("x-api-key") != self.key:
            raise RefusedError(401, "authentication_error", "invalid x-api-key")
        if "anthropic-version" not in headers:
            raise RefusedError(400, "invalid_request_error", "anthropic-version: header is required")
        if path == "/v1/organizations/cost_report":
            return self._report(query, ("workspace_id", "description"), self._costs)
        if path == "/v1/organizations/usage_report/messages":
            return self._report(query, USAGE_GROUPS, self._usage)
        if path == "/v1/organizations/workspaces":
            return self._workspaces(query)
        raise RefusedError(404, "not_found_error", f"{path} is not known here")

    def error(self, refused: RefusedError) -> Body:
        return {"type": "error", "error": {"type": refused.kind, "message": refused.message}}

    def _report(self, query: Query, allowed: Sequence[str], rows: Callable[[date, Sequence[str]], list[Body]]) -> Body:
        if one(query, "bucket_width", KNOWN) not in (None, "1d"):
            raise RefusedError(400, "invalid_request_error", "bucket_width: only 1d is spoken here")
        start = _day(one(query, "starting_at", KNOWN), "starting_at")
        end = _day(one(query, "ending_at", KNOWN) or f"{self.today + timedelta(days=1)}T00:00:00Z", "ending_at")
        groups = groups_of(query, allowed)
        shown, token = paged(start, end, min(self.most_days, within(query, KNOWN, 31)), one(query, "page", KNOWN))
        buckets = [
            {"starting_at": f"{day}T00:00:00Z", "ending_at": f"{day + timedelta(days=1)}T00:00:00Z", "results": rows(day, groups)}
            for day in shown
        ]
        return {"data": buckets, "has_more": token is not None, "next_page": token}

    def _usage(self, day: date, groups: Sequence[str]) -> list[Body]:
        return grouped([_counted(fact) for fact in self.facts if fact.day == day], groups, USAGE_FIELDS, _sum_usage)

    def _costs(self, day: date, groups: Sequence[str]) -> list[Body]:
        if day in self.lost:
            return []
        billed = [fact for fact in self.facts if fact.day == day and not fact.refused and fact.tier != "priority"]
        rows = [self._billed(fact, kind) for fact in billed for kind in fact.tokens if fact.tokens[kind]]
        rows += [self._extra(n) for n, extra in enumerate(self.extras) if extra.day == day]
        described = tuple(field for field in COST_FIELDS if field != "workspace_id") if "description" in groups else ()
        return grouped(rows, (*groups, *described), COST_FIELDS, _sum_costs)

    def _billed(self, fact: Fact, kind: str) -> Body:
        batch = ", Batch" if fact.tier == "batch" else ""
        return {
            "amount": str(self.cost_of(fact, kind) * 100),
            "currency": "USD",
            "cost_type": "tokens",
            "token_type": KINDS[kind],
            "description": f"{fact.model} Usage - {SPOKEN[kind]}{batch}",
            "model": fact.model,
            "service_tier": fact.tier,
            "context_window": fact.window,
            "inference_geo": None,  # the report cannot be grouped by it
            "workspace_id": fact.account,
        }

    def _extra(self, number: int) -> Body:
        extra = self.extras[number]
        unknown = dict.fromkeys(("token_type", "model", "service_tier", "context_window", "inference_geo"))
        amount = str(extra.dollars * 100 * self.scale)
        return {
            "amount": amount,
            "currency": "USD",
            "cost_type": extra.kind,
            "description": extra.item,
            "workspace_id": extra.account,
        } | unknown

    def _workspaces(self, query: Query) -> Body:
        known = ("limit", "after_id", "include_archived", "before_id")
        every = sorted(self.accounts)
        after = one(query, "after_id", known)
        rest = [each for each in every if after is None or each > after]
        shown = rest[: within(query, known, 1000)]
        data = [{"id": each, "type": "workspace", "name": self.accounts[each]} for each in shown]
        return {
            "data": data,
            "has_more": len(rest) > len(shown),
            "first_id": next(iter(shown), None),
            "last_id": next(reversed(shown), None),
        }


def _counted(fact: Fact) -> Body:
    tokens = {**dict.fromkeys(KINDS, 0), **fact.tokens}
    return {
        "uncached_input_tokens": tokens["input"],
        "cache_read_input_tokens": tokens["cache_read"],
        "cache_creation": {"ephemeral_5m_input_tokens": tokens["cache_write_5m"], "ephemeral_1h_input_tokens": tokens["cache_write_1h"]},
        "output_tokens": tokens["output"],
        "server_tool_use": {"web_search_requests": 0},
        "workspace_id": fact.account,
        "model": fact.model,
        "service_tier": fact.tier,
        "context_window": fact.window,
        "inference_geo": fact.region,
        "api_key_id": None,
    }


def _sum_usage(one_row: Body, other: Body) -> Body:
    flat = ("uncached_input_tokens", "cache_read_input_tokens", "output_tokens")
    cache = {name: count + other["cache_creation"][name] for name, count in one_row["cache_creation"].items()}
    return one_row | {name: one_row[name] + other[name] for name in flat} | {"cache_creation": cache}


def _sum_costs(one_row: Body, other: Body) -> Body:
    return one_row | {"amount": str(Decimal(one_row["amount"]) + Decimal(other["amount"]))}


def _day(text: str | None, name: str) -> date:
    try:
        moment = datetime.fromisoformat(text or "")
    except ValueError:
        raise RefusedError(400, "invalid_request_error", f"{name}: {text} is not RFC 3339") from None
    if moment.tzinfo is None:
        raise RefusedError(400, "invalid_request_error", f"{name}: {text} has no offset")
    return moment.astimezone(UTC).date()
