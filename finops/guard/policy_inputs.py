"""What policies may be asked, and the form of each question: checked whole before a policy sees any of it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from finops.configuration.problems import shown
from finops.errors import meant

EXACT: Final = 2**53  # beyond it a number of JSON may change on its way
LONGEST: Final = 200
MOST_ITEMS: Final = 16
Kind = Literal["text", "count", "number", "flag", "group", "list"]


@dataclass(frozen=True)
class Field:
    """One value: `count` is a whole number, `number` any finite one, from `low` to `high`; `fields` are those of a group or an item."""

    kind: Kind
    required: bool = True
    low: float = 0
    high: float = EXACT
    fields: Mapping[str, "Field"] = field(default_factory=dict)


@dataclass(frozen=True)
class Question:
    """A question: the package that answers it, the form of its input, the answers beside `deny`, and an input to try a policy on."""

    name: str
    fields: Mapping[str, Field]
    answers: tuple[str, ...]
    sample: Mapping[str, Any]

    @property
    def package(self) -> str:
        return f"finops.{self.name}"


TEXT, COUNT, FLAG, SHARE = Field("text"), Field("count"), Field("flag"), Field("number", high=1)
_SPENT: Final = Field("group", fields={"tokens": COUNT, "cost_micros": COUNT})
_OPTIONAL: Final = Field("count", required=False)

QUOTA: Final = Question(
    name="quota",
    fields={
        "tenant": TEXT,
        "route": TEXT,
        "model": TEXT,
        "day": TEXT,
        "blocked": FLAG,
        "used": _SPENT,
        "held": _SPENT,
        "asked": Field("group", fields={"tokens": COUNT, "cost_micros": COUNT, "context": COUNT}),
        "data_age_seconds": COUNT,
        "quota": Field(
            "group",
            fields={
                "tokens_per_day": _OPTIONAL,
                "cost_micros_per_day": _OPTIONAL,
                "max_context": _OPTIONAL,
                "max_data_age_seconds": COUNT,
            },
        ),
    },
    answers=("remaining_tokens",),
    sample={
        "tenant": "acme",
        "route": "chat",
        "model": "large",
        "day": "2026-11-21",
        "blocked": False,
        "used": {"tokens": 90_000, "cost_micros": 1_250_000},
        "held": {"tokens": 2_000, "cost_micros": 20_000},
        "asked": {"tokens": 1_000, "cost_micros": 10_000, "context": 800},
        "data_age_seconds": 5,
        "quota": {"tokens_per_day": 100_000, "cost_micros_per_day": 2_000_000, "max_context": 8_000, "max_data_age_seconds": 120},
    },
)
_TIER: Final = {"name": TEXT, "level": COUNT, "quality": SHARE, "latency_ms": Field("number"), "healthy": FLAG}
ROUTING: Final = Question(
    name="routing",
    fields={
        "tenant": TEXT,
        "route": TEXT,
        "sensitive": FLAG,
        "budget_share": Field("number", high=1e6),
        "burn_rate": Field("group", fields={"fast": Field("number", high=1e6), "slow": Field("number", high=1e6)}),
        "slo": Field("group", fields={"quality": SHARE, "latency_ms": Field("number")}),
        "approved_level": COUNT,
        "tiers": Field("list", fields=_TIER),
    },
    answers=("tier", "wish"),
    sample={
        "tenant": "acme",
        "route": "chat",
        "sensitive": False,
        "budget_share": 0.5,
        "burn_rate": {"fast": 1.2, "slow": 0.8},
        "slo": {"quality": 0.7, "latency_ms": 2000},
        "approved_level": 1,
        "tiers": [
            {"name": "premium", "level": 0, "quality": 0.95, "latency_ms": 1200, "healthy": True},
            {"name": "standard", "level": 1, "quality": 0.88, "latency_ms": 800, "healthy": True},
            {"name": "economy", "level": 2, "quality": 0.75, "latency_ms": 400.5, "healthy": True},
        ],
    },
)
QUESTIONS: Final[Mapping[str, Question]] = {question.name: question for question in (QUOTA, ROUTING)}


def faults(question: Question, given: object) -> list[str]:
    """Return what is wrong with the input of a question, a sentence each; a policy sees only input without any."""
    found = _group("input", question.fields, given)
    return found if found or question is not ROUTING else _twins(given)


def _group(place: str, fields: Mapping[str, Field], given: object) -> list[str]:
    if not isinstance(given, dict):
        return [f"{place} must be an object, not {_seen(given)}"]
    found = [
        f"{place} has an unknown field {shown(str(name))}.{meant(str(name)[:LONGEST], fields)}"
        for name in list(given)[: len(fields) + 1]
        if name not in fields
    ]
    for name, expected in fields.items():
        if name in given:
            found += _value(f"{place}.{name}", expected, given[name])
        elif expected.required:
            found.append(f"{place}.{name} is missing")
    return found


def _value(place: str, expected: Field, given: object) -> list[str]:
    if expected.kind == "group":
        return _group(place, expected.fields, given)
    if expected.kind == "list":
        return _items(place, expected.fields, given)
    if expected.kind == "flag":
        return [] if isinstance(given, bool) else [f"{place} must be true or false, not {_seen(given)}"]
    return _text(place, given) if expected.kind == "text" else _number(place, expected, given)


def _items(place: str, fields: Mapping[str, Field], given: object) -> list[str]:
    if not isinstance(given, list):
        return [f"{place} must be a list, not {_seen(given)}"]
    if not 1 <= len(given) <= MOST_ITEMS:
        return [f"{place} must hold 1 to {MOST_ITEMS} items, not {len(given)}"]
    return [fault for number, item in enumerate(given) for fault in _group(f"{place}[{number}]", fields, item)]


def _text(place: str, given: object) -> list[str]:
    """Refuse what is no plain word or name: a NUL would end the text early in the engine, and no name needs control signs."""
    if not isinstance(given, str):
        return [f"{place} must be text, not {_seen(given)}"]
    if not 1 <= len(given) <= LONGEST:
        return [f"{place} must be 1 to {LONGEST} characters long, not {len(given)}"]
    return [] if given.isprintable() else [f"{place} holds signs that cannot be printed: {shown(given)}"]


def _number(place: str, expected: Field, given: object) -> list[str]:
    if isinstance(given, bool) or not isinstance(given, int | float):
        return [f"{place} must be a number, not {_seen(given)}"]
    if isinstance(given, float) and (expected.kind == "count" or not math.isfinite(given)):
        return [f"{place} must be a {'whole' if expected.kind == 'count' else 'finite'} number, not {given!r}"]
    if not expected.low <= given <= expected.high:
        return [f"{place} must be from {expected.low:g} to {expected.high:.16g}"]
    return []


def _twins(given: Any) -> list[str]:
    """Tiers are told apart by name and by level; with two alike a policy would have two answers."""
    tiers = given["tiers"]
    return [
        f"input.tiers holds two tiers with the same {which}"
        for which in ("name", "level")
        if len({tier[which] for tier in tiers}) != len(tiers)
    ]


def _seen(given: object) -> str:
    if isinstance(given, str):
        return f"the text {shown(given)}"
    if isinstance(given, bool) or given is None:
        return {True: "true", False: "false", None: "null"}[given]
    return "an object" if isinstance(given, dict) else "a list" if isinstance(given, list) else "a number"
