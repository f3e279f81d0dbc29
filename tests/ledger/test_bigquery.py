"""The ledger on BigQuery: the ordinary client, against a BigQuery of our own on loopback."""

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from google.api_core.exceptions import BadRequest
from google.cloud.bigquery import QueryJobConfig, ScalarQueryParameter
from sqlalchemy import func, select

from finops.charges import COLUMNS
from finops.errors import LedgerError, UserError
from finops.ledger import bigquery, catalog
from finops.ledger.bigquery import BigQueryFacts, bring_in, open_bigquery, table_name
from finops.ledger.facts import DuckFacts
from finops.ledger.ledger import Ledger, Terms
from finops.ledger.rollup import SUFFIX
from finops.ledger.state import open_state
from finops.ledger.statements import charges
from finops.ledger.upkeep import align, sweep
from finops.owners import OwnerRule
from finops.query import CostQuery
from tests.fakes.bigquery_server import BigQueryServer, Fault
from tests.ledger.bills import NOON, Charge, deliver
from tests.ledger.questions import QUESTIONS, UNTIL, Question, fill, in_order
from tests.ledger.test_publish import FIRST, LATER, MARCH, SECOND, total
from tests.ledger.twins import twin_ledgers

MakeLedger = Callable[..., Ledger]
QUERIES, UPLOADS = r"^/bigquery/v2/projects/costs/jobs$", r"^/upload/"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[BigQueryServer]:
    (tmp_path / "served").mkdir()
    with BigQueryServer(tmp_path / "served").running() as server:
        yield server


@pytest.fixture
def make_ledger(server: BigQueryServer, tmp_path: Path) -> Iterator[MakeLedger]:
    opened: list[Ledger] = []

    def make(terms: Terms | None = None, **more: Any) -> Ledger:
        facts = BigQueryFacts(server.client(), "costs.ledger", **more)
        opened.append(Ledger(open_state(f"sqlite:///{tmp_path / 'state.sqlite'}"), tmp_path / "ledger", facts, terms or Terms()))
        return opened[-1]

    yield make
    for ledger in opened:
        ledger.close()


@pytest.fixture
def ledger(make_ledger: MakeLedger) -> Ledger:
    return make_ledger()


def live_paths(ledger: Ledger) -> list[str]:
    with ledger.engine.connect() as connection:
        return [file.path for file in catalog.live_files(connection)]


def sent(server: BigQueryServer, method: str, part: str) -> int:
    return sum(1 for verb, path in server.asked if verb == method and part in path)


def ran(server: BigQueryServer, kind: str) -> int:
    return sum(1 for job in server.jobs.values() if kind in job.shown["configuration"])


def test_a_first_delivery_is_loaded(ledger: Ledger) -> None:
    assert deliver(ledger, FIRST) == [("2026-03", "loaded")]
    assert total(ledger) == Decimal("15.5")


def test_the_same_bytes_again_are_not_even_sent(ledger: Ledger, server: BigQueryServer) -> None:
    deliver(ledger, FIRST)
    assert deliver(ledger, FIRST, at=LATER) == [("2026-03", "unchanged")]
    assert total(ledger) == Decimal("15.5")
    assert sent(server, "POST", "/upload/") == 1


def test_a_newer_delivery_replaces_the_period_whole(ledger: Ledger) -> None:
    deliver(ledger, FIRST)
    assert deliver(ledger, SECOND, at=LATER) == [("2026-03", "loaded")]
    assert total(ledger) == Decimal("17.5")
    assert ledger.answer(CostQuery(MARCH), UNTIL, known_at=NOON).sums[0].total == Decimal("15.5")


def test_an_older_delivery_that_arrives_late_is_superseded(ledger: Ledger) -> None:
    deliver(ledger, SECOND, at=LATER)
    assert deliver(ledger, FIRST) == [("2026-03", "superseded")]
    assert total(ledger) == Decimal("17.5")


