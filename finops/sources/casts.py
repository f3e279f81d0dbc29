"""SQL that reads one raw column as text, money, a moment or a JSON object; null means it cannot be read so."""

from typing import Final

from finops.charges import MOMENT, MONEY, TEXT

# Below this a double times 10^10 is exact enough for the plain cast to give the digits of its shortest text form.
_PLAIN_CAST_BELOW: Final = 100_000
_WHOLE_NUMBERS: Final = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT")


def read(sql: str, type_: str, kind: str) -> str:
    """Return SQL for the raw column `sql` of DuckDB type `type_`, read as `kind`."""
    if kind.startswith("key="):
        return _key(sql, type_, kind.removeprefix("key="))
    return {"text": _text, "money": _money, "moment": _moment, "json": _json}[kind](sql, type_)


def type_of(kind: str) -> str:
    """Return the DuckDB type that reading as `kind` gives."""
    return {"money": MONEY, "moment": MOMENT}.get(kind, TEXT)


def may_fail(type_: str, kind: str) -> bool:
    """Whether a value of DuckDB type `type_` can be there and yet not be readable as `kind`."""
    if kind == "money":
        return type_ not in _WHOLE_NUMBERS
    if kind == "moment":
        return not type_.startswith(("TIMESTAMP", "DATE"))
    return kind == "json" and not type_.startswith(("MAP", "STRUCT"))


def present(sql: str, type_: str) -> str:
    """Return SQL that is true where a value is there."""
    return f"{sql} <> ''" if type_ == TEXT else f"{sql} IS NOT NULL"


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
    text = sql if type_ == TEXT else f"CAST({sql} AS {TEXT})"
    # A plain cast would drop an offset, and knows no `T22:00Z` without seconds.
    full = rf"regexp_replace(upper({text}), '^(.{{10}}[T ]\d\d:\d\d)(Z|[+-][\d:]+)?$', '\1:00\2')"
    zoned = f"CAST(TRY_CAST({full} AS TIMESTAMPTZ) AS {MOMENT})"
    plain = f"NOT (contains(substr({text}, 11), '+') OR contains(substr({text}, 11), '-') OR contains(substr({text}, 11), ' U'))"
    # Without the dash 5/1/25 would be the year 5.
    dated = f"substr({text}, 5, 1) = '-'"
    return f"CASE WHEN NOT {dated} THEN NULL WHEN {plain} THEN coalesce(TRY_CAST({text} AS {MOMENT}), {zoned}) ELSE {zoned} END"


def _json(sql: str, type_: str) -> str:
    if type_ == TEXT:
        return f"CASE WHEN starts_with(ltrim({sql}), '{{') AND json_valid({sql}) THEN {sql} END"
    if _is_pairs(type_):  # map_from_entries would fail on a key that comes twice
        pair = "to_json(x.key) || ':' || coalesce(to_json(x.value), 'null')"
        pairs = f"list_transform(list_filter({sql}, lambda x: x.key IS NOT NULL), lambda x: {pair})"
        return f"CASE WHEN {sql} IS NOT NULL THEN '{{' || array_to_string({pairs}, ',') || '}}' END"
    if type_.startswith(("MAP", "STRUCT")) and not type_.endswith("[]"):
        return f"CASE WHEN {sql} IS NOT NULL THEN CAST(to_json({sql}) AS {TEXT}) END"
    return f"CAST(NULL AS {TEXT})"


def _key(sql: str, type_: str, key: str) -> str:
    path = literal(f'$."{key}"')
    if type_ == TEXT:
        return f"nullif(TRY(json_extract_string({sql}, {path})), '')"
    if type_.startswith("MAP"):
        return f"nullif(CAST({sql}[{literal(key)}] AS {TEXT}), '')"
    if _is_pairs(type_):
        return f"nullif(CAST(list_filter({sql}, lambda x: x.key = {literal(key)})[1].value AS {TEXT}), '')"
    return f"nullif(CAST(json_extract_string(to_json({sql}), {path}) AS {TEXT}), '')"


def _is_pairs(type_: str) -> bool:
    """Whether the type is a list of key/value pairs, as Hive and Arrow write maps."""
    return type_.startswith('STRUCT("key" ') and '"value" ' in type_ and type_.endswith("[]")
