"""Anthropic's bill by its Admin API: the cost report, with the tokens of the usage report beside the money."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, Final

from finops.errors import SourceError, UserError
from finops.secret import Secret
from finops.sources import anthropic_rows
from finops.sources.llm_bills import ClientReports, LlmBills, Provider, Window, mapping_of, pages, refusal
from finops.sources.llm_lines import Line, ListCost, Used

PROVIDER: Final = Provider(
    name="Anthropic",
    format="anthropic",
    service="Claude API",
    account="Workspace",
    default_account="Default workspace",
    key="ANTHROPIC_ADMIN_KEY",
    permission="an Admin API key of the organization (sk-ant-admin…)",
)
ANTHROPIC: Final = mapping_of(PROVIDER)
COST_GROUPS: Final = ["workspace_id", "description"]
USAGE_GROUPS: Final = ["workspace_id", "model", "service_tier", "context_window", "inference_geo"]
BUCKETS: Final = 31  # days in one answer, the most it gives
WORKSPACES: Final = 100  # in one answer
TRIES: Final = 6
PATIENCE: Final = 60.0  # seconds for one answer
VERSION: Final = "2023-06-01"  # of the Admin API


def anthropic_bills(
    name: str, key: Secret | None, base_url: str, now: datetime, *, list_cost: ListCost | None = None, tries: int = TRIES
) -> LlmBills:
    """Return the source. Raises UserError without a key."""
    if key is None:
        raise UserError(f"{PROVIDER.key} is not set; {name} needs {PROVIDER.permission}")
    return LlmBills(name, AnthropicReports(key, base_url, tries), now, list_cost)


class AnthropicReports(ClientReports):
    """Asks through the client's plain `get`: it repeats what may pass, but has no methods for these two reports."""

    provider = PROVIDER

    def _open(self) -> AbstractContextManager[Any]:
        from anthropic import Anthropic

        return Anthropic(api_key=self._key.reveal(), base_url=self._base_url, max_retries=self._tries, timeout=PATIENCE)

    def costs(self, window: Window) -> list[Line]:
        return anthropic_rows.lines(self._report("cost_report", window, COST_GROUPS), window)

    def used(self, window: Window) -> list[Used]:
        return anthropic_rows.used(self._report("usage_report/messages", window, USAGE_GROUPS), window)

    def has_costs(self, window: Window) -> bool:
        return bool(anthropic_rows.lines(self._report("cost_report", window, []), window))

    def accounts(self) -> Mapping[str, str]:
        """Names are a courtesy: without them the ids do."""
        found: dict[str, str] = {}
        after: str | None = None
        try:
            while True:
                page: Any = self._get(
                    "workspaces", {"limit": WORKSPACES, "include_archived": True} | ({"after_id": after} if after else {})
                )
                found |= {str(each["id"]): str(each["name"]) for each in page["data"]}
                after = page["last_id"] if page["has_more"] else None
                if not after:
                    return found
        except (SourceError, KeyError, TypeError):
            return found

    def _report(self, path: str, window: Window, groups: list[str]) -> Iterator[Mapping[str, Any]]:
        query: dict[str, object] = {
            "starting_at": f"{window.start}T00:00:00Z",
            "ending_at": f"{window.end}T00:00:00Z",
            "bucket_width": "1d",
            "limit": BUCKETS,
        }
        if groups:
            query["group_by"] = groups
        return pages(lambda token: self._get(path, query | ({"page": token} if token else {})), PROVIDER.name)

    def _get(self, path: str, query: Mapping[str, object]) -> object:
        from anthropic import AnthropicError, Omit

        headers = {"x-api-key": self._key.reveal(), "anthropic-version": VERSION, "Authorization": Omit()}
        try:
            return self._client.get(f"/v1/organizations/{path}", cast_to=object, options={"params": query, "headers": headers})
        except (AnthropicError, ValueError) as problem:
            raise refusal(problem, PROVIDER) from problem