def test_a_reader_sees_what_another_process_published(make_ledger: MakeLedger) -> None:
    writer, reader = make_ledger(), make_ledger()
    deliver(writer, FIRST)
    assert total(reader) == Decimal("15.5")
    deliver(writer, SECOND, at=LATER)
    assert total(reader) == Decimal("17.5")


def test_a_load_that_fails_leaves_the_old_figures(ledger: Ledger, server: BigQueryServer) -> None:
    deliver(ledger, FIRST)
    server.fail_once("denied", "POST", UPLOADS)
    with pytest.raises(LedgerError, match=r"^BigQuery refuses the bot .* docs/bigquery.md lists$"):
        deliver(ledger, SECOND, at=LATER)
    assert total(ledger) == Decimal("15.5")
    assert deliver(ledger, SECOND, at=LATER) == [("2026-03", "loaded")]


def test_new_owners_are_asked_at_once(make_ledger: MakeLedger) -> None:
    deliver(make_ledger(), (Charge(date(2026, 3, 1), "10"),))
    owned = make_ledger(Terms(owners=(OwnerRule(match=(("service", ("compute",)),), team="ml"),)))
    assert align(owned, LATER, "test") == 1
    assert owned.values("team") == ["ml"]


def test_a_replaced_table_goes_when_nobody_can_need_it(ledger: Ledger, server: BigQueryServer) -> None:
    deliver(ledger, FIRST)
    (old,) = live_paths(ledger)
    deliver(ledger, SECOND, at=LATER)
    assert sweep(ledger, LATER + timedelta(days=1), kept=0) == [old]
    assert [name for dataset, name in server.tables if dataset == "ledger"] == [table_name(path) for path in live_paths(ledger)]
    ledger.facts.drop(old)  # gone already


def test_a_table_is_made_for_what_is_asked_of_it(ledger: Ledger, server: BigQueryServer) -> None:
    deliver(ledger, FIRST)
    (path,) = live_paths(ledger)
    made = server.tables["ledger", table_name(path)]
    kinds = {field["name"]: field["type"] for field in made["schema"]["fields"]}
    assert list(kinds) == list(COLUMNS)
    assert [kinds[name] for name in ("BilledCost", "Tags", "ChargePeriodStart", "x_ChargeDay")] == [
        "BIGNUMERIC",
        "STRING",
        "DATETIME",
        "DATE",
    ]
    assert made["timePartitioning"] == {"type": "DAY", "field": "x_ChargeDay"}
    assert made["clustering"] == {"fields": ["x_Team", "ServiceName", "SubAccountId", "x_Model"]}
    assert made["description"] == f"finops-bot: {path}"


def test_a_file_of_more_days_than_a_load_may_touch_is_not_partitioned(ledger: Ledger, server: BigQueryServer, tmp_path: Path) -> None:
    days = "SELECT DATE '2010-01-01' + CAST(i AS INTEGER) AS x_ChargeDay FROM range({}) r(i)"
    for name, count in (("long", bigquery.MOST_DAYS + 1), ("longest", bigquery.MOST_DAYS)):
        ledger.facts.keep(name, parquet(tmp_path / name, days.format(count)))
    shown = {name: "timePartitioning" in server.tables["ledger", table_name(name)] for name in ("long", "longest")}
    assert shown == {"long": False, "longest": True}


def parquet(file: Path, given: str) -> Path:
    """Write a ledger file in which all but the given columns are empty."""
    with duckdb.connect(config={"threads": 1}) as connection:
        named = {name for name, *_ in connection.execute(f"DESCRIBE {given}").fetchall()}
        typed = ", ".join(f'CAST({name if name in named else "NULL"} AS {kind}) AS "{name}"' for name, kind in COLUMNS.items())
        connection.execute(f"COPY (SELECT {typed} FROM ({given})) TO '{file}' (FORMAT parquet)")
    return file


@pytest.fixture(scope="module")
def twins(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Ledger, Ledger]]:
    with twin_ledgers(tmp_path_factory.mktemp("twins"), rows_a_page=3) as made:
        yield made


