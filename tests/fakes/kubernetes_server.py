"""A Kubernetes API server on loopback, as far as levers need one: workloads, their scale, namespaces, autoscalers."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

Body = dict[str, Any]
GROUPS: Final = {
    "deployments": ("apps/v1", "Deployment"),
    "statefulsets": ("apps/v1", "StatefulSet"),
    "cronjobs": ("batch/v1", "CronJob"),
    "jobs": ("batch/v1", "Job"),
    "horizontalpodautoscalers": ("autoscaling/v2", "HorizontalPodAutoscaler"),
}
TOKEN: Final = "canary-cluster-token"


class AnswerError(Exception):
    """An answer other than 200."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


@dataclass
class Kubernetes:
    """Objects by (namespace, resource, name). `faults` are (method, fault), one for a request: a status, or how an answer is lost."""

    namespaces: dict[str, Body] = field(default_factory=dict)
    objects: dict[tuple[str, str, str], Body] = field(default_factory=dict)
    faults: list[tuple[str, str]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    version: int = 100
    address: str = ""

    def namespace(self, name: str, **labels: str) -> None:
        self.namespaces[name] = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}

    def add(self, resource: str, target: str, spec: Body, status: Body | None = None, **labels: str) -> Body:
        """Put `namespace/Kind/name` there and return it as it is kept."""
        namespace, kind, name = target.split("/")
        api, expected = GROUPS[resource]
        assert kind == expected
        self.namespaces.setdefault(namespace, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
        self.version += 1
        metadata = {
            "name": name,
            "namespace": namespace,
            "uid": f"uid-{self.version}",
            "resourceVersion": f"{self.version}",
            "labels": labels,
        }
        body = {"apiVersion": api, "kind": kind, "metadata": metadata, "spec": spec, "status": status or {}}
        self.objects[namespace, resource, name] = body
        return body

    def workload(self, target: str, replicas: int, **labels: str) -> Body:
        kind = target.split("/")[1]
        template = {"metadata": {"labels": {"app": "x"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
        spec: Body = {"serviceName": "x", "replicas": replicas, "selector": {"matchLabels": {"app": "x"}}, "template": template}
        return self.add(f"{kind.lower()}s", target, spec, {"replicas": replicas}, **labels)

    def autoscaler(self, namespace: str, name: str, kind: str, of: str) -> Body:
        reference = {"apiVersion": "apps/v1", "kind": kind, "name": of}
        spec = {"maxReplicas": 9, "scaleTargetRef": reference}
        status = {"currentReplicas": 1, "desiredReplicas": 1}
        return self.add("horizontalpodautoscalers", f"{namespace}/HorizontalPodAutoscaler/{name}", spec, status)

    def touch(self, body: Body) -> None:
        """Count an object on, as the cluster does when its status changes."""
        self.version += 1
        body["metadata"]["resourceVersion"] = f"{self.version}"

    def answer(self, method: str, path: str, body: Body) -> Body:
        parts = path.strip("/").split("/")
        if parts[:3] == ["api", "v1", "namespaces"] and len(parts) == 4:
            return self._known(self.namespaces.get(parts[3]), path)
        group, (_, namespace, resource, *rest) = "/".join(parts[1:3]), parts[3:]
        if GROUPS.get(resource, ("", ""))[0] != group:
            raise AnswerError(404, f"no resource {resource} in {group}")
        if not rest:
            items = [each for (space, kind, _), each in self.objects.items() if (space, kind) == (namespace, resource)]
            return {"apiVersion": group, "kind": f"{GROUPS[resource][1]}List", "metadata": {}, "items": items}
        found = self._known(self.objects.get((namespace, resource, rest[0])), path)
        if method == "PATCH":
            self._merge(found, body, scale=rest[1:] == ["scale"])
        return _scale(found) if rest[1:] == ["scale"] else found

    def _known(self, found: Body | None, path: str) -> Body:
        if found is None:
            raise AnswerError(404, f"{path} not found")
        return found

    def _merge(self, found: Body, body: Body, *, scale: bool) -> None:
        expected = body.get("metadata", {}).get("resourceVersion", found["metadata"]["resourceVersion"])
        if expected != found["metadata"]["resourceVersion"]:
            raise AnswerError(409, "the object has been modified")
        replicas = body["spec"].get("replicas", 0)
        if not isinstance(replicas, int) or replicas < 0 or (scale and set(body["spec"]) != {"replicas"}):
            raise AnswerError(422, "spec.replicas is invalid")
        found["spec"] |= body["spec"]
        self.touch(found)

    def config(self, folder: Path) -> str:
        """Write a kubeconfig for this server and return its path."""
        path = folder / "kubeconfig"
        entry = {"name": "here", "context": {"cluster": "here", "user": "here"}}
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "here",
            "clusters": [{"name": "here", "cluster": {"server": self.address}}],
            "users": [{"name": "here", "user": {"token": TOKEN}}],
            "contexts": [entry],
        }
        path.write_text(json.dumps(document))  # JSON is YAML
        return str(path)


def _scale(found: Body) -> Body:
    return {"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": found["metadata"], "spec": {"replicas": found["spec"]["replicas"]}}


class _Server(ThreadingHTTPServer):
    """Answers one request at a time from `state`."""

    state: Kubernetes
    lock: threading.Lock


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        self._serve("GET")

    def do_PATCH(self) -> None:
        self._serve("PATCH")

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _serve(self, method: str) -> None:
        content, state = self.rfile.read(int(self.headers.get("Content-Length") or 0)), self.server.state
        with self.server.lock:
            state.asked.append(f"{method} {self.path}")
            fault = next((each for each in state.faults if each[0] == method), None)
            if fault:
                state.faults.remove(fault)
            self._respond(method, json.loads(content or b"{}"), fault[1] if fault else "")

    def _respond(self, method: str, body: Body, fault: str) -> None:
        self.close_connection = fault.startswith("lost")
        if fault == "lost before":
            return
        if fault.isdigit():
            self._send(int(fault), {"kind": "Status", "message": f"fault {fault}"})
            return
        status, answer = self._answer(method, body)
        if fault != "lost after":  # else it is done, and nobody hears of it
            self._send(status, {"spec": {"replicas": "many"}} if fault == "garbled" else answer)

    def _answer(self, method: str, body: Body) -> tuple[int, Body]:
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            return 401, {"kind": "Status", "message": "Unauthorized"}
        if method == "PATCH" and self.headers.get("Content-Type") != "application/merge-patch+json":
            return 415, {"kind": "Status", "message": "the body of the request was in an unknown format"}
        try:
            return 200, self.server.state.answer(method, self.path.partition("?")[0], body)
        except AnswerError as error:
            return error.status, {"kind": "Status", "message": str(error)}

    def _send(self, status: int, body: Body) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        if status == 429:
            self.send_header("Retry-After", "3")
        self.end_headers()
        self.wfile.write(content)


@contextmanager
def kubernetes_server() -> Iterator[Kubernetes]:
    """Run one until the block ends."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.lock = threading.Lock()
    server.state = Kubernetes(address=f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server.state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
