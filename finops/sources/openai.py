"""OpenAI's bill by its organization API: the cost report, with tokens and requests of the usage reports beside the money."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from finops.errors import SourceError, UserError
from finops.secret import Secret
from finops.sources import openai_rows
from finops.sources.llm_bills import ClientReports, LlmBills, Provider, Window, mapping_of, pages, refusal, shown
from finops.sources.llm_lines import Line, ListCost, Used

PROVIDER: Final = Provider(
    name="OpenAI",
    format="openai",
    service="OpenAI API",
    account="Project",
    default_account=None,
    key="OPENAI_ADMIN_KEY",
    permission="an admin key of the organization (sk-admin…) that may read usage",
)
OPENAI: Final = mapping_of(PROVIDER)
BUCKETS: Final = 31  # days in one answer; costs would give more, usage would not
PROJECTS: Final = 100  # in one answer
TRIES: Final = 6
PATIENCE: Final = 60.0  # seconds for one answer


def openai_bills(
    name: str, key: Secret | None, base_url: str, now: datetime, *, list_cost: ListCost | None = None, tries: int = TRIES
) -> LlmBills:
    """Return the source. Raises UserError without a key."""
    if key is None:
        raise UserError(f"{PROVIDER.key} is not set; {name} needs {PROVIDER.permission}")
    return LlmBills(name, OpenAIReports(key, base_url, tries), now, list_cost)


class OpenAIReports(ClientReports):
    """Asks through the client's own methods, and reads the raw answers: its models would make floats of the amounts."""

    provider = PROVIDER

    def _open(self) -> AbstractContextManager[Any]:
        from openai import OpenAI

        key = self._key.reveal()
        return OpenAI(api_key=key, admin_api_key=key, base_url=self._base_url, max_retries=self._tries, timeout=PATIENCE)

    def costs(self, window: Window) -> list[Line]:
        return openai_rows.lines(self._report("costs", window, ["project_id", "line_item"]), window)

    def used(self, window: Window) -> list[Used]:
        completions = self._report("completions", window, ["project_id", "model", "batch", "service_tier"])
        embeddings = self._report("embeddings", window, ["project_id", "model"])
        return [*openai_rows.completions(completions, window), *openai_rows.embeddings(embeddings, window)]

    def has_costs(self, window: Window) -> bool:
        return bool(openai_rows.lines(self._report("costs", window, []), window))

    def accounts(self) -> Mapping[str, str]:
        """Names are a courtesy: without them the ids do."""
        from openai import OpenAIError

        found: dict[str, str] = {}
        try:
            for project in self._client.admin.organization.projects.list(limit=PROJECTS, include_archived=True):
                found[project.id] = project.name
        except (OpenAIError, ValueError, AttributeError):
            return found
        return {identity: name for identity, name in found.items() if name}

    def _report(self, name: str, window: Window, groups: list[str]) -> Iterator[Mapping[str, Any]]:
        ask = getattr(self._client.admin.organization.usage.with_raw_response, name)
        query: dict[str, Any] = {
            "start_time": int(window.first_moment.timestamp()),
            "end_time": int(window.end_moment.timestamp()),
            "bucket_width": "1d",
            "limit": BUCKETS,
        }
        if groups:
            query["group_by"] = groups
        return pages(lambda token: _read(ask, query | ({"page": token} if token else {})), PROVIDER.name)


def _read(ask: Callable[..., Any], query: Mapping[str, Any]) -> object:
    from openai import OpenAIError

    try:
        text = ask(**query).text
    except (OpenAIError, ValueError) as problem:
        raise refusal(problem, PROVIDER) from problem
    try:
        return json.loads(text, parse_float=Decimal)
    except ValueError:
        raise SourceError(f"{PROVIDER.name} answered what is no JSON ({shown(text)}); try again later") from None