@pytest.mark.parametrize("name", QUESTIONS)
def test_answers_are_those_of_duckdb_to_the_last_decimal(name: str, twins: tuple[Ledger, Ledger]) -> None:
    ours, theirs = twins
    assert theirs.answer(QUESTIONS[name], UNTIL, parts=True) == ours.answer(QUESTIONS[name], UNTIL, parts=True)


def test_rows_have_the_types_that_duckdb_gives(twins: tuple[Ledger, Ledger]) -> None:
    for name in ("two dimensions, each of two columns", "converted", "how many there are"):
        found = [rows_of(ledger, Question(name, QUESTIONS[name])) for ledger in twins]
        assert found[0] == found[1]
        assert [[type(value) for value in row] for row in found[0]] == [[type(value) for value in row] for row in found[1]]


def test_every_column_comes_back_as_it_was_loaded(twins: tuple[Ledger, Ledger]) -> None:
    ours, theirs = (everything(ledger) for ledger in twins)
    assert len(ours) == 12
    assert ours == theirs


def everything(ledger: Ledger) -> list[tuple[Any, ...]]:
    with ledger.facts.reading(live_paths(ledger)) as reading:
        return in_order(reading.run(select(*(reading.charges.c[column.name] for column in charges.c))))


def rows_of(ledger: Ledger, question: Question) -> list[tuple[Any, ...]]:
    with ledger.facts.reading(live_paths(ledger)) as reading:
        return [row for statement in question.statements(reading.charges) for row in in_order(reading.run(statement))]


def test_what_is_kept_is_read_again_without_the_charges(ledger: Ledger, server: BigQueryServer) -> None:
    deliver(ledger, SECOND)
    with ledger.facts.reading(live_paths(ledger)) as reading:
        kept = reading.keep(
            select(reading.charges.c["x_Team"].label("k0"), func.sum(reading.charges.c["BilledCost"]).label("cost")).group_by("k0")
        )
        server.delete("ledger", table_name(live_paths(ledger)[0]))
        for _ in range(2):
            assert in_order(reading.run(select(kept.c.k0, kept.c.cost))) == [("ml", Decimal(12)), ("search", Decimal("5.5"))]


def test_a_file_with_daily_sums_beside_it_is_read_by_its_rows() -> None:
    assert table_name(f"source=a/b.parquet{SUFFIX}") == table_name("source=a/b.parquet")


@pytest.mark.parametrize("fault", ["busy", "reset", "lost"])
@pytest.mark.parametrize(("method", "path"), [("POST", QUERIES), ("GET", "/jobs/finops_"), ("GET", "/queries/")])
def test_a_question_is_run_once_though_the_line_fails(fault: Fault, method: str, path: str, ledger: Ledger, server: BigQueryServer) -> None:
    deliver(ledger, FIRST)
    total(ledger)
    usual, before = ran(server, "query"), len(server.asked)
    server.fail_once(fault, method, path)
    assert total(ledger) == Decimal("15.5")
    assert ran(server, "query") == 2 * usual
    assert len([one for one in server.asked[before:] if one[0] == method and one[1].startswith("/bigquery")]) >= 2


@pytest.mark.parametrize("fault", ["busy", "reset", "lost"])
def test_a_file_is_loaded_once_though_the_line_fails(fault: Fault, ledger: Ledger, server: BigQueryServer) -> None:
    server.fail_once(fault, "POST", UPLOADS)
    deliver(ledger, FIRST)
    assert (sent(server, "POST", "/upload/"), ran(server, "load")) == (2, 1)
    assert total(ledger) == Decimal("15.5")


@pytest.mark.parametrize(("kind", "path"), [("query", QUERIES), ("load", UPLOADS)])
def test_a_job_that_the_service_lost_is_begun_anew(kind: str, path: str, ledger: Ledger, server: BigQueryServer) -> None:
    server.fail_once("broken", "POST", path)
    deliver(ledger, FIRST)
    assert total(ledger) == Decimal("15.5")
    failed = [job for job in server.jobs.values() if job.error]
    assert [kind in job.shown["configuration"] for job in failed] == [True]
    assert ran(server, "load") == (2 if kind == "load" else 1)


