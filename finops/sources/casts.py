"""SQL that reads one raw column as text, money, a moment or a JSON object; null means it cannot be read so."""

import json
import re
from collections.abc import Iterable
from typing import Final

from finops.charges import MOMENT, MONEY, TEXT

# Below this a double times 10^10 is exact enough for the plain cast to give the digits of its shortest text form.
_PLAIN_CAST_BELOW: Final = 100_000
OBJECT: Final = "JSON OBJECT"  # no DuckDB type: text that we wrote ourselves as a JSON object
_WHOLE_NUMBERS: Final = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT")


def read(sql: str, type_: str, kind: str) -> str:
    """Return SQL for the raw column `sql` of DuckDB type `type_`, read as `kind`."""
    if kind.startswith("key="):
        return _key(sql, type_, kind.removeprefix("key="))
    if kind.startswith("sum="):
        return _total(sql, type_, kind.removeprefix("sum="))
    return {"text": _text, "money": _money, "moment": _moment, "json": _json, "month": _month, "labels": _labels, "members": _members}[
        kind
    ](sql, type_)


def type_of(kind: str) -> str:
    """Return the DuckDB type that reading as `kind` gives."""
    return MONEY if kind.startswith("sum=") else {"money": MONEY, "moment": MOMENT, "month": MOMENT}.get(kind, TEXT)


def may_fail(type_: str, kind: str) -> bool:
    """Whether a value of DuckDB type `type_` can be there and yet not be readable as `kind`."""
    if kind == "money":
        return type_ not in _WHOLE_NUMBERS
    if kind == "moment":
        return not type_.startswith(("TIMESTAMP", "DATE"))
    if kind in ("month", "labels") or kind.startswith("sum="):
        return True
    return kind in ("json", "members") and type_ != OBJECT and not type_.startswith(("MAP", "STRUCT"))


def present(sql: str, type_: str, kind: str = "text") -> str:
    """Return SQL that is true where a value is there; where a number or a date should be, Python's None is none."""
    if type_ != TEXT:
        return f"{sql} IS NOT NULL"
    return f"{sql} <> ''" if kind in ("text", "json", "members") else f"({sql} <> '' AND {sql} <> 'None')"


def literal(text: str) -> str:
    """Return `text` as an SQL string."""
    return "'" + text.replace("'", "''") + "'"


def name(text: str) -> str:
    """Return `text` as an SQL identifier."""
    return '"' + text.replace('"', '""') + '"'


def _text(sql: str, type_: str) -> str:
    return f"nullif({sql}, '')" if type_ == TEXT else f"CAST({sql} AS {TEXT})"


def _money(sql: str, type_: str) -> str:
    if type_ == TEXT:
        return _money_text(sql)
    if type_ == "DOUBLE":
        return f"CASE WHEN abs({sql}) < {_PLAIN_CAST_BELOW} THEN CAST({sql} AS {MONEY}) ELSE {_money_text(_as_text(sql))} END"
    whole = type_.startswith("DECIMAL") or type_ in _WHOLE_NUMBERS
    return f"TRY_CAST({sql} AS {MONEY})" if whole else _money_text(_as_text(sql))


def _money_text(text: str) -> str:
    """Decimal text, digits beyond the tenth rounded half up.

    The short decimal is tried first because the long one takes a microsecond a value and more. Negative exponents go
    through a double: DuckDB rounds 8.2E-13 up to 1E-10 otherwise. It would also read 1_000 as a thousand.
    """
    double = f"TRY_CAST({text} AS DOUBLE)"
    long = f"TRY_CAST({text} AS {MONEY})"
    return (
        f"CASE WHEN contains({text}, '_') THEN NULL "
        f"WHEN contains({text}, 'E-') OR contains({text}, 'e-') THEN "
        f"CASE WHEN abs({double}) < {_PLAIN_CAST_BELOW} THEN CAST({double} AS {MONEY}) ELSE {long} END "
        f"ELSE coalesce(CAST(TRY_CAST({text} AS DECIMAL(18,10)) AS {MONEY}), {long}) END"
    )


