"""The ledger's facts on BigQuery: each live file is a table there, loaded before the file goes live."""

import re
import uuid
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, TypeVar

from sqlalchemy import Column, ColumnElement, FromClause, text
from sqlalchemy.sql.expression import Select

from finops.charges import COLUMNS, COUNT, DAY_TYPE, MOMENT, MONEY, TEXT
from finops.errors import LedgerError, UserError
from finops.ledger import catalog
from finops.ledger.derive import quoted
from finops.ledger.dialects import Parameter, bigquery_text
from finops.ledger.ledger import Ledger
from finops.ledger.rollup import SUFFIX
from finops.ledger.statements import Statement, charges

ADDRESS: Final = re.compile(r"bigquery://(?P<project>[A-Za-z0-9][A-Za-z0-9.:_-]*)/(?P<dataset>[A-Za-z_][A-Za-z0-9_]*)")
TYPES: Final = {
    MONEY: "BIGNUMERIC",
    TEXT: "STRING",
    MOMENT: "DATETIME",
    DAY_TYPE: "DATE",
    COUNT: "INT64",
}  # NUMERIC has nine decimals, money ten
CLUSTERED: Final = ("x_Team", "ServiceName", "SubAccountId", "x_Model")  # what people filter by; four at most
MOST_TABLES: Final = 1000  # that one query may name
MOST_DAYS: Final = 4000  # partitions that one load may touch
MOST_BILLED: Final = 100 * 2**30  # of one statement; some cents, and far more than a ledger's month
PATIENCE: Final = 300.0  # seconds for a question or a load, retries included
FIRST_WAIT: Final = 0.25  # seconds at most before the first repetition: somebody is waiting
REQUEST: Final = 60.0  # seconds for one answer of the service
LABELS: Final = {"app": "finops-bot"}
Result = TypeVar("Result")


def open_bigquery(url: str, *, client: Any = None, maximum_bytes_billed: int | None = MOST_BILLED) -> "BigQueryFacts":
    """Open `bigquery://project/dataset` with the credentials of the environment, or with a client of the caller's.

    Raises UserError for any other address, and where there are no credentials.
    """
    found = ADDRESS.fullmatch(url)
    if not found:
        raise UserError(f"'{url}' is not a BigQuery dataset; give bigquery://project/dataset")
    dataset = f"{found['project']}.{found['dataset']}"
    return BigQueryFacts(client or _client(found["project"]), dataset, maximum_bytes_billed=maximum_bytes_billed)


def _client(project: str) -> Any:
    from google.auth.exceptions import DefaultCredentialsError
    from google.cloud import bigquery

    try:
        return bigquery.Client(project=project)
    except DefaultCredentialsError as problem:
        way_out = "run 'gcloud auth application-default login', or point GOOGLE_APPLICATION_CREDENTIALS at a key file"
        raise UserError(f"no Google credentials were found for project {project}; {way_out}") from problem


def bring_in(ledger: Ledger, facts: "BigQueryFacts") -> int:
    """Load every live file that has no table yet from the ledger's folder, as after a switch; return how many there were.

    Raises LedgerError for a file that is not in the folder.
    """
    with ledger.engine.connect() as connection:
        missing = facts.missing([file.path for file in catalog.live_files(connection)])
    for path in missing:
        if not (ledger.root / path).exists():
            raise LedgerError(f"{path} has no table on BigQuery and is not in {ledger.root}; load that bill again")
        facts.keep(path, ledger.root / path)
    return len(missing)


def table_name(path: str) -> str:
    """Return the table that holds a ledger file; files are named by content, so a table never changes."""
    rows = path.removesuffix(SUFFIX)  # daily sums lie beside the file only; here the rows themselves are quick
    return f"charges_{sha256(rows.encode()).hexdigest()[:32]}"


