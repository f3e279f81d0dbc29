"""BigQuery's Storage Read API on loopback: the answers of the local BigQuery as a stream of Arrow batches over gRPC."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Final

import grpc  # type: ignore[import-untyped]
from google.cloud.bigquery_storage_v1.services.big_query_read.transports import BigQueryReadGrpcTransport
from google.cloud.bigquery_storage_v1.types import CreateReadSessionRequest, ReadRowsRequest, ReadRowsResponse, ReadSession

from tests.fakes.bigquery_server import BigQueryServer

SERVICE: Final = "google.cloud.bigquery.storage.v1.BigQueryRead"
ROWS: Final = 2  # of a batch


class StorageServer:
    """Serves what `bigquery` holds; `allowed` false answers as to an account without the permission to read streams."""

    def __init__(self, bigquery: BigQueryServer) -> None:
        self.bigquery, self.allowed, self.streams = bigquery, True, 0
        self._grpc = grpc.server(ThreadPoolExecutor(2))
        self.port = self._grpc.add_insecure_port("127.0.0.1:0")
        handlers = {
            "CreateReadSession": grpc.unary_unary_rpc_method_handler(
                self._session, CreateReadSessionRequest.deserialize, ReadSession.serialize
            ),
            "ReadRows": grpc.unary_stream_rpc_method_handler(self._rows, ReadRowsRequest.deserialize, ReadRowsResponse.serialize),
        }
        self._grpc.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))

    @contextmanager
    def running(self) -> Iterator["StorageServer"]:
        self._grpc.start()
        try:
            yield self
        finally:
            self._grpc.stop(None).wait()

    def client(self) -> Any:
        """Return the ordinary client library, pointed here."""
        from google.cloud.bigquery_storage import BigQueryReadClient

        channel = grpc.insecure_channel(f"127.0.0.1:{self.port}")
        return BigQueryReadClient(transport=BigQueryReadGrpcTransport(channel=channel))  # type: ignore[no-untyped-call]

    def _session(self, request: CreateReadSessionRequest, context: Any) -> ReadSession:
        if not self.allowed:
            context.abort(grpc.StatusCode.PERMISSION_DENIED, "request lacks bigquery.readsessions.create")
        table = self._table(request.read_session.table)
        schema = {"serialized_schema": table.schema.serialize().to_pybytes()}
        return ReadSession(arrow_schema=schema, data_format="ARROW", streams=[{"name": request.read_session.table}])

    def _rows(self, request: ReadRowsRequest, context: Any) -> Iterator[ReadRowsResponse]:
        self.streams += 1
        table, position = self._table(request.read_stream), 0
        for batch in table.to_batches(max_chunksize=ROWS):
            if position >= request.offset:  # after a break the client goes on where it was
                content = {"serialized_record_batch": batch.serialize().to_pybytes()}
                schema = {} if position else {"arrow_schema": {"serialized_schema": table.schema.serialize().to_pybytes()}}
                yield ReadRowsResponse(arrow_record_batch=content, row_count=batch.num_rows, **schema)
            position += batch.num_rows

    def _table(self, name: str) -> Any:
        _, _, _, dataset, _, table = name.split("/")
        return self.bigquery.arrow(dataset, table)