def _as_text(sql: str) -> str:
    return f"CAST({sql} AS {TEXT})"


def _moment(sql: str, type_: str) -> str:
    if type_.startswith(("TIMESTAMP", "DATE")):
        return f"CAST({sql} AS {MOMENT})"
    if type_ in _WHOLE_NUMBERS:  # 20260401
        return f"try_strptime(CAST({sql} AS {TEXT}), '%Y%m%d')"
    text = sql if type_ == TEXT else f"CAST({sql} AS {TEXT})"
    # A plain cast would drop an offset, and knows no `T22:00Z` without seconds.
    full = rf"regexp_replace(upper({text}), '^(.{{10}}[T ]\d\d:\d\d)(Z|[+-][\d:]+)?$', '\1:00\2')"
    zoned = f"CAST(TRY_CAST({full} AS TIMESTAMPTZ) AS {MOMENT})"
    plain = f"NOT (contains(substr({text}, 11), '+') OR contains(substr({text}, 11), '-') OR contains(substr({text}, 11), ' U'))"
    # Without the dash 5/1/25 would be the year 5.
    dated = f"substr({text}, 5, 1) = '-'"
    return f"CASE WHEN NOT {dated} THEN NULL WHEN {plain} THEN coalesce(TRY_CAST({text} AS {MOMENT}), {zoned}) ELSE {zoned} END"


def _month(sql: str, type_: str) -> str:
    text = sql if type_ == TEXT else _as_text(sql)
    return rf"CASE WHEN regexp_full_match({text}, '\d{{6}}') THEN CAST(try_strptime({text}, '%Y%m') AS {MOMENT}) END"


def object_of(pairs: Iterable[tuple[str, str, str]]) -> str:
    """Return SQL for a JSON object of (key, SQL, type); a key whose value is null or blank is left out, and so is an empty object."""
    members = (
        f"CASE WHEN {present(sql, type_)} THEN {literal(_quoted(key))} || to_json({_text(sql, type_)}) END" for key, sql, type_ in pairs
    )
    return f"('{{' || nullif(concat_ws(',', {', '.join(members)}), '') || '}}')"


def _quoted(key: str) -> str:
    return json.dumps(key, ensure_ascii=False) + ":"


def _json(sql: str, type_: str) -> str:
    if type_ == OBJECT:
        return sql
    if type_ == TEXT:
        return f"CASE WHEN starts_with(ltrim({sql}), '{{') AND json_valid({sql}) THEN {sql} END"
    if _is_pairs(type_):  # map_from_entries would fail on a key that comes twice
        pair = "to_json(x.key) || ':' || coalesce(to_json(x.value), 'null')"
        pairs = f"list_transform(list_filter({sql}, lambda x: x.key IS NOT NULL), lambda x: {pair})"
        return f"CASE WHEN {sql} IS NOT NULL THEN '{{' || array_to_string({pairs}, ',') || '}}' END"
    if type_.startswith(("MAP", "STRUCT")) and not type_.endswith("[]"):
        return f"CASE WHEN {sql} IS NOT NULL THEN CAST(to_json({sql}) AS {TEXT}) END"
    return f"CAST(NULL AS {TEXT})"


def _members(sql: str, type_: str) -> str:
    """A JSON object, or its members without the braces around them."""
    if type_ != TEXT:
        return _json(sql, type_)
    whole = f"'{{' || {sql} || '}}'"
    return f"""CASE WHEN starts_with(ltrim({sql}), '{{') THEN CASE WHEN json_valid({sql}) THEN {sql} END
        WHEN starts_with(ltrim({sql}), '"') AND json_valid({whole}) THEN {whole} END"""


def _key(sql: str, type_: str, key: str) -> str:
    path = literal(f'$."{key}"')
    if type_ in (TEXT, OBJECT):
        return f"nullif(TRY(json_extract_string({sql}, {path})), '')"
    if type_.startswith("MAP"):
        return f"nullif(CAST({sql}[{literal(key)}] AS {TEXT}), '')"
    if _is_pairs(type_):
        return f"nullif(CAST(list_filter({sql}, lambda x: x.key = {literal(key)})[1].value AS {TEXT}), '')"
    return f"nullif(CAST(json_extract_string(to_json({sql}), {path}) AS {TEXT}), '')"


