"""How levers reach a cluster: a kubeconfig, or the service account of the pod we run in."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from typing import Any, Final, TypeVar

from finops.configuration.problems import shown
from finops.errors import LeverError, LeverUnknownError
from finops.sources.retries import Backoff, BrokenOffError, again

T = TypeVar("T")
NAME: Final = r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?"
TARGET: Final = re.compile(rf"(?P<namespace>{NAME})/(?P<kind>[A-Z][A-Za-z]{{1,60}})/(?P<name>{NAME})")
LONGEST_WAIT: Final = 10.0


class ConflictError(Exception):
    """Something else changed the object between our reading and our writing; nothing was changed by us."""


class AbsentError(Exception):
    """There is no such object."""


@dataclass(frozen=True)
class Workload:
    """One object of a cluster, named exactly: `namespace/Kind/name`."""

    namespace: str
    kind: str
    name: str


def workload(target: str, kinds: tuple[str, ...]) -> Workload:
    """Read the name of an object of one of these kinds. Raises LeverError."""
    found = TARGET.fullmatch(target)
    if not found or found["kind"] not in kinds:
        raise LeverError(
            f"{shown(target)} is no target; give namespace/kind/name, the kind {' or '.join(kinds)}, such as ml/{kinds[0]}/embedder"
        )
    return Workload(found["namespace"], found["kind"], found["name"])


class Cluster:
    """One cluster, the one that the kubeconfig's `context` names, else its current one, else the one we run in."""

    def __init__(
        self, context: str | None = None, config_file: str | None = None, *, backoff: Backoff | None = None, timeout: float = 15
    ) -> None:
        self._context = context
        self._config_file = config_file
        self._backoff = backoff or Backoff(tries=4, first=0.5, most=5)
        self._timeout = timeout

    def api(self, name: str) -> Any:
        """Return one of the client's interfaces, such as AppsV1Api."""
        return getattr(import_module("kubernetes.client"), name)(self._client)

    def read(self, call: Callable[..., T], permission: str, *where: str) -> T:
        """Ask something. Raises AbsentError and LeverError."""
        return self._done(lambda: call(*where, _request_timeout=self._timeout), permission, writes=False)

    def patch(self, call: Callable[..., T], permission: str, *where: str, body: dict[str, Any]) -> T:
        """Change something, once. Raises ConflictError, AbsentError, LeverError, and LeverUnknownError where the answer was lost."""
        options: dict[str, Any] = {"_request_timeout": self._timeout, "_content_type": "application/merge-patch+json"}
        return self._done(lambda: call(*where, body, **options), permission, writes=True)

    def close(self) -> None:
        """Close what connections there are."""
        if "_client" in self.__dict__:
            self._client.close()

    @cached_property
    def _client(self) -> Any:
        client, config = import_module("kubernetes.client"), import_module("kubernetes.config")
        settings = client.Configuration()
        settings.retries = False  # we decide what is repeated: the client would repeat a lost write
        try:
            config.load_kube_config(config_file=self._config_file, context=self._context, client_configuration=settings)
        except config.ConfigException as error:
            if self._context or self._config_file:
                raise LeverError(f"the kubeconfig cannot be used: {error}") from error
            self._inside(config, settings)
        settings.retries = False
        return client.ApiClient(settings)

    def _inside(self, config: Any, settings: Any) -> None:
        try:
            config.load_incluster_config(client_configuration=settings)
        except config.ConfigException as error:
            raise LeverError(
                "no cluster is known: there is no kubeconfig, and this is no pod with a service account; set FINOPS_KUBERNETES_CONTEXT"
            ) from error

    def _done(self, call: Callable[[], T], permission: str, *, writes: bool) -> T:
        try:
            return again(lambda: self._told(call, permission, writes), self._backoff)
        except BrokenOffError as error:
            raise LeverError(f"the cluster did not take the request to {permission}: {error}; nothing was changed") from error

    def _told(self, call: Callable[[], T], permission: str, writes: bool) -> T:
        """Sort what the client raises: certainly nothing, perhaps something, or the same may work in a moment."""
        from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError

        refused = import_module("kubernetes.client").ApiException
        try:
            return call()
        except refused as error:
            raise self._answered(error, permission, writes) from error
        except (ConnectTimeoutError, NewConnectionError) as error:
            raise BrokenOffError(f"{error}") from error  # it was never sent
        except HTTPError as error:
            if writes:
                raise LeverUnknownError(
                    f"the answer to {permission} was lost: {error}; what happened is read before anything else"
                ) from error
            raise BrokenOffError(f"{error}") from error
        except ValueError as error:  # the client checks the form of what comes
            said = f"the answer to {permission} makes no sense"
            raise (LeverUnknownError if writes else LeverError)(said) from error

    def _answered(self, error: Any, permission: str, writes: bool) -> Exception:
        if error.status == 429:
            self._wait(error)
            return BrokenOffError("it is busy (429)")
        if error.status == 409:
            return ConflictError()
        if error.status == 404:
            return AbsentError()
        if error.status in (401, 403):
            return LeverError(f"the cluster does not let us {permission} ({error.status}); our role needs that permission")
        if error.status >= 500:
            said = f"the cluster failed to {permission} ({error.status})"
            return LeverUnknownError(f"{said}; what happened is read before anything else") if writes else BrokenOffError(said)
        return LeverError(f"the cluster did not {permission}: {error.status} {shown(str(error.reason))}")

    def _wait(self, error: Any) -> None:
        """Wait as long as the cluster asks for, within reason."""
        asked = str((error.headers or {}).get("Retry-After", ""))
        if asked.isdigit():
            self._backoff.sleep(min(float(asked), LONGEST_WAIT))
