"""Before LiteLLM: the blocked are refused at once, and whatever is not certain goes on."""

import json
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from gateway.front_door import FrontDoor, stand_before
from gateway.guard import RefusedError

KEY = "sk-1"
BLOCKED = RefusedError(429, "team=ml is blocked until noon", 41.2)


def barred(key: str) -> RefusedError | None:
    return BLOCKED if key == KEY else None


def finish(coroutine: Coroutine[Any, Any, None]) -> None:
    """Run what waits for nothing, whatever loop another test has left behind."""
    with pytest.raises(StopIteration):
        coroutine.send(None)


def asked(
    *headers: tuple[str, str], path: str = "/v1/chat/completions", method: str = "POST", by: Callable[[str], RefusedError | None] = barred
) -> list[dict[str, Any]] | None:
    """Return what the door answered; None where it let the request through to the application."""
    sent: list[dict[str, Any]] = []
    through: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        through.append(scope["path"])

    async def send(message: Any) -> None:
        sent.append(dict(message))

    async def receive() -> Any:
        raise AssertionError("a refusal reads no body")

    scope = {"type": "http", "method": method, "path": path, "headers": [(name.encode(), value.encode()) for name, value in headers]}
    finish(FrontDoor(app, by)(scope, receive, send))
    assert bool(sent) != bool(through)
    return sent or None


def test_a_blocked_key_is_refused_as_litellm_would_with_the_time_to_come_back() -> None:
    found = asked(("authorization", f"Bearer {KEY}"))
    assert found is not None
    start, body = found
    assert (429, b"42") == (start["status"], dict(start["headers"])[b"retry-after"])
    error = {"message": "team=ml is blocked until noon", "type": "rate_limit_error", "param": None, "code": "429"}
    assert {"error": error} == json.loads(body["body"])
    assert str(len(body["body"])).encode() == dict(start["headers"])[b"content-length"]


@pytest.mark.parametrize(
    "headers",
    [
        (),
        (("authorization", "Bearer sk-2"),),
        (("authorization", KEY),),
        (("authorization", f"Basic {KEY}"),),
        (("authorization", f"Bearer {KEY}"), ("x-api-key", "sk-2")),
        (("authorization", f"Bearer {KEY}"), ("authorization", "Bearer sk-2")),
    ],
)
def test_others_and_whoever_is_not_certain_go_on_to_litellm(headers: tuple[tuple[str, str], ...]) -> None:
    assert asked(*headers) is None


def test_only_calls_of_models_are_looked_at() -> None:
    known = ("authorization", f"Bearer {KEY}")
    assert asked(known, path="/health") is None
    assert asked(known, path="/v1/models", method="GET") is None


def test_a_door_that_fails_leaves_it_to_litellm() -> None:
    def fails(key: str) -> RefusedError | None:
        raise RuntimeError(key)

    assert asked(("authorization", f"Bearer {KEY}"), by=fails) is None


@pytest.mark.parametrize("serves", [True, False])
def test_it_stands_before_an_application_that_serves_already_and_one_that_does_not_yet(serves: bool) -> None:
    from starlette.applications import Starlette
    from starlette.responses import PlainTextResponse
    from starlette.routing import Route
    from starlette.testclient import TestClient

    app = Starlette(routes=[Route("/v1/chat/completions", lambda request: PlainTextResponse("served"), methods=["POST"])])
    if serves:
        assert "served" == TestClient(app).post("/v1/chat/completions").text
    stand_before(app, barred)
    with TestClient(app) as client:
        assert 429 == client.post("/v1/chat/completions", headers={"authorization": f"Bearer {KEY}"}).status_code
        assert "served" == client.post("/v1/chat/completions", headers={"authorization": "Bearer sk-2"}).text
