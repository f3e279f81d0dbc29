"""What the ledger works out for each charge while loading: its day in the ledger's time zone and its owner."""

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import astuple

from finops.charges import COLUMNS
from finops.errors import ConfigError, meant
from finops.owners import MATCHABLE, OwnerRule

PLACE = re.compile(r"\{([^{}]+)\}")


def derived_columns(rules: Sequence[OwnerRule], timezone: str) -> dict[str, str]:
    """Return ledger column → DuckDB expression over the other ledger columns.

    A charge that covers a whole UTC day or more keeps its UTC date, since its hours are unknown; any other charge
    belongs to the local day it began on. What the bill says of its owner goes before the rules.
    """
    day = _day(timezone)
    owned = {name: _owner(rules, name, day) for name in ("team", "project", "env")}
    return {"x_ChargeDay": day} | {f"x_{name.title()}": sql for name, sql in owned.items()}


def derived_digest(rules: Sequence[OwnerRule], timezone: str) -> str:
    """Return what names this way of deriving: files derived another way must be derived anew."""
    content = json.dumps([timezone, list(COLUMNS), *(astuple(rule) for rule in rules)], default=str)
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def _day(timezone: str) -> str:
    if timezone == "UTC":
        return "CAST(ChargePeriodStart AS DATE)"
    local = f"CAST((ChargePeriodStart AT TIME ZONE 'UTC') AT TIME ZONE {quoted(timezone)} AS DATE)"
    whole_day = "ChargePeriodEnd >= ChargePeriodStart + INTERVAL 1 DAY AND CAST(ChargePeriodStart AS TIME) = TIME '00:00:00'"
    return f"CASE WHEN {whole_day} THEN CAST(ChargePeriodStart AS DATE) ELSE {local} END"


def _owner(rules: Sequence[OwnerRule], field: str, day: str) -> str:
    billed = f'"x_Billed{field.title()}"'
    cases = [f"WHEN {_matches(rule, day)} THEN {_value(value)}" for rule in rules if (value := getattr(rule, field)) is not None]
    return f"coalesce({billed}, CASE {' '.join(cases)} END)" if cases else billed


def _matches(rule: OwnerRule, day: str) -> str:
    tests = [_any_of(name, patterns) for name, patterns in rule.match]
    tests += [f"{day} >= DATE '{rule.start}'"] if rule.start else []
    tests += [f"{day} < DATE '{rule.end}'"] if rule.end else []
    return " AND ".join(tests)


def _any_of(name: str, patterns: Sequence[str]) -> str:
    tests = [_like(column, pattern) for column in _columns(name) for pattern in patterns]
    return f"coalesce({' OR '.join(tests)}, false)"


def _columns(name: str) -> list[str]:
    if name.startswith("tag:"):
        return [tag(name[4:])]
    if name not in MATCHABLE:
        raise ConfigError([f"owners cannot match on '{name}'.{meant(name, MATCHABLE)}"])
    return [f'"{column}"' for column in MATCHABLE[name]]


def _like(column: str, pattern: str) -> str:
    folded = pattern.lower()
    if "*" not in folded:
        return f"lower({column}) = {quoted(folded)}"
    escaped = folded.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_").replace("*", "%")
    return f"lower({column}) LIKE {quoted(escaped)} ESCAPE '\\'"


def _value(value: str) -> str:
    """`{tag:team}` or `{account}` in an owner's name stands for what the charge says there."""
    whole = PLACE.fullmatch(value)
    if not whole:
        return quoted(value)
    columns = ", ".join(_columns(whole.group(1)))
    return f"nullif(coalesce({columns}), '')"


def tag(key: str) -> str:
    """Return the DuckDB expression for one tag of a charge."""
    path = '$."' + key.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return f"json_extract_string(Tags, {quoted(path)})"


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
