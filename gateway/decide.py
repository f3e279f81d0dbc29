"""The decision about one request: data in, data out. Every gateway asks here, whether in its process or over HTTP."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from gateway.limits import Limit

LONGEST_CHAIN: Final = 8  # of fallbacks; longer ones are a loop
SOON: Final = 1.0


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request wants: a model, so many tokens of input at most, and what it says of its output."""

    model: str
    input_tokens: int = 0
    output_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether the request may go on, to which model, with how much output; or why not, and when to come back.

    `waits` tells a refusal that may pass within moments, when more of the quota has been asked for.
    """

    allow: bool
    model: str
    status: int = 200
    reasons: tuple[str, ...] = ()
    retry_after: float | None = None
    max_output_tokens: int | None = None
    limits: tuple[str, ...] = ()
    waits: bool = False


@dataclass(frozen=True, slots=True)
class Lack:
    """A quota does not let this pass: `sure` where it is used up, else nobody has told yet what is left."""

    sure: bool
    retry_after: float


class State(Protocol):
    """What is known besides the limits: quotas and circuits."""

    def lack(self, limit: Limit, model: str) -> Lack | None: ...

    def broken(self, model: str) -> float:
        """Return the seconds until the model may be tried again, 0 where it may be."""
        ...


def is_closed(limits: Sequence[Limit], default: bool) -> bool:
    """Tell whether a request is refused while nobody can know; one limit that says so is enough."""
    said = [limit.closed for limit in limits if limit.closed is not None]
    return any(said) if said else default


def blocked(limits: Sequence[Limit], now: float, model: str = "") -> Decision | None:
    """Return the refusal of a hard block, the longest one there is."""
    found = [limit for limit in limits if limit.block is not None and limit.holds(now)]
    if not found:
        return None
    longest = max(found, key=lambda limit: limit.until or math.inf)
    wait = 60.0 if longest.until is None else longest.until - now
    return Decision(False, model, 429, tuple(str(limit.block) for limit in found), wait, None, tuple(limit.id for limit in found))


def decide(limits: Sequence[Limit], asked: Asked, now: float, state: State, *, closed: bool) -> Decision:
    """Return what becomes of a request that all of `limits` fit. `closed`: refuse while nobody can know."""
    if refusal := blocked(limits, now, asked.model) or too_large(limits, asked, now):
        return refusal
    holding = [limit for limit in limits if limit.holds(now)]
    reasons: list[str] = []
    used: list[str] = []
    model = _fallen_back(holding, asked.model, reasons, used)
    for limit in holding:
        lack = state.lack(limit, model) if limit.has_quota else None
        if lack is None or (not lack.sure and not closed):
            continue
        used.append(limit.id)
        if lack.sure and (spare := _spare((limit,), model)):
            reasons.append(f"the quota of {limit.id} is used up, so {spare} answers")
            model = spare
        elif not (lack.sure and model in limit.spare.values()):
            why = "is used up for today" if lack.sure else "is waited for"
            return Decision(False, model, 429, (f"the quota of {limit.id} {why}",), lack.retry_after, None, (limit.id,), not lack.sure)
    if (wait := state.broken(model)) > 0:
        spare = _spare(holding, model)
        if spare and not state.broken(spare):
            reasons.append(f"{model} mostly fails, so {spare} answers")
            model = spare
        elif closed:
            return Decision(False, model, 503, (f"{model} mostly fails at its provider; it is tried again soon",), wait)
    return Decision(True, model, 200, tuple(reasons), None, output_cap(holding, asked), tuple(used))


def too_large(limits: Sequence[Limit], asked: Asked, now: float) -> Decision | None:
    for limit in limits:
        most = limit.max_input_tokens
        if most is not None and asked.input_tokens > most and limit.holds(now):
            why = f"about {asked.input_tokens:,} tokens of input where {limit.id} allows {most:,}; send less"
            return Decision(False, asked.model, 413, (why,), None, None, (limit.id,))
    return None


def output_cap(limits: Sequence[Limit], asked: Asked) -> int | None:
    """Return the most output that may be asked for; None where neither a limit nor the request says."""
    caps = [limit.max_output_tokens for limit in limits if limit.max_output_tokens is not None]
    if asked.output_tokens is not None:
        caps.append(asked.output_tokens)
    return min(caps, default=None)


def _fallen_back(limits: Sequence[Limit], model: str, reasons: list[str], used: list[str]) -> str:
    """Follow the fallbacks that are in force; one that leads back to where it began is not followed round."""
    seen = {model}
    for _ in range(LONGEST_CHAIN):
        step = next(((limit, cheap) for limit in limits if (cheap := limit.fallback.get(model) or limit.fallback.get("*"))), None)
        if step is None or step[1] in seen:
            return model
        reasons.append(f"{step[1]} answers instead of {model} ({step[0].id})")
        used.append(step[0].id)
        model = step[1]
        seen.add(model)
    return model


def _spare(limits: Sequence[Limit], model: str) -> str | None:
    found = (limit.spare.get(model) or limit.spare.get("*") for limit in limits)
    return next((spare for spare in found if spare and spare != model), None)
