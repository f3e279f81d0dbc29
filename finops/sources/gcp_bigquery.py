"""Google Cloud's billing export where it lies in BigQuery: changed invoice months are found, priced, and read whole."""

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any, Final

from finops.deliveries import Progress
from finops.errors import SourceError, UserError
from finops.ports import Fetched, Offer
from finops.sources.bills import ENDINGS
from finops.sources.focus import FOCUS
from finops.sources.gcp import GCP
from finops.sources.mapping import fold, lacking, understood_names

PERMISSIONS: Final = (
    *("bigquery.jobs.create", "bigquery.tables.get", "bigquery.tables.getData"),
    *("bigquery.readsessions.create", "bigquery.readsessions.getData"),
)
TABLE: Final = re.compile(r"(?P<project>[A-Za-z0-9][A-Za-z0-9.:_-]*)\.(?P<dataset>\w+)\.(?P<table>[\w-]+)")
EXPORTS: Final = re.compile(r"gcp_billing_export_(?:resource_v1|focus|v1)_(?P<account>\w+)")
GIB: Final = 2**30
MOST_BYTES: Final = 200 * GIB  # of one query
OLDEST: Final = date(2012, 1, 1)  # there was no export before
EARLY: Final = timedelta(days=7)  # rows of an invoice month are exported this long before it begins, at most
PATIENCE: Final = 1800.0  # seconds for one query, repetitions included
REQUEST: Final = 60.0  # seconds for one answer
LABELS: Final = {"app": "finops-bot"}
REPEATED: Final = "REPEATED"
Values = Mapping[str, tuple[str, str | date]]  # a parameter's name → its type and value
MOMENTS: Final = ("TIMESTAMP", "DATETIME", "DATE")


@dataclass(frozen=True)
class Shape:
    """What of a table is read: SQL for each column, how it says month and newness, and what bounds the partitions read."""

    format: str
    columns: tuple[tuple[str, str], ...]  # SQL, name
    month: str
    newest: str
    partition: str | None
    partition_type: str
    location: str


