"""LiteLLM's side: authentication, the hook before a call, and the events after it, each a few lines around the guard."""

import asyncio
import itertools
import logging
import re
from collections.abc import Callable
from importlib import import_module
from typing import Any, Final

from gateway.events import usage_event, usage_of
from gateway.front_door import headers_of, kind_of
from gateway.guard import Guard, RefusedError, Who
from gateway.link import Link
from gateway.meter import Meter
from gateway.requests import CALLS, MalformedError, asked, cache_for, cap, strip

LOG = logging.getLogger("finops.gateway")
LISTS: Final = re.compile(r"(?:/v1)?/models")
MARK: Final = "finops_call"
PATIENCE: Final = 40  # looks, 25 ms apart, for a share of a quota that has been asked for
PAUSE: Final = 0.025
MOST_ALARMS: Final = 1_000


class Plugin:
    """What LiteLLM calls. Whatever goes wrong in here refuses the request, unless its route says that it stays open."""

    def __init__(self, guard: Guard, meter: Meter, link: Link, worker: str) -> None:
        self.guard, self._meter, self._link = guard, meter, link
        self._calls = (f"{worker}-{number}" for number in itertools.count(1))
        self._alarmed: set[tuple[str, str]] = set()

    async def authenticate(self, request: Any, api_key: str) -> Any:
        """Return whose key it is, as LiteLLM wants it. Raises its ProxyException."""
        types = import_module("litellm.proxy._types")
        try:
            self._check_path(request)
            who = self.guard.admit(api_key.removeprefix("Bearer "))
        except RefusedError as refusal:
            raise _told(refusal) from None
        except Exception:
            LOG.exception("authentication failed, so the request is refused")
            raise _told(RefusedError(503, "the request could not be checked")) from None
        of = who.dimensions
        return types.UserAPIKeyAuth(
            api_key=who.digest,
            team_id=of.get("team"),
            team_alias=of.get("team"),
            user_id=of.get("user"),
            org_id=of.get("tenant"),
            metadata={"finops_key": who.digest},
        )

    async def before(self, who_says: Any, data: dict[str, Any], call_type: str) -> dict[str, Any]:
        """Decide about a call and write the decision into it. Raises LiteLLM's ProxyException."""
        try:
            who = self._known(who_says)
            strip(data)
            call = next(self._calls)
            decision = await self._reserved(who, call, data)
            data["model"] = decision.model
            if decision.max_output_tokens is not None and call_type not in ("aembedding", "embeddings", "embedding"):
                cap(data, decision.max_output_tokens, call_type)
            data["cache"] = cache_for(data, "t:" + (who.dimensions.get("tenant") or who.dimensions.get("team") or who.digest))
            data.setdefault("litellm_metadata" if "litellm_metadata" in data else "metadata", {})[MARK] = call
            return data
        except RefusedError as refusal:
            raise _told(refusal) from None
        except MalformedError as mistake:
            raise _told(RefusedError(400, str(mistake))) from None
        except Exception:
            LOG.exception("the check before a call failed, so the request is refused")
            raise _told(RefusedError(503, "the request could not be checked")) from None

    def succeeded(self, kwargs: dict[str, Any]) -> None:
        """Settle and meter a call that was answered, in whole or in part."""
        call = _mark(kwargs)
        record = kwargs.get("standard_logging_object") or {}
        if call is None or not record:
            return
        tokens, _, _ = usage_of(record)
        hit = record.get("cache_hit") in (True, "True", "true")
        if (model := self.guard.model_of(call)) and not hit:
            self._noted(call, model, ok=True)
        settled = self.guard.settle(call, record.get("model"), type(tokens)() if hit else tokens)
        if settled is None:
            return
        metadata = record.get("metadata") or {}
        cut = bool(_metadata(kwargs).get("client_disconnected") or metadata.get("client_disconnected"))
        self._meter.put(usage_event(call, settled.who.dimensions, record, estimated=cut, client=metadata.get("requester_metadata")))
        name = str(record.get("model"))
        if tokens.total and not hit:
            if not settled.priced:
                self._alarm("unpriced", name)
            if not record.get("response_cost"):
                self._alarm("zero_cost", name)

    def failed(self, kwargs: dict[str, Any]) -> None:
        """Count an attempt that the upstream did not answer; there may be another."""
        call = _mark(kwargs)
        model = self.guard.model_of(call) if call else None
        if call and model and _of_upstream(kwargs.get("exception")):
            self._noted(call, model, ok=False)

    def given_up(self, data: dict[str, Any]) -> None:
        """Give back what a call that came to nothing had set aside."""
        if (call := _mark({"litellm_params": data})) is not None:
            self.guard.release(call)

    def _check_path(self, request: Any) -> None:
        scope = request.scope
        path = str(scope.get("path", "")).removeprefix(str(scope.get("root_path", "")))
        listed = scope.get("method") == "GET" and LISTS.fullmatch(path)
        if not listed and not (scope.get("method") == "POST" and CALLS.fullmatch(path)):
            raise RefusedError(403, f"{path[:80]} is not open to API keys here")

    def _known(self, who_says: Any) -> Who:
        digest = (getattr(who_says, "metadata", None) or {}).get("finops_key", "")
        if (who := self.guard.known(digest)) is None:
            raise RefusedError(401, "this API key is not known here")
        return who

    async def _reserved(self, who: Who, call: str, data: dict[str, Any]) -> Any:
        """Reserve; a share that was just asked for is waited for, a moment only."""
        wanted = asked(data)
        for look in range(PATIENCE):
            try:
                return self.guard.reserve(who, call, wanted)
            except RefusedError as refusal:
                if not refusal.waits or look == PATIENCE - 1:
                    raise
                self._link.hurry()
                await asyncio.sleep(PAUSE)
        raise AssertionError("unreachable")

    def _noted(self, call: str, model: str, *, ok: bool) -> None:
        if self.guard.note(call, model, ok=ok):
            self._link.tell("circuit_closed" if ok else "circuit_opened", model=model)

    def _alarm(self, kind: str, model: str) -> None:
        if (kind, model) not in self._alarmed and len(self._alarmed) < MOST_ALARMS:
            self._alarmed.add((kind, model))
            self._link.tell(kind, model=model)


