"""The SELECT that turns raw rows into ledger rows, in layers: read, map, fill gaps, derive, judge."""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Final

from finops.charges import CATEGORIES, COLUMNS, METRICS, TEXT
from finops.sources import casts
from finops.sources.mapping import Header, Mark, Reading, choose, fold, kind_of, read, readings, render
from finops.sources.mapping import Mapping as Format
from finops.sources.rules import MARKS, RULES, STRICT
from finops.sources.spreadsheets import PLAIN, Manner, currencies

_DELIVERED: Final = "{ChargeCategory}"  # the mapping takes the bill's own word
_MONTH: Final = "date_trunc('month', {})"


@dataclass(frozen=True)
class Select:
    """How one shape of files is read: give it a scan and it gives SQL whose rows are ledger rows with a verdict."""

    format: Format
    header: Header
    source: str
    derived: Mapping[str, str]
    manner: Manner = PLAIN

    def rows(self, scan: str, carry: str = "") -> str:
        """Return SQL with all ledger columns plus `problem`, `outside` and `marks`; `carry` is a raw expression kept as `carried`."""
        judged = [f"{self._problem()} AS problem", f"{self._outside()} AS outside", f"{self._marks()} AS marks"]
        kept = [casts.name(column) for column in COLUMNS]
        carried = ["carried"] if carry else []
        read = f"SELECT {', '.join([*self._read(), *([f'{carry} AS carried'] if carry else [])])} FROM {scan}"
        mapped = f"SELECT {', '.join([*self._mapped(), *carried])} FROM ({read})"
        filled = f"SELECT * REPLACE ({_fillings()}) FROM ({mapped})"
        derived = f"SELECT * REPLACE ({self._derivations()}) FROM ({filled})"
        return f"SELECT {', '.join([*kept, *judged, *carried])} FROM ({derived})"

    def used(self) -> set[str]:
        """Return the folded names of the raw columns that are read."""
        chosen = [self._expression(column) for column in COLUMNS] + [each.when for each in self._named()]
        return {fold(each.column) for expression in chosen if expression for each in readings(expression)}

    def notes(self) -> list[str]:
        """Return what is to be said about ledger columns this shape does not deliver."""
        return [note for column, note in self.format.missing.items() if self._expression(column) is None]

    def exists(self, condition: str, scan: str) -> str:
        """Return SQL that finds one raw row for which `condition` holds."""
        return f"SELECT 1 FROM {scan} WHERE {render(condition, partial(read, header=self.header, manner=self.manner))} LIMIT 1"

    def texts(self, kind: str) -> dict[str, str]:
        """Return the text columns that are read as `kind`: their names in the file and the SQL that names them."""
        raw = [self.header[name] for name, as_kind in self._numbers if as_kind == kind]
        return {each.name: each.sql for each in raw if each.type == TEXT}

    def names_of(self, columns: Collection[str]) -> set[str]:
        """Return the names in the file of the raw columns behind ledger columns."""
        return {self.header[name].name for name, _ in self._behind(columns)}

    def _expression(self, column: str) -> str | None:
        return choose(self.format, column, self.header)

    @cached_property
    def _numbers(self) -> dict[tuple[str, str], int]:
        """Every raw column that is read, and as what, numbered: `r3` is its value, `p3` whether it was there at all."""
        wanted = [
            (fold(each.column), each.kind)
            for expression, kind in self._expressions()
            for each in readings(expression, kind)
            if each.kind != "has" and fold(each.column) in self.header
        ]
        return {key: number for number, key in enumerate(dict.fromkeys(wanted))}

    def _expressions(self) -> list[tuple[str, str]]:
        chosen = [(expression, kind_of(column)) for column in COLUMNS if (expression := self._expression(column))]
        return chosen + [(each.when, "text") for each in self._named()]

    def _read(self) -> list[str]:
        """Each raw value is read once, here; everything above works with the result."""
        columns = []
        for (name, kind), number in self._numbers.items():
            raw = self.header[name]
            columns.append(f"{self.manner.read(raw.sql, raw.type, kind)} AS r{number}")
            if casts.may_fail(raw.type, kind):
                columns.append(f"{casts.present(raw.sql, raw.type, kind)} AS p{number}")
        columns += [f"{currencies(self.header[name].sql)} AS s{self._numbers[name, kind]}" for name, kind in self._signed()]
        return columns

    def _resolve(self, want: Reading) -> str:
        number = self._numbers.get((fold(want.column), want.kind))
        return read(want, self.header, self.manner) if number is None else f"r{number}"

    def _mapped(self) -> list[str]:
        """Ledger columns, and beside them what the verdicts need to know about the raw values."""
        columns = [f"{self._cast(column, type_)} AS {casts.name(column)}" for column, type_ in COLUMNS.items()]
        doubts = [f"{self._unreadable([column])} AS u_{column}" for column in (*STRICT, "Tags")]
        loose = [column for column in COLUMNS if kind_of(column) == "money" and column not in STRICT]
        doubts.append(f"{self._unreadable(loose)} AS unreadable_numbers")
        doubts.append(f"{self._respelled()} AS category_respelled")
        doubts.append(f"{self._currency_respelled()} AS currency_respelled")
        doubts.append(f"{self._another_currency()} AS another_currency")
        doubts += [f"coalesce({render(each.when, self._resolve)}, FALSE) AS f_{each.name}" for each in self._named()]
        return columns + doubts

    def _named(self) -> list[Mark]:
        return [*self.format.left_out, *self.format.marks]

    def _cast(self, column: str, type_: str) -> str:
        if column == "x_Source":
            return casts.literal(self.source)
        if column == "BillingCurrency":
            return self._currency()
        if column == "ChargeCategory":
            return self._category()
        return self._written(column, type_)

    def _written(self, column: str, type_: str) -> str:
        expression = self._expression(column)
        return f"CAST({render(expression, self._resolve, kind_of(column))} AS {type_})" if expression else f"CAST(NULL AS {type_})"

    def _category(self) -> str:
        """Usage, unless the bill tells categories; then each row must."""
        expression = self._expression("ChargeCategory")
        value = render(expression, self._resolve) if expression else "NULL"
        return f"CAST({value} AS {TEXT})" if expression == _DELIVERED else f"CAST(coalesce({value}, 'Usage') AS {TEXT})"

    def _unreadable(self, columns: Iterable[str]) -> str:
        """True where one of the raw values behind the ledger columns cannot be read as what it should be."""
        behind = [key for key in self._behind(columns) if casts.may_fail(self.header[key[0]].type, key[1])]
        return _any(f"(p{self._numbers[key]} AND r{self._numbers[key]} IS NULL)" for key in behind)

    def _behind(self, columns: Iterable[str]) -> list[tuple[str, str]]:
        """The raw values from which ledger columns are made, as they are numbered."""
        wanted = {
            (fold(each.column), each.kind) for column in columns for each in readings(self._expression(column) or "", kind_of(column))
        }
        return [key for key in self._numbers if key in wanted]

    def _signed(self) -> list[tuple[str, str]]:
        """The raw amounts of money that may bear a currency sign; prices may be in another currency."""
        behind = self._behind(METRICS.values()) if self.manner.amounts else []
        return [(name, kind) for name, kind in behind if kind == "money" and self.header[name].type == TEXT]

    def _another_currency(self) -> str:
        return _any(f"NOT contains(s{self._numbers[key]}, {self._currency()})" for key in self._signed())

    def _currency(self) -> str:
        return f"upper({self._written('BillingCurrency', TEXT)})"

    def _currency_respelled(self) -> str:
        return f"coalesce({self._written('BillingCurrency', TEXT)} <> {self._currency()}, FALSE)"

    def _respelled(self) -> str:
        expression = self._expression("ChargeCategory")
        if expression is None or expression != _DELIVERED:
            return "FALSE"  # the mapping itself writes it
        value = render(expression, self._resolve)
        known = ", ".join(casts.literal(each) for each in CATEGORIES)
        folded = ", ".join(casts.literal(each.lower()) for each in CATEGORIES)
        return f"coalesce({value} NOT IN ({known}) AND lower({value}) IN ({folded}), FALSE)"

    def _derivations(self) -> str:
        standing = {
            "x_Team": '"x_BilledTeam"',
            "x_Project": '"x_BilledProject"',
            "x_Env": '"x_BilledEnv"',
            "x_ChargeDay": 'CAST("ChargePeriodStart" AS DATE)',
        }
        both = standing | dict(self.derived)
        return ", ".join(f"CAST({sql} AS {COLUMNS[column]}) AS {casts.name(column)}" for column, sql in both.items())

    def _problem(self) -> str:
        """The rule a row breaks; rows that are no money of their own are not judged."""
        never = " OR ".join(f"f_{each.name}" for each in self.format.left_out if each.only_if is None)
        return f"CASE WHEN NOT ({never}) THEN {_verdict(RULES_SQL)} END" if never else _verdict(RULES_SQL)

    def _outside(self) -> str:
        branches = " ".join(f"WHEN f_{each.name} THEN {casts.literal(each.name)}" for each in self.format.left_out)
        return f"CASE {branches} END" if branches else "CAST(NULL AS VARCHAR)"

    def _marks(self) -> str:
        """The names of the marks a row bears, each followed by a dash; nothing for nearly all rows."""
        tests = [(mark.name, _sql(mark.when)) for mark in MARKS] + [(mark.name, f"f_{mark.name}") for mark in self.format.marks]
        some = " OR ".join(test for _, test in tests)
        spelled = " || ".join(f"CASE WHEN {test} THEN '{name}-' ELSE '' END" for name, test in tests)
        return f"CASE WHEN {some} THEN {spelled} ELSE '' END"