class GcpBills:
    """A source that offers an invoice month whenever rows were exported for it since it was last taken.

    The name of an offer holds the newest `export_time`, so an unchanged month is never read twice and a later row always
    makes a new offer. `storage` makes a client of the Storage Read API; without one, or where it refuses us, rows come in pages.
    """

    permissions: tuple[str, ...] = PERMISSIONS

    def __init__(
        self,
        name: str,
        table: str,
        client: Any,
        now: datetime,
        *,
        max_bytes: int = MOST_BYTES,
        location: str | None = None,
        storage: Callable[[], Any] | None = None,
    ) -> None:
        self.name, self._now, self._client = name, now, client
        self._most, self._location, self._storage = max_bytes, location, storage
        self._table = checked_table(table)
        self._last: dict[str, date | None] = {}  # the newest partition that holds rows of an offer

    def offers(self, since: date) -> Iterator[Offer]:
        shape = self._shape()
        bound, values = _within(shape, max(since, OLDEST).replace(day=1) - EARLY)
        last = f"MAX({shape.partition})" if shape.partition else "NULL"
        sql = (
            f"SELECT {shape.month} AS month, MAX({shape.newest}) AS newest, {last} AS last "
            f"FROM `{self._table}` AS bill WHERE {bound} GROUP BY month ORDER BY month"
        )
        job = self._asked(sql, values, shape, f"looking for changes in {self._table}")
        with self._explained():
            rows = list(self._rows(job))
        for row in rows:
            month, newest = str(row["month"]), _moment(row["newest"], self._now)
            if not re.fullmatch("[0-9]{6}", month):
                raise SourceError(f"{self._table} has rows of the invoice month {row['month']!r}, which is none; mend the view or copy")
            period = f"{month[:4]}-{month[4:]}"
            identity = hashlib.sha256(f"{self._table} {period} {newest.isoformat()}".encode()).hexdigest()
            self._last[identity] = row["last"]
            yield Offer(identity, period, newest, f"{self._table}, invoice month {period}, exported until {newest:%Y-%m-%d %H:%M}Z")

    def fetch(self, offer: Offer, folder: Path, progress: Progress | None = None) -> Fetched:
        shape = self._shape()
        file = folder / f"{self._table.rpartition('.')[2]}-{offer.period}.parquet"
        if not file.exists():
            self._read(offer, shape, file, progress)
        return Fetched((file,), shape.format, _rows_of(file))

    def problems(self) -> list[str]:
        try:
            shape = self._shape()
            bound, values = _within(shape, self._now.date())
            self._estimate(f"SELECT COUNT(*) AS n FROM `{self._table}` AS bill WHERE {bound}", values, shape)
        except SourceError as problem:
            return [f"{self.name}: {problem}"]
        return []

    def _read(self, offer: Offer, shape: Shape, file: Path, progress: Progress | None) -> None:
        period = offer.period
        bound, values = _within(shape, date.fromisoformat(f"{period}-01") - EARLY, self._last.get(offer.id))
        columns = ", ".join(f"{sql} AS {name}" for sql, name in shape.columns)
        sql = f"SELECT {columns} FROM `{self._table}` AS bill WHERE {shape.month} = @month AND {bound}"
        job = self._asked(sql, {**values, "month": ("STRING", period.replace("-", ""))}, shape, f"reading {period}", progress)
        written, total = self._written(job, file)
        if written != total:
            file.unlink()
            raise SourceError(f"BigQuery sent {written} of the {total} rows of {self._table} for {period}; ask again later")

    def _written(self, job: Any, file: Path) -> tuple[int, int]:
        """Stream the answer where that is permitted, and take it in pages otherwise; return the rows written and announced."""
        from google.api_core.exceptions import PermissionDenied

        rows = self._rows(job)
        with self._explained():
            if self._storage is None:
                return parquet_of(rows, file), int(rows.total_rows)
            try:
                return parquet_of(rows, file, self._storage), int(rows.total_rows)
            except PermissionDenied:
                self._storage = None
        return self._written(job, file)

    def _rows(self, job: Any) -> Any:
        with self._explained():
            return job.result(timeout=PATIENCE)

    def _shape(self) -> Shape:
        with self._explained():
            table = self._client.get_table(self._table, timeout=REQUEST)
        names = {path: field for field in table.schema for path, field in _paths(field)}
        if not lacking(GCP, names):
            mapping, month, newest = GCP, "bill.invoice.month", "bill.export_time"
        elif not lacking(FOCUS, names):
            mapping, month = FOCUS, "FORMAT_DATE('%Y%m', DATE(bill.BillingPeriodStart))"
            newest = "bill.x_ExportTime" if "x_ExportTime" in names else "bill.ChargePeriodEnd"
        else:
            missing = ", ".join(lacking(GCP, names))
            raise SourceError(f"{self._table} is neither a billing export (no {missing}) nor a FOCUS table; name the export's table")
        columns = _columns(names, {fold(name) for name in understood_names(mapping.columns)})
        return Shape(mapping.name, columns, month, newest, *_partition(table), self._location or str(table.location))

    def _asked(self, sql: str, values: Values, shape: Shape, what: str, progress: Progress | None = None) -> Any:
        """Begin a query that a dry run found cheap enough; the service itself is told the same bound."""
        estimate = self._estimate(sql, values, shape)
        if progress:
            progress(f"{what}: {estimate / GIB:.2f} GiB to scan", 0.0)
        with self._explained():
            config = self._config(values, maximum_bytes_billed=self._most)
            return self._client.query(sql, job_config=config, location=shape.location, job_id_prefix="finops_", timeout=REQUEST)

    def _estimate(self, sql: str, values: Values, shape: Shape) -> int:
        with self._explained():
            config = self._config(values, dry_run=True, use_query_cache=False)
            job = self._client.query(sql, job_config=config, location=shape.location, timeout=REQUEST)
        scanned = int(job.total_bytes_processed or 0)
        if scanned > self._most:
            raise SourceError(
                f"a query of {self._table} would scan {scanned / GIB:.2f} GiB where at most {self._most / GIB:.2f} GiB are allowed; "
                "raise max_bytes of the source if that is meant"
            )
        return scanned

    def _config(self, values: Values, **more: object) -> Any:
        from google.cloud.bigquery import QueryJobConfig, ScalarQueryParameter

        parameters = [ScalarQueryParameter(name, kind, value) for name, (kind, value) in values.items()]
        return QueryJobConfig(query_parameters=parameters, labels=LABELS, **more)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        from google.api_core.exceptions import GoogleAPICallError, GoogleAPIError
        from google.auth.exceptions import GoogleAuthError
        from requests.exceptions import RequestException

        try:
            yield
        except GoogleAPICallError as problem:
            raise SourceError(self._sentence(problem)) from problem
        except GoogleAuthError as problem:
            raise SourceError(f"Google did not accept the credentials ({problem}); log in anew or renew the key") from problem
        except (GoogleAPIError, RequestException, TimeoutError) as problem:
            raise SourceError(f"BigQuery did not answer ({str(problem).splitlines()[0]}); try again later") from problem

    def _sentence(self, problem: Any) -> str:
        first = next((error for error in problem.errors if isinstance(error, dict)), {})
        message = str(first.get("message") or problem.message).splitlines()[0].rstrip(".")
        if problem.code == 403:
            return f"Google refuses to let {self._table} be read ({message}); it needs {', '.join(PERMISSIONS)}"
        if problem.code == 404:
            return f"there is no {self._table} ({message}); check project, dataset and table, and that its export is on"
        return f"BigQuery cannot read {self._table} ({message}); try again later, and report it if it stays"