def _is_pairs(type_: str) -> bool:
    """Whether the type is a list of key/value pairs, as Hive and Arrow write maps."""
    return type_.startswith('STRUCT("key" ') and '"value" ' in type_ and type_.endswith("[]")


def _total(sql: str, type_: str, wanted: str) -> str:
    """The sum of a field of a list of records; `amount,except=A|B` passes over records whose `type` is A or B.

    Null where one amount is no number: a part of the money must never be taken for all of it.
    """
    field, _, others = wanted.partition(",except=")
    if not _holds(type_, field):
        return f"CAST(NULL AS {MONEY})"
    kept = f"x.{name(field)} IS NOT NULL"
    if others and (type_ == TEXT or '"type" ' in type_):
        passed_over = ", ".join(literal(each) for each in others.split("|"))
        kept += f""" AND coalesce(x."type", '') NOT IN ({passed_over})"""
    records = f"list_filter({_records(sql, type_, (field, 'type'), exact=field)}, lambda x: {kept})"
    amount = f"CAST(x.{name(field)} AS {TEXT})"
    amounts = f"list_transform({records}, lambda x: {_money_text(amount)})"
    return f"""CASE WHEN {_has_none(sql, type_)} THEN 0
        WHEN len({amounts}) = list_count({amounts}) THEN coalesce(CAST(list_sum({amounts}) AS {MONEY}), 0) END"""


def _labels(sql: str, type_: str) -> str:
    """A list of records with key and value as a JSON object; where a record has a namespace, it stands before the key."""
    if not _holds(type_, "key", "value"):
        return f"CAST(NULL AS {TEXT})"
    records = _records(sql, type_, ("key", "value", "namespace"))
    has_namespace = type_ == TEXT or "namespace" in type_
    key = "coalesce(nullif(x.namespace, '') || '/', '') || x.key" if has_namespace else "x.key"
    pair = f"to_json({key}) || ':' || coalesce(to_json(x.value), '\"\"')"
    pairs = f"list_transform(list_filter({records}, lambda x: x.key IS NOT NULL), lambda x: {pair})"
    made = f"CASE WHEN {_has_none(sql, type_)} THEN '{{}}' ELSE '{{' || array_to_string({pairs}, ',') || '}}' END"
    if type_ != TEXT:
        return made
    return f"CASE WHEN starts_with(ltrim({sql}), '{{') AND json_valid({sql}) THEN {sql} ELSE {made} END"


def _holds(type_: str, *fields: str) -> bool:
    """Whether a column can be a list of records with these fields; text tells only when it is read."""
    names = re.findall(r'"?(\w+)"? [A-Z]', type_)
    return type_ == TEXT or (type_.startswith("STRUCT(") and type_.endswith("[]") and set(fields) <= set(names))


def _has_none(sql: str, type_: str) -> str:
    return f"{sql} = '[]'" if type_ == TEXT else f"len({sql}) = 0"


def _records(sql: str, type_: str, fields: tuple[str, ...], exact: str = "") -> str:
    """The records as a DuckDB list; the bare numbers of the field `exact` never pass through a double."""
    if type_ != TEXT:
        return sql
    text = _json_or_printed(sql)
    if exact:
        text = rf'''regexp_replace({text}, '("{exact}"\s*:\s*)(-?[0-9][0-9.eE+-]*)', '\1"\2"', 'g')'''
    shape = ", ".join(f'"{field}":"{TEXT}"' for field in fields)
    return f"TRY(from_json({text}, '[{{{shape}}}]'))"


def _json_or_printed(sql: str) -> str:
    """JSON as it is; a list as Python prints it with JSON's quotes and words, which fails where a text holds a quote."""
    printed = f"replace({sql}, '''', '\"')"
    for word, json_word in (("None", "null"), ("True", "true"), ("False", "false")):
        printed = f"replace({printed}, ': {word}', ': {json_word}')"
    return f"CASE WHEN json_valid({sql}) THEN {sql} ELSE {printed} END"
