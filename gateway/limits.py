"""What a limit says, whom it fits, and whose count it is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import Any, Final

from gateway.circuits import Rule

EACH: Final = "*"  # a value of its own count for each
Dimensions = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Adaptive:
    """Bounds agreed beforehand, in requests a second, and the burn rate now: spend speed over budgeted speed."""

    least: float
    most: float
    burn: float


@dataclass(frozen=True, slots=True)
class Limit:
    """What holds for every request that fits all of `match`, until `until`.

    `closed` says what happens while nobody can know: refuse, let through, or (None) as the other limits have it.
    `fallback` names the model that answers instead, now; `spare` the one that does once the quota is used up or the
    model's circuit is open, and `circuit` when that is, for those it fits. A dimension matched by `*` has a count of its
    own for each of its values.
    """

    id: str
    match: tuple[tuple[str, tuple[str, ...]], ...]
    block: str | None = None
    requests_per_second: float | None = None
    burst: float = 1.0
    tokens_per_day: int | None = None
    cost_per_day: Decimal | None = None
    max_input_tokens: int | None = None
    max_output_tokens: int | None = None
    fallback: Mapping[str, str] = field(default_factory=dict)
    spare: Mapping[str, str] = field(default_factory=dict)
    closed: bool | None = None
    adaptive: Adaptive | None = None
    circuit: Rule | None = None
    until: float | None = None

    @property
    def has_quota(self) -> bool:
        return self.tokens_per_day is not None or self.cost_per_day is not None

    @property
    def names_models(self) -> bool:
        return any(name == "model" for name, _ in self.match)

    def holds(self, now: float) -> bool:
        return self.until is None or now < self.until

    def fits(self, who: Dimensions) -> bool:
        return all(name in who and any(_fits(who[name], pattern) for pattern in patterns) for name, patterns in self.match)

    def subject(self, who: Dimensions) -> str:
        """Return whose count this is: empty where all who fit share one."""
        return " ".join(f"{name}={who[name]}" for name, patterns in self.match if EACH in patterns)


def read_limit(document: Mapping[str, Any]) -> Limit:
    """Read a limit of a snapshot. Raises KeyError, TypeError or ValueError for what is none."""
    block, bounds = document.get("block"), document.get("adaptive")
    rate = _number(document.get("requests_per_second"))
    circuit = document.get("circuit")
    until = _moment((block or {}).get("until") or document.get("until"))
    return Limit(
        id=str(document["id"]),
        match=tuple((str(name), _texts(patterns)) for name, patterns in document["match"].items()),
        block=str(block["reason"]) if block else None,
        requests_per_second=rate,
        burst=max(1.0, _number(document.get("burst")) or rate or 1.0),
        tokens_per_day=_whole(document.get("tokens_per_day")),
        cost_per_day=None if document.get("cost_per_day") is None else Decimal(document["cost_per_day"]),
        max_input_tokens=_whole(document.get("max_input_tokens")),
        max_output_tokens=_whole(document.get("max_output_tokens")),
        fallback=dict(document.get("fallback") or {}),
        spare=dict(document.get("spare") or {}),
        closed=None if (unsure := document.get("when_unsure")) is None else unsure != "open",
        adaptive=Adaptive(float(bounds["min_rps"]), float(bounds["max_rps"]), float(bounds["burn"])) if bounds else None,
        circuit=_rule(circuit) if circuit else None,
        until=until,
    )


def _rule(document: Mapping[str, Any]) -> Rule:
    share, least = float(document["failures"]), int(document["requests"])
    return Rule(share, least, float(document["within"]), float(document["pause"]))


def _fits(value: str, pattern: str) -> bool:
    return value == pattern or ("*" in pattern and fnmatchcase(value, pattern))


def _texts(patterns: str | Sequence[str]) -> tuple[str, ...]:
    return (patterns,) if isinstance(patterns, str) else tuple(str(each) for each in patterns)


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _whole(value: Any) -> int | None:
    return None if value is None else int(value)


def _moment(text: str | None) -> float | None:
    return datetime.fromisoformat(text).timestamp() if text else None