class BigQueryFacts:
    """Asks one table for each live file; the manifest in the state database says which, so a switch is as atomic as on files.

    `dataset` is `project.dataset`, or `dataset` of the client's project. `patience` bounds each call, retries included.
    """

    def __init__(
        self,
        client: Any,
        dataset: str,
        *,
        maximum_bytes_billed: int | None = None,
        patience: float = PATIENCE,
        new_id: Callable[[], str] = lambda: uuid.uuid4().hex,
    ) -> None:
        from google.cloud.bigquery import DatasetReference

        self._client = client
        self._dataset = DatasetReference.from_string(dataset, default_project=client.project)
        self._most = maximum_bytes_billed
        self._patience = patience
        self._new_id = new_id
        self._location: str | None = None

    @contextmanager
    def reading(self, paths: Sequence[str]) -> Iterator["BigQueryReading"]:
        """Raises LedgerError for more files than one query may name."""
        if len(paths) > MOST_TABLES:
            raise LedgerError(
                f"the question reads {len(paths)} files where BigQuery reads at most {MOST_TABLES} at once; ask for a shorter period"
            )
        yield BigQueryReading(self, tuple(paths), _union([table_name(path) for path in paths], charges.c, "charges"))

    def finished(self, statement: Statement, paths: Sequence[str]) -> tuple[Any, list[tuple[Any, ...]]]:
        """Return a statement's job and rows. Raises LedgerError when a table is missing, the limit too small, or nobody answers."""
        sql, values = bigquery_text(statement)
        with self._explained(paths):
            return self._again(lambda: self._finished(sql, self._asking(values)))

    def _finished(self, sql: str, config: Any) -> tuple[Any, list[tuple[Any, ...]]]:
        job = self._client.query(
            sql,
            job_config=config,
            job_id_prefix="finops_",  # the client makes the id once: sent again, the job is found, not run twice
            location=self._place(),
            retry=self._retry(),
            job_retry=None,  # the client's own goes on for ten minutes, whatever patience it is given
            timeout=REQUEST,
        )
        result = job.result(retry=self._retry(), timeout=self._patience)
        rows = [tuple(row.values()) for row in result]
        if len(rows) != result.total_rows:
            raise LedgerError(f"BigQuery sent {len(rows)} of the {result.total_rows} rows of an answer; ask again")
        return job, rows

    def keep(self, path: str, file: Path) -> None:
        """Load a file into its table. Raises LedgerError when that fails, and then nothing went live."""
        rows, days = _measured(file)
        with self._explained([path]):
            if self._rows_of(path) == rows:
                return
            job = self._again(lambda: self._loaded(path, file, self._loading(path, partitioned=days <= MOST_DAYS)))
        if job.output_rows != rows:
            raise LedgerError(f"BigQuery took {job.output_rows} of the {rows} rows of {path}; load that bill again")

    def drop(self, path: str) -> None:
        with self._explained([path]):
            self._client.delete_table(self._dataset.table(table_name(path)), not_found_ok=True, retry=self._retry(), timeout=REQUEST)

    def missing(self, paths: Sequence[str]) -> list[str]:
        """Return the files that have no table yet: after a switch from a folder they are to be kept once more."""
        with self._explained(paths):
            tables = self._client.list_tables(self._dataset, retry=self._retry(), timeout=REQUEST)
            known = {table.table_id for table in tables}
        return [path for path in paths if table_name(path) not in known]

    def close(self) -> None:
        self._client.close()

    def _place(self) -> str:
        """Where the dataset lies: outside the United States a job is only found again by naming it."""
        if self._location is None:
            self._location = str(self._client.get_dataset(self._dataset, retry=self._retry(), timeout=REQUEST).location)
        return self._location

    def _rows_of(self, path: str) -> int | None:
        from google.api_core.exceptions import NotFound

        try:
            table = self._client.get_table(self._dataset.table(table_name(path)), retry=self._retry(), timeout=REQUEST)
        except NotFound:
            return None
        return int(table.num_rows or 0)

    def _loaded(self, path: str, file: Path, config: Any) -> Any:
        job = self._sent(path, file, config)
        job.result(retry=self._retry(), timeout=self._patience)
        return job

    def _sent(self, path: str, file: Path, config: Any) -> Any:
        """Send the file; when the answer was lost and the client sent it again, the job is already there."""
        from google.api_core.exceptions import Conflict

        job_id = f"finops_load_{self._new_id()}"
        with file.open("rb") as content:
            try:
                return self._client.load_table_from_file(
                    content,
                    self._dataset.table(table_name(path)),
                    size=file.stat().st_size,
                    job_id=job_id,
                    location=self._place(),
                    job_config=config,
                    timeout=REQUEST,
                )
            except Conflict:
                return self._client.get_job(job_id, location=self._place(), retry=self._retry(), timeout=REQUEST)

    def _asking(self, values: Sequence[Parameter]) -> Any:
        from google.cloud.bigquery import QueryJobConfig

        config = QueryJobConfig(
            default_dataset=self._dataset,
            query_parameters=[_parameter(value) for value in values],
            labels=LABELS,
            job_timeout_ms=int(self._patience * 1000),
        )
        if self._most is not None:  # the client would send None as text
            config.maximum_bytes_billed = self._most
        return config

    def _loading(self, path: str, *, partitioned: bool) -> Any:
        from google.cloud.bigquery import LoadJobConfig, SchemaField, TimePartitioning

        config = LoadJobConfig(
            source_format="PARQUET",
            write_disposition="WRITE_TRUNCATE",
            schema=[SchemaField(name, TYPES[kind]) for name, kind in COLUMNS.items()],
            decimal_target_types=["BIGNUMERIC"],
            clustering_fields=list(CLUSTERED),
            destination_table_description=f"finops-bot: {path}",
            labels=LABELS,
        )
        if partitioned:
            config.time_partitioning = TimePartitioning(field="x_ChargeDay")
        return config

    def _retry(self) -> Any:
        from google.cloud.bigquery import DEFAULT_RETRY

        return DEFAULT_RETRY.with_timeout(self._patience).with_delay(initial=FIRST_WAIT)

    def _again(self, work: Callable[[], Result]) -> Result:
        """Begin anew, under another id, a job that failed for a reason of the service's own: no job of ours adds to anything."""
        from google.cloud.bigquery.retry import DEFAULT_JOB_RETRY

        result: Result = DEFAULT_JOB_RETRY.with_timeout(self._patience).with_delay(initial=FIRST_WAIT)(work)()
        return result

    @contextmanager
    def _explained(self, paths: Sequence[str]) -> Iterator[None]:
        """Turn what the client raises into one sentence with a way out."""
        from concurrent.futures import TimeoutError as Late

        from google.api_core.exceptions import GoogleAPICallError, GoogleAPIError
        from google.auth.exceptions import GoogleAuthError
        from requests.exceptions import RequestException

        try:
            yield
        except GoogleAPICallError as problem:
            raise LedgerError(self._sentence(problem, paths)) from problem
        except GoogleAuthError as problem:
            raise LedgerError(f"Google did not accept the credentials ({problem}); log in anew or renew the key") from problem
        except (GoogleAPIError, RequestException, Late) as problem:
            cause = getattr(problem, "cause", None) or problem
            raise LedgerError(f"BigQuery did not answer within {self._patience:g} s ({_first_line(cause)}); try again later") from problem

    def _sentence(self, problem: Any, paths: Sequence[str]) -> str:
        reason, message = _told(problem)
        if reason == "bytesBilledLimitExceeded":
            return f"the question would cost more than the limit of {self._most} bytes billed ({message}); ask for a shorter period"
        if reason == "notFound" and "Table" in message:
            table, path = _missing_table(message, paths)
            return f"table {table} with {path} is missing in {self._name}; load that bill again"
        if reason == "notFound" and "Dataset" in message:
            return f"there is no dataset {self._name} ({message}); create it with 'bq mk --dataset {self._name}'"
        if problem.code == 403:
            return f"BigQuery refuses the bot ({message}); give its account the roles that docs/bigquery.md lists"
        return f"BigQuery cannot do it ({message}); try again, and report it if it stays"

    @property
    def _name(self) -> str:
        return f"{self._dataset.project}:{self._dataset.dataset_id}"