def _any(doubts: Iterable[str]) -> str:
    joined = " OR ".join(doubts)
    return f"coalesce({joined}, FALSE)" if joined else "FALSE"


def _sql(condition: str) -> str:
    """A rule's condition with `unreadable(X)` as the column that says so."""
    return re.sub(r"unreadable\((\w+)\)", r"u_\1", condition)


def _verdict(rules: list[tuple[str, str]]) -> str:
    return "CASE " + " ".join(f"WHEN {condition} THEN '{name}'" for name, condition in rules) + " END"


RULES_SQL: Final = [(rule.name, _sql(rule.broken)) for rule in RULES]


def _fillings() -> str:
    """What a bill may leave out: the billed cost as effective cost, the month as billing period, an hour or a day as the charge's end."""
    start, period = '"ChargePeriodStart"', '"BillingPeriodStart"'
    whole_day = f"{start} = date_trunc('day', {start})"
    month = f"coalesce({period}, {_MONTH.format(start)})"
    soon = "least({}, TIMESTAMP '2200-01-01')"  # so that no typing error runs into the end of time
    default_length = f"CASE WHEN {whole_day} THEN INTERVAL 1 DAY ELSE INTERVAL 1 HOUR END"
    respelled = " ".join(f"WHEN '{each.lower()}' THEN '{each}'" for each in CATEGORIES)
    fillings = {
        "EffectiveCost": 'coalesce("EffectiveCost", "BilledCost")',
        "BillingPeriodStart": month,
        "BillingPeriodEnd": f'coalesce("BillingPeriodEnd", {soon.format(_MONTH.format(month))} + INTERVAL 1 MONTH)',
        "ChargePeriodEnd": f'coalesce("ChargePeriodEnd", {soon.format(start)} + {default_length})',
        "ChargeCategory": f"""CASE lower("ChargeCategory") {respelled} ELSE "ChargeCategory" END""",
    }
    return ", ".join(f"CAST({sql} AS {COLUMNS[column]}) AS {casts.name(column)}" for column, sql in fillings.items())
