"""Daily sums answer exactly as the rows do, or leave the question to the rows."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finops.answers import Answer
from finops.ledger import rollup
from finops.ledger.catalog import live_files
from finops.ledger.facts import DuckFacts
from finops.ledger.ledger import Ledger, Terms
from finops.ledger.state import open_state
from finops.ledger.upkeep import roll_up, sweep
from finops.periods import Period
from finops.query import CostQuery, Filter
from tests.ledger.bills import Charge, deliver

UNTIL = datetime(2026, 5, 1, tzinfo=UTC)
MARCH = Period(date(2026, 3, 1), date(2026, 4, 1))
SUMMED = ("team", "service", "provider", "env", "project", "model", "category", "region")


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Ledger:
    folder = tmp_path_factory.mktemp("rollup")
    made = Ledger(open_state(f"sqlite:///{folder / 'state.sqlite'}"), folder / "ledger", DuckFacts(folder / "ledger", threads=1), Terms())
    deliver(made, [charge(n) for n in range(400)])
    return made


def charge(n: int) -> Charge:
    """Twenty kinds of charges on twenty days: most daily sums are made of several rows."""
    kind = n % 20
    owned = {"x_Model": f"m{kind % 3}" if kind % 4 else None, "ProviderName": f"p{kind % 2}", "x_BilledEnv": ("prod", "dev")[kind % 2]}
    team, currency = f"t{kind % 5}" if kind % 6 else None, "EUR" if kind == 11 else "USD"
    day = date(2026, 2, 20) + timedelta(days=kind + 20 * (n % 2))
    return Charge(day, f"{n % 17}.{n:04}0001", team, f"s{kind % 7}", currency, more=owned | {"x_User": f"u{n}"})


def asked_both_ways(ledger: Ledger, query: CostQuery, until: datetime = UNTIL) -> tuple[Answer, Answer]:
    ledger.rollup_worth = rollup.WORTH
    rows = ledger.answer(query, until, parts=True)
    ledger.rollup_worth = 0
    roll_up(ledger)
    return rows, ledger.answer(query, until, parts=True)


filters = st.builds(
    Filter,
    dimension=st.sampled_from(SUMMED),
    values=st.lists(st.sampled_from(["t1", "t2", "s3", "m1", "p*", "none", "prod", "*"]), min_size=1, max_size=2, unique=True).map(tuple),
    negated=st.booleans(),
)
periods = st.builds(
    lambda start, days: Period(start, start + timedelta(days=days)), st.dates(date(2026, 2, 18), date(2026, 4, 1)), st.integers(1, 40)
)
queries = st.builds(
    CostQuery,
    period=periods,
    compare=st.sampled_from([None, MARCH, Period(date(2026, 2, 20), date(2026, 3, 1))]),
    scope=st.lists(filters, max_size=2).map(tuple),
    by=st.lists(st.sampled_from(SUMMED), max_size=2, unique=True).map(tuple),
    metric=st.sampled_from(["effective", "billed", "list"]),
    top=st.integers(1, 4),
    count=st.none() | st.sampled_from(SUMMED),
)


@settings(max_examples=60)
@given(query=queries)
def test_sums_answer_exactly_as_rows_do(ledger: Ledger, query: CostQuery) -> None:
    rows, sums = asked_both_ways(ledger, query)
    assert sums == rows


def reads(ledger: Ledger, query: CostQuery, until: datetime = UNTIL) -> set[str]:
    ledger.rollup_worth = 0
    roll_up(ledger)
    with ledger.engine.connect() as connection:
        files = live_files(connection)
    return {Path(path).suffix for path in rollup.choose(ledger.root, files, query, query.by, until, 0)}


def test_a_common_question_reads_sums(ledger: Ledger) -> None:
    assert reads(ledger, CostQuery(MARCH, by=("team",))) == {rollup.SUFFIX}


@pytest.mark.parametrize(
    "query",
    [
        CostQuery(MARCH, by=("user",)),
        CostQuery(MARCH, by=("tag:team",)),
        CostQuery(MARCH, scope=(Filter("resource", ("i-1",)),)),
        CostQuery(MARCH, count="user"),
    ],
)
def test_what_sums_do_not_keep_is_read_from_rows(ledger: Ledger, query: CostQuery) -> None:
    assert reads(ledger, query) == {".parquet"}


def test_an_instant_within_the_days_is_read_from_rows(ledger: Ledger) -> None:
    assert reads(ledger, CostQuery(MARCH), datetime(2026, 2, 25, 12, tzinfo=UTC)) == {".parquet"}


def test_a_small_ledger_has_no_sums(ledger: Ledger) -> None:
    ledger.rollup_worth = rollup.WORTH
    assert roll_up(ledger) == 0


def test_sums_of_a_file_go_with_it(tmp_path: Path) -> None:
    made = Ledger(open_state(f"sqlite:///{tmp_path / 's.sqlite'}"), tmp_path / "l", DuckFacts(tmp_path / "l", threads=1), Terms())
    made.rollup_worth = 0
    deliver(made, [charge(1)])
    roll_up(made)
    deliver(made, [charge(1), charge(51)], at=UNTIL)
    sweep(made, datetime(2100, 1, 1, tzinfo=UTC), kept=0)
    assert len(list(tmp_path.glob(f"l/source=*/period=*/*{rollup.SUFFIX}"))) == 0
    made.close()
