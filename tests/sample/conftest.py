"""The sample bills of a day, written once for all tests, and a way to ask them."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from functools import cache
from typing import Any

import duckdb
import pytest

from bot.assemble import assemble
from bot.demo import load_sample
from finops.answers import Answer
from finops.query import parse
from finops.sample import bills

Ask = Callable[[str], list[tuple[Any, ...]]]
MONDAY = datetime(2026, 9, 28, 6, tzinfo=UTC)  # after the last day of the shipped calendar


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> Callable[[date], list[bills.Bill]]:
    """The bills that end with a day."""
    return cache(lambda yesterday: bills.write(tmp_path_factory.mktemp("bills"), yesterday))


@pytest.fixture(scope="session")
def asker() -> Callable[[list[bills.Bill]], Ask]:
    """Turns bills into a function that asks their table `charges`, which has a column `source` besides."""
    return _asker


def _asker(written: list[bills.Bill]) -> Ask:
    connection = duckdb.connect()
    for number, bill in enumerate(written):
        verb = "INSERT INTO charges BY NAME" if number else "CREATE TABLE charges AS"
        connection.execute(f"{verb} SELECT *, '{bill.source}' AS source FROM read_parquet('{bill.path}')")
    return lambda sql: connection.sql(sql).fetchall()


@pytest.fixture(scope="session")
def ask(written: Callable[[date], list[bills.Bill]]) -> Ask:
    """The bills as the shipped calendar has them: nothing to move, and only the first six days cut."""
    return _asker(written(date(2026, 9, 27)))


@pytest.fixture(scope="session")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Answer]]:
    """The sample as the demo loads it, asked in the bot's own words on the Monday after its last day."""
    folder = tmp_path_factory.mktemp("company")
    (folder / "budgets.yaml").write_bytes((bills.CONFIG / "budgets.yaml").read_bytes())
    with assemble(folder, {}, lambda: MONDAY) as tools:
        load_sample(tools)
        yield lambda question: tools.ledger.answer(parse(question, MONDAY.date()), MONDAY)
