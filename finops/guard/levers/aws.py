"""How levers reach AWS: reads with boto3's own chain of credentials, acts only as the role that is set for acting."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from threading import Lock
from typing import Any, Final, TypeVar

from finops.configuration.problems import shown
from finops.errors import LeverError, LeverUnknownError
from finops.guard.plans import Plan
from finops.guard.protections import Seen
from finops.sources.retries import Backoff, BrokenOffError, again

T = TypeVar("T")
ARN: Final = re.compile(r"arn:(aws[a-z-]*):([a-z0-9-]+):([a-z0-9-]+):([0-9]{12}):(.+)")
ROLE: Final = re.compile(r"arn:aws[a-z-]*:iam::([0-9]{12}):role/[\w+=,.@/-]{1,512}")
BUSY: Final = (
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "TooManyRequestsException",
    "SlowDown",
)
REFUSED: Final = ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthFailure")
LAPSED: Final = ("ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "SignatureDoesNotMatch", "UnrecognizedClientException")
SHORTEST_SESSION: Final = 900


@dataclass(frozen=True)
class Resource:
    """One thing at AWS, named exactly."""

    arn: str
    service: str
    region: str
    account: str
    path: str

    @property
    def id(self) -> str:
        return self.path.rpartition("/")[2]

    def seen(self, tags: Mapping[str, str]) -> Seen:
        where = {"provider": "aws", "account": self.account, "region": self.region, "service": self.service, "resource": self.arn}
        return Seen(self.arn, where, tags)


def resource(target: str, service: str, path: str) -> Resource:
    """Read an ARN of that service whose last part begins with `path`. Raises LeverError."""
    found = ARN.fullmatch(target)
    if not found or found[2] != service or not found[5].startswith(path) or not found[5].rpartition("/")[2]:
        raise LeverError(f"{shown(target)} is no target; give an exact ARN such as arn:aws:{service}:eu-central-1:123456789012:{path}…")
    return Resource(target, found[2], found[3], found[4], found[5])


class Aws:
    """Clients of one account. Nothing is changed without `action_role`, which is assumed anew for each plan, in its name."""

    def __init__(self, action_role: str | None = None, *, backoff: Backoff | None = None, timeout: float = 20) -> None:
        self.action_role = action_role
        self._backoff = backoff or Backoff(tries=4, first=0.5, most=5)
        self._timeout = timeout
        self._making = Lock()
        self._reading: dict[tuple[str, str], Any] = {}

    def read(self, service: str, region: str, call: Callable[[Any], T], permission: str) -> T:
        """Ask something; a question may be repeated. Raises LeverError."""
        client = self._client(service, region, None)
        return self._done(lambda: call(client), permission, writes=False)

    def write(self, target: Resource, plan: Plan, service: str, call: Callable[[Any], T], permission: str) -> T:
        """Change something, once. Raises LeverError where nothing happened, LeverUnknownError where the answer was lost."""
        client = self._client(service, target.region, self._credentials(target, plan))
        return self._done(lambda: call(client), permission, writes=True)

    def _credentials(self, target: Resource, plan: Plan) -> dict[str, str]:
        """Return credentials that last for this plan; its digest is the session's name, so that CloudTrail shows it."""
        if not self.action_role:
            raise LeverError("no role is set that may act; set FINOPS_AWS_ACTION_ROLE to one that may do what docs/levers.md lists")
        found = ROLE.fullmatch(self.action_role)
        if not found or found[1] != target.account:
            raise LeverError(f"{target.arn} is not in the account of FINOPS_AWS_ACTION_ROLE, {shown(self.action_role)}")
        sts = self._client("sts", target.region, None)
        asked = {"RoleArn": self.action_role, "RoleSessionName": f"finops-bot-{plan.short_digest}", "DurationSeconds": SHORTEST_SESSION}
        given = self._done(lambda: sts.assume_role(**asked), "sts:AssumeRole", writes=False)["Credentials"]
        return {
            "aws_access_key_id": given["AccessKeyId"],
            "aws_secret_access_key": given["SecretAccessKey"],
            "aws_session_token": given["SessionToken"],
        }

    def _client(self, service: str, region: str, credentials: Mapping[str, str] | None) -> Any:
        """Return a client; those that read are kept, since one takes a tenth of a second to make."""
        with self._making:  # a session is not for two threads
            kept = self._reading.get((service, region))
            if kept is not None and credentials is None:
                return kept
            made = self._made(service, region, credentials or {})
            if credentials is None:
                self._reading[service, region] = made
            return made

    def _made(self, service: str, region: str, credentials: Mapping[str, str]) -> Any:
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError

        once = {"mode": "standard", "total_max_attempts": 1}  # we decide what is repeated: boto3 would repeat a lost write
        settings = Config(retries=once, connect_timeout=min(5, self._timeout), read_timeout=self._timeout)
        try:
            return self._session.client(service, region_name=region, config=settings, **credentials)
        except (BotoCoreError, ValueError) as error:
            raise LeverError(f"AWS cannot be asked: {error}") from error

    @cached_property
    def _session(self) -> Any:
        import boto3

        return boto3.Session()

    def _done(self, call: Callable[[], T], permission: str, *, writes: bool) -> T:
        try:
            return again(lambda: _told(call, permission, writes), self._backoff)
        except BrokenOffError as error:
            raise LeverError(f"AWS did not take the request for {permission}: {error}; nothing was changed") from error


def missing(error: LeverError, *codes: str) -> bool:
    """Whether AWS said that the thing does not exist."""
    from botocore.exceptions import ClientError

    cause = error.__cause__
    return isinstance(cause, ClientError) and any(code in str(cause) for code in codes)


def _told(call: Callable[[], T], permission: str, writes: bool) -> T:
    """Sort what boto3 raises: certainly nothing, perhaps something, or the same may work in a moment."""
    from botocore.exceptions import (
        BotoCoreError,
        ClientError,
        ConnectTimeoutError,
        EndpointConnectionError,
        HTTPClientError,
        NoCredentialsError,
    )

    try:
        return call()
    except ClientError as error:
        raise _answered(error, permission, writes) from error
    except (ConnectTimeoutError, EndpointConnectionError) as error:
        raise BrokenOffError(f"{error}") from error  # it was never sent
    except HTTPClientError as error:
        if writes:
            raise LeverUnknownError(f"the answer to {permission} was lost: {error}; what happened is read before anything else") from error
        raise BrokenOffError(f"{error}") from error
    except NoCredentialsError as error:
        raise LeverError("no AWS credentials are found; set a profile, AWS_ACCESS_KEY_ID, or give this machine a role") from error
    except BotoCoreError as error:
        raise LeverError(f"AWS cannot be asked for {permission}: {error}") from error


def _answered(error: Any, permission: str, writes: bool) -> Exception:
    code, said = str(error.response.get("Error", {}).get("Code", "")), str(error.response.get("Error", {}).get("Message", ""))
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    if code in BUSY or status == 429:
        return BrokenOffError(f"{code} {said}".strip())
    if code in REFUSED:
        return LeverError(f"AWS refuses {permission} ({code}); the role or user needs that permission")
    if code in LAPSED:
        return LeverError(f"AWS does not accept our credentials ({code}); renew them")
    if status >= 500 and writes:
        return LeverUnknownError(f"AWS failed at {permission} ({code or status}); what happened is read before anything else")
    return (
        BrokenOffError(f"{code or status} {said}".strip())
        if status >= 500
        else LeverError(f"AWS did not do {permission}: {code} {said}".strip())
    )