def gcp_bills(
    name: str,
    table: str,
    now: datetime,
    *,
    project: str | None = None,
    location: str | None = None,
    endpoint: str | None = None,
    max_bytes: int = MOST_BYTES,
) -> GcpBills:
    """Return the source with the credentials of the environment; `project` pays for queries. Raises UserError without any."""
    from google.auth.exceptions import DefaultCredentialsError
    from google.cloud import bigquery

    place = checked_table(table)
    try:
        client = bigquery.Client(
            project=project or place.partition(".")[0], client_options={"api_endpoint": endpoint} if endpoint else None
        )
    except DefaultCredentialsError as problem:
        way_out = "run 'gcloud auth application-default login', or point GOOGLE_APPLICATION_CREDENTIALS at a key file"
        raise UserError(f"no Google credentials were found for {name}; {way_out}") from problem
    # Another endpoint is a proxy that knows nothing of streams.
    return GcpBills(name, place, client, now, max_bytes=max_bytes, location=location, storage=None if endpoint else _storage)


def address(place: str) -> str:
    """Return the table that `bigquery://project/dataset/table` or a plain name means."""
    scheme = "bigquery://"
    return place.removeprefix(scheme).replace("/", ".") if place.startswith(scheme) else place


def checked_table(table: str) -> str:
    """Return `table` as it stands in SQL. Raises UserError for what is no full name of a table."""
    found = TABLE.fullmatch(table.replace(":", ".", 1) if table.count(".") < 2 else table)
    if not found:
        raise UserError(f"'{table}' is not a BigQuery table; give project.dataset.table, as in acme.billing.gcp_billing_export_v1_0123")
    return found[0]


def is_table(place: str) -> bool:
    """Whether a text without a scheme names a table and not a file that is missing."""
    return not place.lower().endswith((*ENDINGS, ".gz")) and TABLE.fullmatch(place) is not None


def same_money(tables: Iterable[str]) -> list[str]:
    """Return a sentence for every billing account that several of the tables export: standard, detailed and FOCUS are one bill."""
    by_account: dict[str, list[str]] = {}
    for table in tables:
        if found := EXPORTS.fullmatch(table.rpartition(".")[2]):
            by_account.setdefault(found["account"], []).append(table)
    return [
        f"{' and '.join(several)} hold the same money of billing account {account.replace('_', '-')}; keep one of them"
        for account, several in by_account.items()
        if len(several) > 1
    ]


def _storage() -> Any:
    from google.cloud.bigquery_storage import BigQueryReadClient

    return BigQueryReadClient()  # type: ignore[no-untyped-call]


