"""Google Cloud Storage as an object store, where google-cloud-storage is installed; it is no dependency of ours."""

import re
from collections.abc import Iterator
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any

from finops.errors import SourceError
from finops.sources.bills import MIB
from finops.sources.objects import Stored
from finops.sources.retries import BrokenOffError


class GoogleStorage:
    """The objects of one bucket."""

    permissions: tuple[str, ...] = ("storage.objects.list", "storage.objects.get")

    def __init__(self, bucket: str) -> None:
        self.bucket: str | None = bucket
        self.root = f"gs://{bucket}"

    @cached_property
    def _bucket(self) -> Any:
        try:
            storage: Any = import_module("google.cloud.storage")
        except ImportError:
            raise SourceError(
                f"{self.root} needs the package google-cloud-storage; install it with: pip install google-cloud-storage"
            ) from None
        from google.auth.exceptions import DefaultCredentialsError

        try:
            return storage.Client().bucket(self.bucket)
        except DefaultCredentialsError as error:
            raise SourceError(f"no Google credentials are found for {self.root}: {error}") from error

    def list(self, prefix: str) -> Iterator[Stored]:
        bucket = self._bucket
        try:
            for each in bucket.client.list_blobs(bucket, prefix=prefix):
                yield Stored(each.name, each.size, f"{each.generation}", each.updated)
        except Exception as error:
            raise self._told(error, "storage.objects.list", self.root) from error

    def stream(self, stored: Stored, start: int) -> Iterator[bytes]:
        if start >= stored.size:
            return
        bucket = self._bucket
        try:
            with bucket.blob(stored.key, generation=int(stored.etag)).open("rb", chunk_size=MIB) as file:
                file.seek(start)
                while chunk := file.read(MIB):
                    yield chunk
        except Exception as error:
            raise self._told(error, "storage.objects.get", f"{self.root}/{stored.key}") from error

    def path(self, stored: Stored) -> Path | None:
        return None

    def _told(self, error: Exception, permission: str, where: str) -> Exception:
        from google.api_core.exceptions import Forbidden, NotFound, ServerError, TooManyRequests

        if isinstance(error, SourceError):
            return error
        if isinstance(error, Forbidden):
            return SourceError(f"{where} refuses us: the account needs the permission {permission}")
        if isinstance(error, NotFound):
            return SourceError(f"there is no {where}, or it changed while it was read; check the spelling")
        if isinstance(error, ServerError | TooManyRequests | OSError):
            return BrokenOffError(f"reading {where}: {error}")
        return SourceError(f"reading {where} failed: {error}")


def bucket_of(location: str) -> tuple[str, str]:
    """Return bucket and prefix of a `gs://` address."""
    found = re.fullmatch(r"gs://([a-z0-9][a-z0-9._-]{1,220})(?:/(.*))?", location)
    if not found:
        raise SourceError(f"'{location}' is no address of a bucket; write gs://bucket/prefix")
    return found[1], found[2] or ""
