"""Azure Blob Storage as an object store; credentials are a connection string, or whatever azure-identity finds."""

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from finops.errors import SourceError
from finops.secret import Secret
from finops.sources.bills import MIB
from finops.sources.objects import Stored
from finops.sources.retries import BrokenOffError

RIGHT: Final = "the role 'Storage Blob Data Reader'"


@dataclass(frozen=True)
class BlobPlace:
    """An address taken apart: storage account, container, and the path within."""

    account: str
    container: str
    path: str


def place_of(location: str) -> BlobPlace:
    """Read `az://account/container/path` or `https://account.blob.core.windows.net/container/path`."""
    found = re.fullmatch(r"(?:az://([a-z0-9]{3,24})|https://([a-z0-9]{3,24})\.blob\.[a-z0-9.-]+)/([a-z0-9$-]{3,63})(?:/(.*))?", location)
    if not found:
        raise SourceError(f"'{location}' is no address of a container; write az://account/container/path")
    return BlobPlace(found[1] or found[2], found[3], found[4] or "")


class Blobs:
    """The blobs of one container."""

    permissions: tuple[str, ...] = ("Storage Blob Data Reader",)

    def __init__(self, place: BlobPlace, endpoint: str | None, connection: Secret | None) -> None:
        self.bucket: str | None = None  # manifests name blobs from the container on, and no bucket
        self.root = f"az://{place.account}/{place.container}"
        self._place = place
        self._endpoint = endpoint
        self._connection = connection

    @cached_property
    def _client(self) -> Any:
        from azure.storage.blob import ContainerClient

        logging.getLogger("azure").setLevel(logging.WARNING)  # it logs the headers of every request at INFO
        told: dict[str, Any] = {
            "retry_total": 5,
            "retry_backoff_factor": 0.5,
            "connection_timeout": 10,
            "read_timeout": 60,
            "max_single_get_size": MIB,
        }
        container = self._place.container
        try:
            if self._connection:
                return ContainerClient.from_connection_string(self._connection.reveal(), container, **told)
            from azure.identity import DefaultAzureCredential

            address = self._endpoint or f"https://{self._place.account}.blob.core.windows.net"
            return ContainerClient(address, container, credential=DefaultAzureCredential(), **told)
        except ValueError as error:
            raise SourceError(f"AZURE_STORAGE_CONNECTION_STRING cannot be read ({type(error).__name__}); copy it once more") from None

    def list(self, prefix: str) -> Iterator[Stored]:
        from azure.core.exceptions import AzureError

        try:
            for each in self._client.list_blobs(name_starts_with=prefix or None):
                md5 = each.content_settings.content_md5
                yield Stored(each.name, each.size, each.etag.strip('"'), each.last_modified, bytes(md5).hex() if md5 else None)
        except AzureError as error:
            raise _told(error, "listing", self.root) from error

    def stream(self, stored: Stored, start: int) -> Iterator[bytes]:
        """Read the listed content only: a blob that was written anew in between is refused by the store itself."""
        from azure.core import MatchConditions
        from azure.core.exceptions import AzureError

        where = f"{self.root}/{stored.key}"
        if start >= stored.size:
            return
        same = {"etag": f'"{stored.etag}"', "match_condition": MatchConditions.IfNotModified}
        try:
            yield from self._client.download_blob(stored.key, offset=start, length=stored.size - start, **same).chunks()
        except AzureError as error:
            raise _told(error, "reading", where) from error

    def path(self, stored: Stored) -> Path | None:
        return None


def _told(error: Any, doing: str, where: str) -> Exception:
    from azure.core.exceptions import (
        ClientAuthenticationError,
        HttpResponseError,
        ResourceModifiedError,
        ServiceRequestError,
        ServiceResponseError,
    )

    status, code = getattr(error, "status_code", None), getattr(error, "error_code", None)
    if isinstance(error, ResourceModifiedError) or status == 412:
        return SourceError(f"{where} changed while it was fetched; the next run takes the new delivery")
    if isinstance(error, ServiceRequestError | ServiceResponseError) or (status is not None and (status >= 500 or status == 429)):
        return BrokenOffError(f"{doing} {where}: {_first_line(error)}")
    if status in (401, 403):
        return SourceError(f"{where} refuses us ({code or status}): give our identity {RIGHT} on the container")
    if isinstance(error, ClientAuthenticationError):
        return SourceError(f"no Azure identity is found for {where}; log in, or set AZURE_STORAGE_CONNECTION_STRING ({_first_line(error)})")
    if status == 404:
        return SourceError(f"there is no {where} ({code or 'not found'}); check the spelling")
    if isinstance(error, HttpResponseError):
        return SourceError(f"{doing} {where} failed: {code or _first_line(error)}")
    return BrokenOffError(f"{doing} {where}: {_first_line(error)}")


def _first_line(error: object) -> str:
    return str(error).partition("\n")[0][:200]