@dataclass
class BigQueryReading:
    """One question's tables as one relation; what is kept lies in the table that BigQuery makes of every answer, for a day."""

    facts: BigQueryFacts
    paths: tuple[str, ...]
    charges: FromClause
    kept: int = 0

    def keep(self, statement: Select[Any]) -> FromClause:
        self.kept += 1
        job, _ = self.facts.finished(statement, self.paths)
        made = job.destination
        return _union([f"{made.project}.{made.dataset_id}.{made.table_id}"], statement.selected_columns, f"kept_{self.kept}")

    def run(self, statement: Statement) -> list[tuple[Any, ...]]:
        return self.facts.finished(statement, self.paths)[1]

    def empty(self, columns: Collection[str]) -> frozenset[str]:
        """None is known to be: asking would cost a query of its own."""
        return frozenset()


def _union(tables: Sequence[str], columns: Iterable[ColumnElement[Any]], name: str) -> FromClause:
    each = " UNION ALL ".join(f"SELECT * FROM `{table}`" for table in tables)
    return text(each).columns(*(Column(column.name, column.type) for column in columns)).cte(name)


def _parameter(value: Parameter) -> Any:
    from google.cloud.bigquery import ArrayQueryParameter, ScalarQueryParameter

    if isinstance(value.value, tuple):
        return ArrayQueryParameter(value.name, value.kind, list(value.value))
    return ScalarQueryParameter(value.name, value.kind, value.value)


def _measured(file: Path) -> tuple[int, int]:
    """Return how many rows a file has, and on how many days."""
    import duckdb

    with duckdb.connect(config={"threads": 1}) as connection:
        counted = connection.execute(f"SELECT count(*), count(DISTINCT x_ChargeDay) FROM read_parquet({quoted(str(file))})").fetchone()
    assert counted is not None
    return int(counted[0]), int(counted[1])


def _told(problem: Any) -> tuple[str, str]:
    """Return the service's own reason and message, without the client's additions."""
    first = next((error for error in problem.errors if isinstance(error, dict)), {})
    return str(first.get("reason", "")), str(first.get("message") or _first_line(problem)).rstrip(".")


def _first_line(problem: object) -> str:
    return str(problem).splitlines()[0] if str(problem) else type(problem).__name__


def _missing_table(message: str, paths: Sequence[str]) -> tuple[str, str]:
    return next(((name, path) for path in paths if (name := table_name(path)) in message), (message, "a file of the ledger"))
