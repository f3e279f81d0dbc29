"""An OpenAI organization on loopback: costs, usage of completions and embeddings, and projects."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from tests.fakes.report_server import Body, Fact, Query, RefusedError, ReportServer, grouped, groups_of, one, paged, within

KNOWN: Final = ("start_time", "end_time", "bucket_width", "limit", "page", "group_by[]")
WORDS: Final = {"input": "input", "cache_read": "cached input", "cache_write_5m": "cache write", "output": "output"}
USAGE_FIELDS: Final = ("project_id", "user_id", "api_key_id", "model", "batch", "service_tier")
COST_FIELDS: Final = ("project_id", "line_item")
COUNTS: Final = (
    *("input_tokens", "input_cached_tokens", "input_cache_write_tokens", "input_uncached_tokens", "output_tokens", "num_model_requests"),
)


class OpenAIServer(ReportServer):
    """Of the input tokens those from and into a cache are a part; amounts are floats in dollars, days are unix seconds."""

    embeddings: frozenset[str] = frozenset({"text-embedding-3-small"})

    def answer(self, path: str, query: Query, headers: Mapping[str, str]) -> Body:
        if headers.get("authorization") != f"Bearer {self.key}":
            raise RefusedError(401, "invalid_request_error", "Incorrect API key provided")
        if path == "/v1/organization/costs":
            return self._report(query, ("project_id", "line_item", "api_key_id"), 180, self._costs)
        if path == "/v1/organization/usage/completions":
            return self._report(query, USAGE_FIELDS, 31, self._completions)
        if path == "/v1/organization/usage/embeddings":
            return self._report(query, ("project_id", "user_id", "api_key_id", "model"), 31, self._embeddings)
        if path == "/v1/organization/projects":
            return self._projects(query)
        raise RefusedError(404, "invalid_request_error", f"Invalid URL (GET {path})")

    def error(self, refused: RefusedError) -> Body:
        return {"error": {"message": refused.message, "type": refused.kind, "param": None, "code": None}}

    def _report(self, query: Query, allowed: Sequence[str], most: int, rows: Callable[[date, Sequence[str]], list[Body]]) -> Body:
        if one(query, "bucket_width", KNOWN) not in (None, "1d"):
            raise RefusedError(400, "invalid_request_error", "bucket_width: only 1d is spoken here")
        start = _day(one(query, "start_time", KNOWN))
        end = _day(one(query, "end_time", KNOWN) or str(_seconds(self.today + timedelta(days=1))))
        groups = groups_of(query, allowed)
        shown, token = paged(start, end, min(self.most_days, within(query, KNOWN, most)), one(query, "page", KNOWN))
        buckets = [
            {"object": "bucket", "start_time": _seconds(day), "end_time": _seconds(day + timedelta(days=1)), "results": rows(day, groups)}
            for day in shown
        ]
        return {"object": "page", "data": buckets, "has_more": token is not None, "next_page": token}

    def _costs(self, day: date, groups: Sequence[str]) -> list[Body]:
        if day in self.lost:
            return []
        rows = [
            self._billed(fact, kind)
            for fact in self.facts
            if fact.day == day and not fact.refused
            for kind in fact.tokens
            if fact.tokens[kind]
        ]
        rows += [
            _cost(extra.account, extra.item, float(extra.dollars * self.scale), None, None) for extra in self.extras if extra.day == day
        ]
        shown = grouped(rows, groups, COST_FIELDS, _sum_costs)
        return shown if "line_item" in groups else [row | {"quantity": None, "quantity_unit": None} for row in shown]

    def _billed(self, fact: Fact, kind: str) -> Body:
        tier = f"{fact.tier} | " if fact.tier in ("priority", "flex", "batch") else ""
        item = f"{tier}{fact.model}, {WORDS[kind]}"
        return _cost(fact.account, item, float(self.cost_of(fact, kind)), fact.tokens[kind], "tokens")

    def _completions(self, day: date, groups: Sequence[str]) -> list[Body]:
        facts = [fact for fact in self.facts if fact.day == day and fact.model not in self.embeddings]
        return grouped([_counted(fact) for fact in facts], groups, USAGE_FIELDS, _sum_usage)

    def _embeddings(self, day: date, groups: Sequence[str]) -> list[Body]:
        facts = [fact for fact in self.facts if fact.day == day and fact.model in self.embeddings]
        kept = ("input_tokens", "num_model_requests", "project_id", "model")
        rows = [{name: value for name, value in _counted(fact).items() if name in kept} for fact in facts]
        return grouped(rows, groups, ("project_id", "model"), _sum_usage)

    def _projects(self, query: Query) -> Body:
        known = ("limit", "after", "include_archived")
        after = one(query, "after", known)
        rest = [each for each in sorted(self.accounts) if after is None or each > after]
        shown = rest[: within(query, known, 100)]
        data = [
            {"id": each, "object": "organization.project", "name": self.accounts[each], "created_at": 1, "status": "active"}
            for each in shown
        ]
        more = len(rest) > len(shown)
        return {
            "object": "list",
            "data": data,
            "has_more": more,
            "first_id": next(iter(shown), None),
            "last_id": next(reversed(shown), None),
        }


def _cost(project: str | None, item: str, dollars: float, quantity: int | None, unit: str | None) -> Body:
    amount = {"value": dollars, "currency": "usd"}
    about = {"project_id": project, "line_item": item, "quantity": quantity, "quantity_unit": unit}
    return {"object": "organization.costs.result", "amount": amount, **about}


def _counted(fact: Fact) -> Body:
    tokens = {**dict.fromkeys(WORDS, 0), **fact.tokens}
    return {
        "object": "organization.usage.completions.result",
        "input_tokens": tokens["input"] + tokens["cache_read"] + tokens["cache_write_5m"],
        "input_cached_tokens": tokens["cache_read"],
        "input_cache_write_tokens": tokens["cache_write_5m"],
        "input_uncached_tokens": tokens["input"],
        "output_tokens": tokens["output"],
        "num_model_requests": fact.requests,
        "project_id": fact.account,
        "user_id": None,
        "api_key_id": None,
        "model": fact.model,
        "batch": fact.tier == "batch",
        "service_tier": "default" if fact.tier in ("standard", "batch") else fact.tier,
    }


def _sum_usage(one_row: Body, other: Body) -> Body:
    return one_row | {name: one_row[name] + other[name] for name in COUNTS if name in one_row}


def _sum_costs(one_row: Body, other: Body) -> Body:
    amount = one_row["amount"] | {"value": one_row["amount"]["value"] + other["amount"]["value"]}
    known = one_row["quantity"] is not None and other["quantity"] is not None
    return one_row | {"amount": amount, "quantity": one_row["quantity"] + other["quantity"] if known else None}


def _day(text: str | None) -> date:
    if not text or not text.isdigit():
        raise RefusedError(400, "invalid_request_error", f"{text} is not a time in unix seconds")
    return datetime.fromtimestamp(int(text), UTC).date()


def _seconds(day: date) -> int:
    return int(datetime.combine(day, time(), UTC).timestamp())