def _paths(field: Any, before: str = "") -> Iterator[tuple[str, Any]]:
    """Yield a field and the fields within it by their dotted names; what is repeated is one value."""
    name = f"{before}{field.name}"
    yield name, field
    if field.mode != REPEATED:
        for inner in field.fields:
            yield from _paths(inner, f"{name}.")


def _columns(names: Mapping[str, Any], wanted: set[str]) -> tuple[tuple[str, str], ...]:
    """Return what is read of a table: only what its format knows, amounts as exact text, repeated records as JSON."""
    found = []
    for name, field in names.items():
        if fold(name) in wanted and (field.mode == REPEATED or not field.fields):
            found.append((_exact(f"bill.{name}", field), name.replace(".", "_")))
    return tuple(found)


def _exact(sql: str, field: Any) -> str:
    if field.mode == REPEATED or field.field_type in ("RECORD", "STRUCT", "JSON"):
        return f"TO_JSON_STRING({sql})"
    return sql if field.field_type in (*MOMENTS, "STRING") else f"CAST({sql} AS STRING)"


def _partition(table: Any) -> tuple[str | None, str]:
    """Exports are partitioned by the day on which rows came in; copies of them by something else, or not at all."""
    if table.time_partitioning is None:
        return None, "TIMESTAMP"
    name = table.time_partitioning.field
    if name is None:
        return "_PARTITIONTIME", "TIMESTAMP"
    return f"bill.{name}", next(field.field_type for field in table.schema if field.name == name)


def _within(shape: Shape, first: date, last: date | None = None) -> tuple[str, Values]:
    """Return a condition that leaves out the partitions before and after, and its parameters."""
    if shape.partition is None:
        return "TRUE", {}
    bound = f"{shape.partition} >= @first"
    start = first if shape.partition_type == "DATE" else datetime.combine(first, time(), UTC)
    values: Values = {"first": (shape.partition_type, start)}
    if last is None:
        return bound, values
    return f"{bound} AND {shape.partition} <= @last", {**values, "last": (shape.partition_type, last)}


def _moment(value: object, now: datetime) -> datetime:
    if not isinstance(value, datetime):
        return now
    return value if value.tzinfo else value.replace(tzinfo=UTC)


def parquet_of(rows: Any, file: Path, storage: Callable[[], Any] | None = None) -> int:
    """Write an answer as Parquet; the file is there whole or not at all."""
    import pyarrow
    from pyarrow import parquet

    part = file.with_suffix(".part")
    part.parent.mkdir(parents=True, exist_ok=True)
    schema = pyarrow.schema([(field.name, _arrow_type(field.field_type)) for field in rows.schema])
    written = 0
    with parquet.ParquetWriter(part, schema, compression="zstd") as writer:
        for batch in _batches(rows, schema, storage):
            writer.write_batch(batch)
            written += batch.num_rows
    part.replace(file)
    return written


def _batches(rows: Any, schema: Any, storage: Callable[[], Any] | None) -> Iterator[Any]:
    import pyarrow

    if storage is not None:
        yield from (
            pyarrow.RecordBatch.from_struct_array(batch.to_struct_array().cast(pyarrow.struct(schema)))
            for batch in _streamed(rows, storage)
        )
        return
    for page in rows.pages:
        columns: Sequence[Sequence[Any]] = list(zip(*(row.values() for row in page), strict=True))
        if columns:
            arrays = [pyarrow.array(values, field.type) for values, field in zip(columns, schema, strict=True)]
            yield pyarrow.RecordBatch.from_arrays(arrays, schema=schema)


def _streamed(rows: Any, storage: Callable[[], Any]) -> Iterator[Any]:
    client = storage()
    try:
        yield from rows.to_arrow_iterable(bqstorage_client=client)
    finally:
        client.transport.close()


def _arrow_type(kind: str) -> Any:
    import pyarrow

    moments = {"TIMESTAMP": pyarrow.timestamp("us", "UTC"), "DATETIME": pyarrow.timestamp("us"), "DATE": pyarrow.date32()}
    return moments.get(kind, pyarrow.string())


def _rows_of(file: Path) -> int:
    from pyarrow import parquet

    return int(parquet.read_metadata(file).num_rows)