@pytest.mark.parametrize("fault", [None, "busy", "reset", "lost"])
def test_a_large_file_is_loaded_once_in_chunks(
    fault: Fault | None, ledger: Ledger, server: BigQueryServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("google.cloud.bigquery.client._DEFAULT_CHUNKSIZE", 4 * 2**20)  # the client's own is 100 MB
    rows = "SELECT md5(i::VARCHAR) || md5((i + 7)::VARCHAR) || md5((i * 3)::VARCHAR) AS ResourceId FROM range(100000) r(i)"
    file = parquet(tmp_path / "large.parquet", rows)
    chunks = -(-file.stat().st_size // (4 * 2**20))
    if fault:
        server.fail_once(fault, "PUT", UPLOADS)
    ledger.facts.keep("large", file)
    assert (sent(server, "PUT", "/upload/"), ran(server, "load")) == (chunks + (1 if fault else 0), 1)
    assert chunks >= 2
    assert server.tables["ledger", table_name("large")]["numRows"] == "100000"


def test_a_large_file_whose_last_answer_is_lost_is_loaded_once(ledger: Ledger, server: BigQueryServer, tmp_path: Path) -> None:
    rows = "SELECT md5(i::VARCHAR) || md5((i + 7)::VARCHAR) || md5((i * 3)::VARCHAR) AS ResourceId FROM range(100000) r(i)"
    server.fail_once("lost", "PUT", UPLOADS)
    ledger.facts.keep("large", parquet(tmp_path / "large.parquet", rows))
    assert (sent(server, "PUT", "/upload/"), ran(server, "load")) == (2, 1)


def test_a_table_that_is_missing_says_so(ledger: Ledger, server: BigQueryServer) -> None:
    deliver(ledger, FIRST)
    (path,) = live_paths(ledger)
    server.delete("ledger", table_name(path))
    with pytest.raises(LedgerError) as problem:
        total(ledger)
    assert str(problem.value) == f"table {table_name(path)} with {path} is missing in costs:ledger; load that bill again"


def test_a_dataset_that_is_missing_says_so(make_ledger: MakeLedger, server: BigQueryServer) -> None:
    ledger = make_ledger()
    server.datasets.clear()
    with pytest.raises(LedgerError, match=r"^there is no dataset costs:ledger .*; create it with 'bq mk --dataset costs:ledger'$"):
        deliver(ledger, FIRST)


def test_a_question_over_the_cost_limit_is_not_run(make_ledger: MakeLedger) -> None:
    least = 10 * 2**20  # what each table counts for at least
    deliver(make_ledger(), FIRST)
    assert total(make_ledger(maximum_bytes_billed=least)) == Decimal("15.5")
    with pytest.raises(LedgerError, match=f"more than the limit of {least - 1} bytes billed .* shorter period"):
        total(make_ledger(maximum_bytes_billed=least - 1))


def test_a_service_that_stays_away_is_given_up(make_ledger: MakeLedger, server: BigQueryServer) -> None:
    deliver(make_ledger(), FIRST)
    impatient = make_ledger(patience=0.5)
    for _ in range(50):
        server.fail_once("reset", "POST", QUERIES)
    with pytest.raises(LedgerError, match=r"^BigQuery did not answer within 0.5 s .*; try again later$"):
        total(impatient)


def test_questions_are_labelled_and_bounded(ledger: Ledger, server: BigQueryServer) -> None:
    deliver(ledger, FIRST)
    total(ledger)
    asked = [job.shown["configuration"] for job in server.jobs.values() if "query" in job.shown["configuration"]]
    assert {(str(one["labels"]), one["jobTimeoutMs"]) for one in asked} == {("{'app': 'finops-bot'}", "300000")}


def test_more_files_than_a_query_may_name_are_refused_before_it_is_sent(ledger: Ledger) -> None:
    told = "reads 1001 files where BigQuery reads at most 1000 at once; ask for a shorter period"
    with pytest.raises(LedgerError, match=told), ledger.facts.reading([str(number) for number in range(1001)]):
        pass


def test_after_a_switch_from_a_folder_the_missing_tables_are_brought_in(ledger: Ledger, server: BigQueryServer, tmp_path: Path) -> None:
    folder = Ledger(ledger.engine, tmp_path / "ledger", DuckFacts(tmp_path / "ledger", threads=1), Terms())
    fill(folder)
    facts, paths = ledger.facts, live_paths(ledger)
    assert isinstance(facts, BigQueryFacts)
    server.page_size = 2  # the list of tables comes on pages too
    facts.keep(paths[0], tmp_path / "ledger" / paths[0])
    assert [bring_in(ledger, facts), bring_in(ledger, facts)] == [len(paths) - 1, 0]
    assert ledger.answer(CostQuery(MARCH), UNTIL) == folder.answer(CostQuery(MARCH), UNTIL)
    folder.facts.close()


def test_a_file_that_is_nowhere_cannot_be_brought_in(ledger: Ledger, server: BigQueryServer) -> None:
    deliver(ledger, FIRST)
    (path,) = live_paths(ledger)
    (ledger.root / path).unlink()
    server.delete("ledger", table_name(path))
    assert isinstance(ledger.facts, BigQueryFacts)
    with pytest.raises(LedgerError) as problem:
        bring_in(ledger, ledger.facts)
    assert str(problem.value) == f"{path} has no table on BigQuery and is not in {ledger.root}; load that bill again"


@pytest.mark.parametrize("url", ["bigquery://p", "bigquery://p/d/t", "bigquery:///d", "bigquery://p/d-1", "folder", "bigquery://p/d?x=1"])
def test_another_address_is_refused(url: str) -> None:
    with pytest.raises(UserError) as problem:
        open_bigquery(url)
    assert str(problem.value) == f"'{url}' is not a BigQuery dataset; give bigquery://project/dataset"


def test_without_credentials_it_says_how_to_get_some(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    for name, value in (("CLOUDSDK_CONFIG", str(tmp_path)), ("NO_GCE_CHECK", "true")):
        monkeypatch.setenv(name, value)
    with pytest.raises(UserError, match=r"^no Google credentials were found for project p; run 'gcloud auth application-default login'"):
        open_bigquery("bigquery://p/d")


def test_the_fake_refuses_what_bigquery_does_not_understand(server: BigQueryServer) -> None:
    client = server.client()
    for sql in ("SELEC 1", "SELECT 'a' ILIKE 'b'", "SELECT 'a' LIKE 'b' ESCAPE '/'", "SELECT 1 FROM ledger.nothing", "SELECT @x"):
        with pytest.raises(Exception, match=r"Syntax|Not found|parameter"):
            list(client.query(sql).result())
    client.close()


def test_the_fake_estimates_and_answers_by_position(server: BigQueryServer, ledger: Ledger) -> None:
    deliver(ledger, FIRST)
    client, (path,) = server.client(), live_paths(ledger)
    sql = f"SELECT count(*) AS n FROM `costs.ledger.{table_name(path)}` WHERE x_Team = ? AND x_ChargeDay < ?"
    values = [ScalarQueryParameter(None, "STRING", "ml"), ScalarQueryParameter(None, "DATE", date(2026, 3, 2))]
    dry = client.query(sql, job_config=QueryJobConfig(dry_run=True, query_parameters=values))
    assert dry.total_bytes_processed == int(server.tables["ledger", table_name(path)]["numBytes"]) > 0
    assert [row.n for row in client.query_and_wait(sql, job_config=QueryJobConfig(query_parameters=values))] == [1]
    with pytest.raises(BadRequest, match="Syntax error"):
        client.query_and_wait("SELEC 1")
    client.close()
