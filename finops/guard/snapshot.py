"""From quotas and what is in force to the document that gateways decide by."""

import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from finops.configuration.digests import digest_of
from finops.configuration.rulebook_quotas import Quota
from finops.configuration.rulebook_sections import Scope
from finops.errors import UserError

TTL_SECONDS: Final = 15
LEVERS: Final = ("gateway.fallback", "gateway.throttle", "gateway.block")
# What a throttle may set, and its kind.
THROTTLES: Final = ("requests_per_second", "burst", "tokens_per_day", "cost_per_day", "max_input_tokens", "max_output_tokens")


@dataclass(frozen=True)
class Effect:
    """A plan that is in force: `parameters` are `fallback: {premium: cheap}`, some of THROTTLES, or `reason` of a block."""

    id: str
    lever: str
    target: str  # as a scope is written: team=ml route=chat
    parameters: Mapping[str, Any]
    until: datetime | None = None


@dataclass(frozen=True)
class TokenPrice:
    """What a million tokens of a model cost, in the snapshot's currency."""

    input: Decimal
    output: Decimal
    cache_read: Decimal | None = None
    cache_write: Decimal | None = None


@dataclass(frozen=True)
class Figures:
    """What the limits are measured with: burn rates by quota id, prices by model, the price of a model nobody knows."""

    burn: Mapping[str, Decimal] = field(default_factory=dict)
    prices: Mapping[str, TokenPrice] = field(default_factory=dict)
    ceiling: TokenPrice | None = None


def compile_snapshot(
    version: int,
    issued: datetime,
    quotas: Sequence[Quota],
    effects: Iterable[Effect],
    keys: Mapping[str, Mapping[str, str]],
    figures: Figures | None = None,
    *,
    ttl_seconds: int = TTL_SECONDS,
) -> dict[str, Any]:
    """Return the snapshot's document. Effects that are over are left out; the others come after the quotas, each as a limit."""
    figures = figures or Figures()
    in_force = [effect for effect in effects if effect.until is None or effect.until > issued]
    return {
        "kind": "snapshot",
        "version": version,
        "issued": _instant(issued),
        "ttl_seconds": ttl_seconds,
        "when_unsure": "closed",
        "keys": {digest: dict(of) for digest, of in sorted(keys.items())},
        "limits": [_quota(quota, figures.burn.get(quota.id)) for quota in quotas] + [_effect(effect) for effect in in_force],
        "prices": {model: _price(price) for model, price in sorted(figures.prices.items())},
        "ceiling_price": _price(figures.ceiling) if figures.ceiling else None,
    }


def still(version: int, issued: datetime, *, ttl_seconds: int = TTL_SECONDS) -> dict[str, Any]:
    """Return the document that says: nothing has changed since `version`."""
    return {"kind": "still", "version": version, "issued": _instant(issued), "ttl_seconds": ttl_seconds}


def content_digest(document: Mapping[str, Any]) -> str:
    """Name what a snapshot says, whenever and under whichever version it says so."""
    return digest_of({name: value for name, value in document.items() if name not in ("version", "issued", "nonce")})


def read_target(target: str) -> Scope:
    """Read the target of an effect. Raises UserError for what is no scope."""
    try:
        words = [word.partition("=") for word in shlex.split(target)]
    except ValueError:
        words = [("", "", "")]
    if not words or not all(name and values and all(values.split(",")) for name, _, values in words):
        raise UserError(f"'{target[:80]}' is not a target; write it as 'team=ml route=chat'")
    return tuple((name, tuple(values.split(","))) for name, _, values in words)


def _quota(quota: Quota, burn: Decimal | None) -> dict[str, Any]:
    limit: dict[str, Any] = {
        "id": quota.id,
        "match": _match(quota.match),
        "requests_per_second": _number(quota.requests_per_second),
        "burst": quota.burst,
        "tokens_per_day": quota.tokens_per_day,
        "cost_per_day": _amount(quota.cost_per_day),
        "max_input_tokens": quota.max_input_tokens,
        "max_output_tokens": quota.max_output_tokens,
        "spare": dict(quota.fallback) or None,
        "when_unsure": quota.when_unsure,
    }
    if quota.bounds is not None:
        least, most = float(quota.bounds.min_rps), float(quota.bounds.max_rps)
        limit["adaptive"] = {"min_rps": least, "max_rps": most, "burn": 1.0 if burn is None else float(burn)}
    if (circuit := quota.circuit) is not None:
        limit["circuit"] = {
            "failures": float(circuit.failures),
            "requests": circuit.requests,
            "within": circuit.within.total_seconds(),
            "pause": circuit.pause.total_seconds(),
        }
    return {name: value for name, value in limit.items() if value is not None}


def _effect(effect: Effect) -> dict[str, Any]:
    limit: dict[str, Any] = {"id": f"{effect.id} {effect.target}", "match": _match(read_target(effect.target))}  # a plan has targets
    if effect.until is not None:
        limit["until"] = _instant(effect.until)
    return limit | _moved(effect)


def _moved(effect: Effect) -> dict[str, Any]:
    given = effect.parameters
    if effect.lever == "gateway.block":
        return {"block": {"reason": str(given.get("reason") or f"blocked by {effect.id}")}}
    if effect.lever == "gateway.fallback" and isinstance(models := given.get("fallback"), Mapping) and models:
        return {"fallback": {str(name): str(value) for name, value in models.items()}}
    if effect.lever == "gateway.throttle" and (found := {name: given[name] for name in THROTTLES if given.get(name) is not None}):
        return {name: _amount(Decimal(str(value))) if name == "cost_per_day" else _plain(value) for name, value in found.items()}
    raise UserError(f"{effect.id} does nothing a gateway knows: {effect.lever} with {', '.join(given) or 'no parameters'}")


def _match(scope: Scope) -> dict[str, list[str]]:
    return {name: list(values) for name, values in scope}


def _price(price: TokenPrice) -> dict[str, str]:
    kinds = {"input": price.input, "output": price.output, "cache_read": price.cache_read, "cache_write": price.cache_write}
    return {f"{kind}_per_mtok": format(value, "f") for kind, value in kinds.items() if value is not None}


def _plain(value: Any) -> Any:
    return float(value) if isinstance(value, Decimal) else value


def _number(value: Decimal | None) -> float | None:
    return None if value is None else float(value)


def _amount(value: Decimal | None) -> str | None:
    return None if value is None else format(value, "f")


def _instant(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