def hook_for(plugin: Plugin) -> Any:
    """Return the callback that LiteLLM registers. It calls these methods by keyword: their arguments' names are its contract."""
    base: Any = import_module("litellm.integrations.custom_logger").CustomLogger

    class Hook(base):  # type: ignore[misc]
        async def async_pre_call_hook(self, user_api_key_dict: Any, cache: Any, data: dict[str, Any], call_type: str) -> dict[str, Any]:
            return await plugin.before(user_api_key_dict, data, call_type)

        async def async_log_success_event(self, kwargs: dict[str, Any], response_obj: Any, start_time: Any, end_time: Any) -> None:
            _quietly(plugin.succeeded, kwargs)

        async def async_log_failure_event(self, kwargs: dict[str, Any], response_obj: Any, start_time: Any, end_time: Any) -> None:
            _quietly(plugin.failed, kwargs)

        async def async_post_call_failure_hook(
            self, request_data: dict[str, Any], original_exception: Exception, user_api_key_dict: Any, traceback_str: str | None = None
        ) -> None:
            _quietly(plugin.given_up, request_data)

    return Hook()


def _quietly(run: Callable[[dict[str, Any]], None], told: dict[str, Any]) -> None:
    """After the answer nobody can be refused any more; the log hears of it, and the reservation stays counted as used."""
    try:
        run(told)
    except Exception:
        LOG.exception("an event could not be counted")


def _told(refusal: RefusedError) -> Exception:
    made = import_module("litellm.proxy._types").ProxyException(
        message=refusal.reason, type=kind_of(refusal.status), param=None, code=refusal.status, headers=headers_of(refusal)
    )
    assert isinstance(made, Exception)
    return made


def _metadata(kwargs: dict[str, Any]) -> dict[str, Any]:
    parameters = kwargs.get("litellm_params") or {}
    found: dict[str, Any] = {}
    for name in ("metadata", "litellm_metadata"):
        if isinstance(inner := parameters.get(name), dict):
            found |= inner
    return found


def _mark(kwargs: dict[str, Any]) -> str | None:
    found = _metadata(kwargs).get(MARK)
    return found if isinstance(found, str) else None


def _of_upstream(problem: Any) -> bool:
    """Tell whether an exception speaks of the upstream's state rather than of the request."""
    status = getattr(problem, "status_code", None)
    return not isinstance(status, int) or status == 429 or status == 408 or status >= 500
