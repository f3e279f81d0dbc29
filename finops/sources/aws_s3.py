"""S3 as an object store, and how any of our AWS clients are made: credentials come from boto3's own chain."""

import re
from collections.abc import Iterator
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Final

from finops.errors import SourceError
from finops.sources.bills import MIB
from finops.sources.objects import Stored
from finops.sources.retries import BrokenOffError

BUSY: Final = (
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "RequestLimitExceeded",
    "RequestTimeout",
    "InternalError",
    "ServiceUnavailable",
)
REFUSED: Final = ("AccessDenied", "AccessDeniedException", "Forbidden", "403", "AllAccessDisabled", "UnauthorizedOperation")
UNKNOWN: Final = ("InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidClientTokenId", "UnrecognizedClientException")
CHANGED: Final = ("PreconditionFailed", "412", "InvalidRange", "416")


def client(service: str, options: dict[str, str]) -> Any:
    """Return a client; `options` are region, profile, role (assumed and renewed as long as we run) and endpoint."""
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError

    settings = Config(retries={"mode": "standard", "max_attempts": 5}, connect_timeout=10, read_timeout=60, max_pool_connections=16)
    endpoint = options.get("endpoint")
    try:
        session = boto3.Session(profile_name=options.get("profile"), region_name=options.get("region"))
        if options.get("role"):
            session = _as_role(session, options["role"], endpoint)
        region = session.region_name or "us-east-1"  # where Cost Explorer is; S3 tells where a bucket is
        return session.client(service, endpoint_url=endpoint, config=settings, region_name=region)
    except (BotoCoreError, ValueError) as error:
        raise SourceError(f"AWS cannot be asked: {error}") from error


def _as_role(session: Any, role: str, endpoint: str | None) -> Any:
    import boto3
    from botocore.credentials import AssumeRoleCredentialFetcher, DeferredRefreshableCredentials
    from botocore.session import get_session

    own = session.get_credentials()
    if own is None:
        raise SourceError(f"no AWS credentials are found that could assume {role}; set a profile, or give this machine a role")
    creator = partial(session._session.create_client, endpoint_url=endpoint, region_name=session.region_name or "us-east-1")
    fetcher = AssumeRoleCredentialFetcher(creator, own, role, extra_args={"RoleSessionName": "finops-bot"})
    core = get_session()
    core._credentials = DeferredRefreshableCredentials(method="assume-role", refresh_using=fetcher.fetch_credentials)
    return boto3.Session(botocore_session=core, region_name=session.region_name)


def told(error: Exception, doing: str, permission: str, where: str) -> Exception:
    """Return what to raise for an error of boto3: BrokenOffError where the same may work in a moment, else one sentence."""
    from botocore.exceptions import ClientError, HTTPClientError, NoCredentialsError, PartialCredentialsError

    if isinstance(error, NoCredentialsError | PartialCredentialsError):
        return SourceError(f"no AWS credentials are found for {where}; set a profile, AWS_ACCESS_KEY_ID, or give this machine a role")
    if isinstance(error, ClientError):
        return _answered(error, doing, permission, where)
    if isinstance(error, HTTPClientError):
        return BrokenOffError(f"{doing} {where}: {error}")
    return SourceError(f"{doing} {where} failed: {error}")


def _answered(error: Any, doing: str, permission: str, where: str) -> Exception:
    code, said = str(error.response.get("Error", {}).get("Code", "")), error.response.get("Error", {}).get("Message", "")
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code in REFUSED or (status == 403 and code not in UNKNOWN):
        return SourceError(f"{where} refuses us ({code}): the role or user needs the permission {permission}")
    if code in UNKNOWN:
        return SourceError(f"AWS does not accept our credentials for {where} ({code}); renew them")
    if code == "NoSuchBucket":
        return SourceError(f"there is no bucket {where}; check the spelling and the account")
    if code in CHANGED:
        return SourceError(f"{where} changed while it was fetched; the next run takes the new delivery")
    if code in ("NoSuchKey", "404"):
        return SourceError(f"{where} went away while it was fetched; the next run looks again")
    if code in BUSY or status >= 500:
        return BrokenOffError(f"{doing} {where}: {code} {said}".strip())
    return SourceError(f"{doing} {where} failed: {code} {said}".strip())


class S3:
    """The objects of one bucket."""

    permissions: tuple[str, ...] = ("s3:ListBucket", "s3:GetObject")

    def __init__(self, bucket: str, options: dict[str, str]) -> None:
        self.bucket: str | None = bucket
        self.root = f"s3://{bucket}"
        self._options = options

    @cached_property
    def _client(self) -> Any:
        return client("s3", self._options)

    def list(self, prefix: str) -> Iterator[Stored]:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix):
                for each in page.get("Contents", []):
                    etag = each["ETag"].strip('"')
                    yield Stored(each["Key"], each["Size"], etag, each["LastModified"])
        except (ClientError, BotoCoreError) as error:
            raise told(error, "listing", "s3:ListBucket", self.root) from error

    def stream(self, stored: Stored, start: int) -> Iterator[bytes]:
        """Read the listed content only: an object that was written anew in between is refused by S3 itself."""
        from botocore.exceptions import BotoCoreError, ClientError
        from urllib3.exceptions import HTTPError

        asked = {"Bucket": self.bucket, "Key": stored.key, "IfMatch": f'"{stored.etag}"'}
        if start:
            asked["Range"] = f"bytes={start}-"
        where = f"{self.root}/{stored.key}"
        try:
            body = self._client.get_object(**asked)["Body"]
            with body:
                yield from body.iter_chunks(MIB)
        except (ClientError, BotoCoreError) as error:
            raise told(error, "reading", "s3:GetObject", where) from error
        except (HTTPError, OSError) as error:
            raise BrokenOffError(f"reading {where}: {error}") from error

    def path(self, stored: Stored) -> Path | None:
        return None


def bucket_of(location: str) -> tuple[str, str]:
    """Return bucket and prefix of an `s3://` address."""
    found = re.fullmatch(r"s3://([a-z0-9][a-z0-9._-]{1,253}[a-z0-9])(?:/(.*))?", location)
    if not found:
        raise SourceError(f"'{location}' is no address of a bucket; write s3://bucket/prefix")
    return found[1], found[2] or ""
