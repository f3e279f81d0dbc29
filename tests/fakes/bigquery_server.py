"""A BigQuery of one project on loopback: its REST API for jobs, tables and Parquet loads, with DuckDB underneath."""

import json
import re
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import parse_qs, urlsplit

import duckdb

from tests.fakes.bigquery_sql import RefusedError, Result, Statement, nested_type, refuse_other_types, run, translate

MEGABYTE: Final = 2**20
LEAST_BILLED: Final = 10 * MEGABYTE  # of every table a query names
MOST_PARTITIONS: Final = 4000  # that one load may touch
ANSWERS: Final = "_answers"  # the hidden dataset in which answers lie
Fault = Literal["busy", "denied", "reset", "lost", "broken"]
Body = dict[str, Any]


@dataclass
class Job:
    """A job as it is shown, and what came of it."""

    shown: Body
    result: Result | None = None
    error: RefusedError | None = None


@dataclass
class Upload:
    """A resumable upload: what was announced, what arrived, and the final answer once it is whole."""

    job: Body
    content: bytearray = field(default_factory=bytearray)
    answer: Body | None = None


class BigQueryServer:
    """`asked` lists (method, path) of every request; `fail_once` makes the next matching one go wrong."""

    def __init__(self, folder: Path, *, project: str = "costs", dataset: str = "ledger", location: str = "europe-west1") -> None:
        self.folder, self.project, self.location = folder, project, location
        self.datasets = {dataset, ANSWERS}
        self.tables: dict[tuple[str, str], Body] = {}
        self.jobs: dict[str, Job] = {}
        self.uploads: dict[str, Upload] = {}
        self.asked: list[tuple[str, str]] = []
        self.page_size = 1000
        self.breaks = False
        self.lock = threading.RLock()
        self._faults: list[tuple[Fault, str, str]] = []
        self._engine = duckdb.connect(config={"threads": 1})
        for name in self.datasets:
            self._engine.execute(f'CREATE SCHEMA "{name}"')
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"bigquery": self}))
        self.url = f"http://127.0.0.1:{self._http.server_port}"

    @contextmanager
    def running(self) -> Iterator["BigQueryServer"]:
        thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._http.shutdown()
            thread.join()
            self._http.server_close()
            self._engine.close()

    def client(self) -> Any:
        """Return the ordinary client library, pointed here."""
        from google.api_core.client_options import ClientOptions
        from google.auth.credentials import AnonymousCredentials
        from google.cloud import bigquery

        options = ClientOptions(api_endpoint=self.url)
        return bigquery.Client(project=self.project, credentials=AnonymousCredentials(), client_options=options)  # type: ignore[no-untyped-call]

    def fail_once(self, fault: Fault, method: str, path: str) -> None:
        """`busy` answers 503, `denied` 403; `reset` cuts the line before anything is done, `lost` after; `broken` fails the job."""
        self._faults.append((fault, method, path))

    def fault(self, method: str, path: str) -> Fault | None:
        with self.lock:
            found = next((one for one in self._faults if one[1] == method and re.search(one[2], path)), None)
            if found:
                self._faults.remove(found)
        return found[0] if found else None

    def insert(self, body: Body) -> Body:
        """Run a query job. Raises RefusedError for an id that was used before."""
        job = self._new_job(body)
        return self._run(job, lambda: self._query(job))

    def load(self, body: Body, content: bytes) -> Body:
        """Run a load job of an uploaded Parquet file."""
        job = self._new_job(body)
        return self._run(job, lambda: self._load(job, content))

    def _new_job(self, body: Body) -> Job:
        reference = body["jobReference"]
        if reference.get("location", self.location) != self.location:
            raise RefusedError("notFound", f"Not found: Dataset {self.project}:* was not found in location {reference['location']}", 404)
        if reference["jobId"] in self.jobs:
            raise RefusedError("duplicate", f"Already Exists: Job {self.project}:{self.location}.{reference['jobId']}", 409)
        job = Job({**body, "status": {"state": "RUNNING"}, "statistics": {}})
        job.shown["jobReference"] = {"projectId": self.project, "jobId": reference["jobId"], "location": self.location}
        if not body["configuration"].get("dryRun"):
            self.jobs[reference["jobId"]] = job
        return job

    def _run(self, job: Job, work: Callable[[], None]) -> Body:
        """Once begun, a job's error is told by the job and no longer by the request; a dry run is never begun."""
        try:
            if self.breaks:
                raise RefusedError("backendError", "Error encountered during execution. Retrying may solve the problem.", 503)
            work()
        except RefusedError as refused:
            if job.shown["configuration"].get("dryRun"):
                raise
            job.error = refused
        return job.shown

    def shown(self, job: Job) -> Body:
        status: Body = {"state": "DONE"}
        if job.error:
            status["errorResult"] = {"reason": job.error.reason, "message": job.error.message}
            status["errors"] = [status["errorResult"]]
        return {**job.shown, "status": status}

    def find_job(self, identity: str, location: str | None) -> Job:
        """Outside the United States a job is only found by naming its location."""
        if identity not in self.jobs or (location or "US") != self.location:
            raise RefusedError("notFound", f"Not found: Job {self.project}:{identity}", 404)
        return self.jobs[identity]

    def _query(self, job: Job) -> None:
        configuration = job.shown["configuration"]
        asked = configuration["query"]
        if asked.get("useLegacySql", True):
            raise RefusedError("invalidQuery", "Legacy SQL is not spoken here")
        statement = translate(asked["query"], asked.get("queryParameters", ()), asked.get("defaultDataset", {}).get("datasetId"))
        sizes = [int(self.table(*key)["numBytes"]) for key in sorted(statement.reads)]
        billed = sum(max(LEAST_BILLED, -(-size // MEGABYTE) * MEGABYTE) for size in sizes)
        cost = {"totalBytesProcessed": str(sum(sizes)), "totalBytesBilled": str(billed)}
        job.shown["statistics"] = {"totalBytesProcessed": str(sum(sizes)), "query": cost}
        with self.lock, self._engine.cursor() as cursor:
            if configuration.get("dryRun"):
                job.result = run(cursor, Statement(f"EXPLAIN {statement.text}", statement.reads))
                return
            if (most := asked.get("maximumBytesBilled")) and billed > int(most):
                raise RefusedError(
                    "bytesBilledLimitExceeded", f"Query exceeded limit for bytes billed: {most}. {billed} or higher required.", 500
                )
            job.result = self._answered(cursor, job, statement)

    def _answered(self, cursor: Any, job: Job, statement: Statement) -> Result:
        """Put an answer into a table of its own, as BigQuery does with every one, and return what that holds."""
        key = (ANSWERS, f"anon{len(self.jobs)}")
        run(cursor, Statement(f'CREATE TABLE "{key[0]}"."{key[1]}" AS {statement.text}', statement.reads))
        result = run(cursor, Statement(f'SELECT * FROM "{key[0]}"."{key[1]}"', statement.reads))
        self._create(key, {}, len(result.rows), sum(len(value or "") for row in result.rows for value in row))
        job.shown["configuration"]["query"]["destinationTable"] = self.tables[key]["tableReference"]
        return result

    def _load(self, job: Job, content: bytes) -> None:
        asked = job.shown["configuration"]["load"]
        key = (asked["destinationTable"]["datasetId"], asked["destinationTable"]["tableId"])
        self.dataset(key[0])
        if asked.get("sourceFormat") != "PARQUET":
            raise RefusedError("invalid", "Only PARQUET is taken here")
        if asked.get("writeDisposition") == "WRITE_EMPTY" and key in self.tables:
            raise RefusedError("duplicate", f"Already Exists: Table {self.project}:{key[0]}.{key[1]}", 409)
        file = self.folder / f"{key[1]}.parquet"
        with self.lock, self._engine.cursor() as cursor:
            file.write_bytes(content)
            rows = self._fill(cursor, key, asked, file)
        job.shown["statistics"] = {"load": {"outputRows": str(rows), "inputFileBytes": str(len(content))}}
        self._create(key, asked, rows, len(content))

    def _fill(self, cursor: Any, key: tuple[str, str], asked: Body, file: Path) -> int:
        try:
            cursor.execute(f"DESCRIBE SELECT * FROM read_parquet('{file}')")
        except duckdb.Error as problem:
            raise RefusedError("invalid", f"Error while reading data, error message: {str(problem).splitlines()[0]}") from problem
        refuse_other_types({name: kind for name, kind, *_ in cursor.fetchall()}, asked["schema"]["fields"])
        if day := asked.get("timePartitioning", {}).get("field"):
            (days,) = cursor.execute(f"SELECT count(DISTINCT \"{day}\") FROM read_parquet('{file}')").fetchone()
            if days > MOST_PARTITIONS:
                raise RefusedError("invalid", f"Too many partitions produced by query, allowed {MOST_PARTITIONS}, query produces {days}")
        names = ", ".join(f'"{one["name"]}"' for one in asked["schema"]["fields"])
        cursor.execute(f'CREATE OR REPLACE TABLE "{key[0]}"."{key[1]}" AS SELECT {names} FROM read_parquet(\'{file}\')')
        return int(cursor.execute(f'SELECT count(*) FROM "{key[0]}"."{key[1]}"').fetchone()[0])

    def _create(self, key: tuple[str, str], asked: Body, rows: int, size: int) -> None:
        reference = {"projectId": self.project, "datasetId": key[0], "tableId": key[1]}
        shown = {"tableReference": reference, "type": "TABLE", "location": self.location, "numRows": str(rows), "numBytes": str(size)}
        kept: Body = {name: asked[name] for name in ("schema", "timePartitioning", "clustering") if name in asked}
        self.tables[key] = {**shown, **kept, **asked.get("destinationTableProperties", {})}

    def create_table(self, body: Body) -> Body:
        """Make an empty table of the announced schema."""
        key = (body["tableReference"]["datasetId"], body["tableReference"]["tableId"])
        self.dataset(key[0])
        if key in self.tables:
            raise RefusedError("duplicate", f"Already Exists: Table {self.project}:{key[0]}.{key[1]}", 409)
        kinds = {"BIGNUMERIC": "DECIMAL(38, 10)", "DATETIME": "TIMESTAMP", "DATE": "DATE", "INT64": "BIGINT"}
        columns = ", ".join(f'"{one["name"]}" {kinds.get(one["type"], "VARCHAR")}' for one in body["schema"]["fields"])
        with self.lock:
            self._engine.execute(f'CREATE TABLE "{key[0]}"."{key[1]}" ({columns})')
        self._create(key, body, 0, 0)
        return self.tables[key]

    def put(self, key: tuple[str, str], fields: Sequence[Body], rows: Sequence[Body], *, by_arrival: str | None = None) -> None:
        """Fill a table of nested rows; `by_arrival` names the moment by whose day they are partitioned, as if they came in then."""
        self.datasets.add(key[0])
        file = self.folder / f"{key[1]}.jsonl"
        file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        columns = ", ".join(f"'{one['name']}': '{nested_type(one)}'" for one in fields)
        arrival = f", date_trunc('day', {by_arrival}) AS _PARTITIONTIME" if by_arrival else ""
        with self.lock:
            self._engine.execute("SET TimeZone = 'UTC'")
            self._engine.execute(f'CREATE SCHEMA IF NOT EXISTS "{key[0]}"')
            read = f"SELECT *{arrival} FROM read_json('{file}', columns = {{{columns}}}, format = 'newline_delimited')"
            self._engine.execute(f'CREATE OR REPLACE TABLE "{key[0]}"."{key[1]}" AS {read}')
        partitioning = {"timePartitioning": {"type": "DAY"}} if by_arrival else {}
        self._create(key, {"schema": {"fields": list(fields)}, **partitioning}, len(rows), file.stat().st_size)

    def arrow(self, dataset: str, table: str) -> Any:
        """Return a table as Arrow."""
        with self.lock, self._engine.cursor() as cursor:
            return cursor.execute(f'SELECT * FROM "{dataset}"."{table}"').to_arrow_table()

    def dataset(self, name: str) -> Body:
        if name not in self.datasets:
            raise RefusedError("notFound", f"Not found: Dataset {self.project}:{name}", 404)
        return {"datasetReference": {"projectId": self.project, "datasetId": name}, "location": self.location}

    def table(self, dataset: str, name: str) -> Body:
        self.dataset(dataset)
        if (dataset, name) not in self.tables:
            where = f"was not found in location {self.location}"
            raise RefusedError("notFound", f"Not found: Table {self.project}:{dataset}.{name} {where}", 404)
        return self.tables[dataset, name]

    def delete(self, dataset: str, name: str) -> None:
        self.table(dataset, name)
        with self.lock:
            self._engine.execute(f'DROP TABLE "{dataset}"."{name}"')
        del self.tables[dataset, name]

    def page(self, job: Job, start: int, most: int | None) -> Body:
        """Return the rows of a finished query from `start` on, and where the next ones begin."""
        if job.error:
            raise job.error
        assert job.result is not None
        end = start + min(self.page_size if most is None else most, self.page_size)
        rows = [{"f": [{"v": value} for value in row]} for row in job.result.rows[start:end]]
        fields = [{"name": name, "type": kind, "mode": "NULLABLE"} for name, kind in job.result.columns]
        answer: Body = {"jobReference": job.shown["jobReference"], "jobComplete": True, "schema": {"fields": fields}}
        answer |= {"totalRows": str(len(job.result.rows))} | ({"rows": rows} if rows else {})
        return answer | ({"pageToken": str(end)} if end < len(job.result.rows) else {})


class Handler(BaseHTTPRequestHandler):
    """Reads requests and writes answers; what they mean is the server's."""

    protocol_version = "HTTP/1.1"
    bigquery: BigQueryServer

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
        """Stay silent: `asked` tells what came."""

    def do_GET(self) -> None:
        self._serve("GET")

    def do_POST(self) -> None:
        self._serve("POST")

    def do_PUT(self) -> None:
        self._serve("PUT")

    def do_DELETE(self) -> None:
        self._serve("DELETE")

    def _serve(self, method: str) -> None:
        self.content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = urlsplit(self.path)
        self.asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
        self.bigquery.asked.append((method, parts.path))
        fault = self.bigquery.fault(method, parts.path)
        if fault == "busy":
            self._answer(503, _error(RefusedError("backendError", "Try again later", 503)))
        elif fault == "denied":
            self._answer(403, _error(RefusedError("accessDenied", f"Access Denied: {method} is not permitted", 403)))
        elif fault == "reset":
            self._cut()
        else:
            self.bigquery.breaks = fault == "broken"
            status, body, headers = self._result(method, parts.path)
            self._cut() if fault == "lost" else self._answer(status, body, headers)

    def _result(self, method: str, path: str) -> tuple[int, Body | None, Mapping[str, str]]:
        try:
            for wanted, pattern, action in ROUTES:
                if wanted == method and (found := re.fullmatch(pattern, path)):
                    return action(self, *found.groups())
            raise RefusedError("notFound", f"{method} {path} is not known here", 404)
        except RefusedError as refused:
            return refused.status, _error(refused), {}
        except Exception as mistake:  # a request the fake does not understand: told at once, where the client would try again
            return 400, _error(RefusedError("invalid", f"the fake broke on {method} {path}: {mistake!r}")), {}

    def _answer(self, status: int, body: Body | None, headers: Mapping[str, str] | None = None) -> None:
        content = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(content)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def _cut(self) -> None:
        """Reset the connection, as a proxy that dies would."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()

    def insert_job(self) -> "Answer":
        return 200, self.bigquery.insert(json.loads(self.content)), {}

    def query(self) -> "Answer":
        """jobs.query: run at once, and tell an error in the answer to the request."""
        body = json.loads(self.content)
        number = f"query_{len(self.bigquery.jobs)}"
        about = {name: body.pop(name) for name in ("dryRun", "labels") if name in body}
        shown = self.bigquery.insert({"jobReference": {"jobId": number}, "configuration": {**about, "query": body}})
        if about.get("dryRun"):
            return 200, {"jobComplete": True, "totalBytesProcessed": shown["statistics"]["totalBytesProcessed"]}, {}
        return 200, self.bigquery.page(self.bigquery.jobs[number], 0, body.get("maxResults")), {}

    def get_job(self, identity: str) -> "Answer":
        return 200, self.bigquery.shown(self.bigquery.find_job(identity, self.asked.get("location"))), {}

    def results(self, identity: str) -> "Answer":
        job = self.bigquery.find_job(identity, self.asked.get("location"))
        start = int(self.asked.get("pageToken") or self.asked.get("startIndex") or 0)
        return 200, self.bigquery.page(job, start, int(self.asked["maxResults"]) if "maxResults" in self.asked else None), {}

    def get_dataset(self, dataset: str) -> "Answer":
        return 200, self.bigquery.dataset(dataset), {}

    def get_table(self, dataset: str, table: str) -> "Answer":
        return 200, self.bigquery.table(dataset, table), {}

    def list_tables(self, dataset: str) -> "Answer":
        self.bigquery.dataset(dataset)
        found = sorted(key for key in self.bigquery.tables if key[0] == dataset)
        start = int(self.asked.get("pageToken") or 0)
        end = start + self.bigquery.page_size
        more = {"nextPageToken": str(end)} if end < len(found) else {}
        return 200, {"tables": [self.bigquery.tables[key] for key in found[start:end]], "totalItems": len(found), **more}, {}

    def insert_table(self, dataset: str) -> "Answer":
        return 200, self.bigquery.create_table(json.loads(self.content)), {}

    def delete_table(self, dataset: str, table: str) -> "Answer":
        self.bigquery.delete(dataset, table)
        return 204, None, {}

    def begin_upload(self) -> "Answer":
        if self.asked.get("uploadType") == "multipart":
            job, content = _parts(self.headers["Content-Type"], self.content)
            return 200, self.bigquery.load(job, content), {}
        identity = str(len(self.bigquery.uploads))
        self.bigquery.uploads[identity] = Upload(json.loads(self.content))
        return 200, None, {"Location": f"{self.bigquery.url}{urlsplit(self.path).path}?uploadType=resumable&upload_id={identity}"}

    def continue_upload(self) -> "Answer":
        """A chunk that came before is dropped, and a whole upload answers as it did the first time."""
        upload = self.bigquery.uploads[self.asked["upload_id"]]
        first, _, total = self.headers["Content-Range"].removeprefix("bytes ").replace("/", "-").split("-")
        if int(first) == len(upload.content):
            upload.content += self.content
        if total == "*" or len(upload.content) < int(total):
            return 308, None, {"Range": f"bytes=0-{len(upload.content) - 1}"}
        if upload.answer is None:
            upload.answer = self.bigquery.load(upload.job, bytes(upload.content))
        return 200, upload.answer, {}


Answer = tuple[int, Body | None, Mapping[str, str]]
_V2 = r"/bigquery/v2/projects/[^/]+"
ROUTES: Final[Sequence[tuple[str, str, Callable[..., Answer]]]] = (
    ("POST", f"{_V2}/jobs", Handler.insert_job),
    ("GET", f"{_V2}/jobs/([^/]+)", Handler.get_job),
    ("POST", f"{_V2}/queries", Handler.query),
    ("GET", f"{_V2}/queries/([^/]+)", Handler.results),
    ("GET", f"{_V2}/datasets/([^/]+)", Handler.get_dataset),
    ("GET", f"{_V2}/datasets/([^/]+)/tables", Handler.list_tables),
    ("POST", f"{_V2}/datasets/([^/]+)/tables", Handler.insert_table),
    ("GET", f"{_V2}/datasets/([^/]+)/tables/([^/]+)", Handler.get_table),
    ("DELETE", f"{_V2}/datasets/([^/]+)/tables/([^/]+)", Handler.delete_table),
    ("POST", f"/upload{_V2}/jobs", Handler.begin_upload),
    ("PUT", f"/upload{_V2}/jobs", Handler.continue_upload),
)


def _parts(kind: str, content: bytes) -> tuple[Body, bytes]:
    """Return the announced job and the file of a multipart upload."""
    boundary = kind.partition("boundary=")[2].strip('"').encode()
    _, about, rest = content.split(b"--" + boundary, 2)
    file = rest.partition(b"\r\n\r\n")[2].removesuffix(b"--" + boundary + b"--").removesuffix(b"\r\n")
    return json.loads(about.partition(b"\r\n\r\n")[2]), file


def _error(refused: RefusedError) -> Body:
    one = {"reason": refused.reason, "message": refused.message, "domain": "global"}
    return {"error": {"code": refused.status, "message": refused.message, "errors": [one], "status": refused.reason}}
