"""The plug-in in a real LiteLLM proxy: what requests get, and the traps of that gateway, each by its number."""

import json
import socket
import subprocess
import time
import uuid
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from finops.configuration.rulebook_quotas import Bounds, Circuit, Quota
from finops.guard.snapshot import Effect
from tests.conftest import absent
from tests.gateway.conftest import Rig
from tests.gateway.rig import ADS, COMPILED, LAB, ML, PROXY, ROOT, eventually, scope, soon

DOWNGRADE = Effect("P-1", "gateway.fallback", "team=ml", {"fallback": {"gpt-premium": "gpt-cheap"}})
SIGNATURES = """
import inspect, json
from litellm.integrations.custom_logger import CustomLogger
from gateway.litellm_plugin import hook_for
hook = hook_for(None)
names = ["async_pre_call_hook", "async_log_success_event", "async_log_failure_event", "async_post_call_failure_hook"]
print(json.dumps({n: [list(inspect.signature(getattr(o, n)).parameters) for o in (hook, CustomLogger())] for n in names}))
"""


def test_trap_9_a_request_is_answered_and_metered_with_what_the_provider_counted(rig: Rig) -> None:
    """A mocked answer always reports the same; this provider reports 100 in, 20 of them cached, and 40 out."""
    reply = rig.chat()
    assert (200, "gpt-4o") == (reply.status, reply.said)
    event = rig.metered(lambda each: each["team"] == "ml")
    counts = {name: value for name, value in event.items() if name.endswith("_tokens")}
    assert {"input_tokens": 100, "cache_read_tokens": 20, "output_tokens": 40} == {n: v for n, v in counts.items() if v}
    assert ("gpt-4o", "acme", "chat", "prod", "ok") == tuple(event[name] for name in ("model", "tenant", "route", "env", "status"))


def test_an_approved_fallback_reroutes_one_team_and_ends_by_itself(rig: Rig) -> None:
    rig.rules(effects=(Effect("P-1", "gateway.fallback", "team=ml", {"fallback": {"gpt-premium": "gpt-cheap"}}, soon(seconds=3)),))
    assert ["gpt-4o-mini", "gpt-4o"] == [rig.chat(key=key).said for key in (ML, ADS)]
    eventually(lambda: rig.chat().said == "gpt-4o")


def test_a_blocked_team_is_refused_with_the_time_to_come_back(rig: Rig) -> None:
    rig.rules(effects=(Effect("P-2", "gateway.block", "team=ml", {"reason": "over budget"}, soon(minutes=10)),))
    reply = rig.chat()
    assert (429, "over budget") == (reply.status, reply.json["error"]["message"])
    assert 500 < int(reply.headers["retry-after"]) <= 600
    assert 200 == rig.chat(key=ADS).status


def test_requests_beyond_the_rate_are_refused(rig: Rig) -> None:
    rig.rules([Quota(scope("team=ml"), requests_per_second=Decimal("0.01"), burst=2)])
    replies = [rig.chat() for _ in range(3)]
    assert [200, 200, 429] == [reply.status for reply in replies]
    assert 60 == int(replies[2].headers["retry-after"])


def test_a_rate_follows_the_burn_rate_without_anybodys_approval(rig: Rig) -> None:
    """One request in 100 seconds at four times the budget's speed, and a thousand a second once it is calm."""
    quota = Quota(scope("team=ads"), bounds=Bounds(Decimal("0.01"), Decimal(1000)))
    usual = rig.desk.figures
    try:
        rig.desk.figures = replace(usual, burn={quota.id: Decimal(4)})
        rig.rules([quota])
        assert [200, 429] == [rig.chat(key=ADS).status for _ in range(2)]
        rig.desk.figures = replace(usual, burn={quota.id: Decimal(1)})
        rig.rules([quota])
        eventually(lambda: rig.chat(key=ADS).status == 200)
    finally:
        rig.desk.figures = usual


def test_output_is_capped_and_input_refused_beyond_the_limit(rig: Rig) -> None:
    rig.rules([Quota(scope("team=ml"), max_input_tokens=50, max_output_tokens=30)])
    rig.chat(max_tokens=500)
    rig.chat(text="x")
    assert [30, 30] == [body["max_tokens"] for _, body in rig.upstream.asked]
    assert 413 == rig.chat(text="word " * 200).status
    assert 2 == len(rig.upstream.asked)


def test_a_cap_reaches_the_other_kinds_of_request(rig: Rig) -> None:
    rig.rules([Quota(scope("team=ml"), max_output_tokens=30)])
    rig.proxy.post("/v1/messages", _message() | {"max_tokens": 900})
    rig.proxy.post("/v1/responses", {"model": "gpt-premium", "input": f"hi {uuid.uuid4()}"})
    assert [30, 30] == [body.get("max_tokens") or body.get("max_output_tokens") for _, body in rig.upstream.asked]


def test_trap_1_hooks_are_called_by_keyword_with_the_names_that_litellm_uses() -> None:
    if not PROXY.exists():
        absent("LiteLLM")
    found = subprocess.run(
        [str(PROXY.with_name("python")), "-c", SIGNATURES],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT), "LITELLM_LOCAL_MODEL_COST_MAP": "True", "PYTHONPYCACHEPREFIX": str(COMPILED)},
        capture_output=True,
        text=True,
        check=True,
    )
    told: dict[str, list[list[str]]] = json.loads(found.stdout.strip().splitlines()[-1])
    assert 4 == len(told)
    assert [] == [name for name, (ours, theirs) in told.items() if ours != theirs]


def test_trap_3_one_tenants_answers_are_never_given_to_another(rig: Rig) -> None:
    text = f"the same words {uuid.uuid4()}"
    replies = [rig.chat(key=key, text=text, cache=wish) for key, wish in ((ML, {}), (ADS, {"namespace": "t:acme"}))]
    assert [200, 200, 2] == [*(reply.status for reply in replies), len(rig.upstream.asked)]


def test_trap_3_a_tenants_own_answers_are_reused_and_cost_nothing(rig: Rig) -> None:
    text = f"the same words {uuid.uuid4()}"
    rig.chat(text=text)
    eventually(lambda: rig.chat(text=text, key=LAB).status == 200 and len(rig.upstream.asked) <= 2)
    hit = rig.metered(lambda each: each["status"] == "cache_hit")
    assert (0, 0, "lab") == (hit.get("input_tokens", 0), hit.get("output_tokens", 0), hit["team"])  # LAB is of the same tenant


def test_trap_4_who_asks_comes_from_the_key_and_never_from_the_client(rig: Rig) -> None:
    spoof = {"tenant": "globex", "team": "ads", "route": "free", "user_api_key_team_id": "ads", "feature": "search"}
    rig.rules(effects=(DOWNGRADE,))
    reply = rig.chat(metadata=spoof, user="somebody else")
    assert "gpt-4o-mini" == reply.said
    event = rig.metered(lambda each: each.get("feature") == "search")
    assert ("ml", "acme", "chat", "ann") == tuple(event[name] for name in ("team", "tenant", "route", "user"))


@pytest.mark.parametrize(
    "way_out",
    [
        {"fallbacks": ["gpt-premium"]},
        {"context_window_fallbacks": [{"gpt-cheap": ["gpt-premium"]}]},
        {"content_policy_fallbacks": [{"gpt-cheap": ["gpt-premium"]}]},
        {"router_settings_override": {"fallbacks": [{"gpt-cheap": ["gpt-premium"]}]}},
        {"extra_body": {"model": "gpt-4o"}},
        {"fallbacks": ["gpt-premium"], "num_retries": 2},
    ],
)
def test_trap_5_a_client_cannot_fall_back_to_what_was_taken_away(rig: Rig, way_out: dict[str, Any]) -> None:
    rig.rules(effects=(DOWNGRADE,))
    rig.upstream.failing.add("gpt-4o-mini")
    assert rig.chat(**way_out).status >= 400
    assert {"gpt-4o-mini"} == set(rig.upstream.models)


def test_a_client_cannot_leave_the_books(rig: Rig) -> None:
    """`no-log` would hide a request from every callback; a call id of the client's would make ten requests one."""
    for _ in range(3):
        hiding = {"no-log": True, "metadata": {"feature": "hiding", "no-log": True}}
        assert 200 == rig.proxy.post("/v1/chat/completions", _chat() | hiding, x_litellm_call_id="always-the-same").status
    eventually(lambda: 3 == sum(each.get("feature") == "hiding" for each in rig.desk.spooled()))


def test_a_list_of_models_is_refused(rig: Rig) -> None:
    assert [400, 400] == [rig.chat(model).status for model in ("gpt-premium,gpt-cheap", "")]
    assert [] == rig.upstream.asked


def test_trap_6_messages_and_responses_are_rerouted_counted_and_metered_alike(rig: Rig) -> None:
    rig.rules(effects=(DOWNGRADE,))
    replies = [
        rig.proxy.post("/v1/responses", {"model": "gpt-premium", "input": f"hi {uuid.uuid4()}"}),
        rig.proxy.post("/v1/messages", _message()),
        rig.proxy.post("/v1/messages", _message() | {"model": "gpt-premium"}),
    ]
    assert ["gpt-4o-mini", "claude-sonnet-4-5", "gpt-4o-mini"] == [reply.said for reply in replies]
    event = rig.metered(lambda each: each["model"] == "claude-sonnet-4-5")
    assert (100, 20, 40, "ml") == tuple(event[name] for name in ("input_tokens", "cache_read_tokens", "output_tokens", "team"))


def test_trap_6_tokens_that_cost_nothing_and_models_without_a_price_raise_an_alarm(rig: Rig) -> None:
    assert 200 == rig.chat("gpt-odd").status
    eventually(lambda: {("unpriced", "openai/nobody-knows-1"), ("zero_cost", "openai/nobody-knows-1")} <= set(rig.told()))


def test_trap_7_a_stream_the_client_leaves_is_metered_as_an_estimate(rig: Rig) -> None:
    rig.upstream.pause = 0.1
    before = rig.upstream.broken_off
    _leave_a_stream(rig.proxy.port)
    event = rig.metered(lambda each: bool(each.get("estimated")))
    assert ("ml", "gpt-4o", True) == (event["team"], event["model"], event["output_tokens"] > 0)
    eventually(lambda: rig.upstream.broken_off == before + 1)


def test_trap_7_a_stream_read_to_its_end_is_metered_as_the_provider_counted(rig: Rig) -> None:
    rig.proxy.post("/v1/chat/completions", _chat() | {"stream": True, "metadata": {"feature": "whole stream"}})
    rig.proxy.post("/v1/messages", _message() | {"stream": True})
    event = rig.metered(lambda each: each.get("feature") == "whole stream")
    assert (100, 40, None) == (event["input_tokens"], event["output_tokens"], event.get("estimated"))


def test_trap_8_refusals_at_the_door_have_their_own_status(rig: Rig) -> None:
    reply = rig.chat(key="sk-of-a-stranger")
    assert (401, "this API key is not known here") == (reply.status, reply.json["error"]["message"])


@pytest.mark.parametrize(
    "path",
    ["/model/new", "/key/generate", "/config/update", "/v1/batches", "/openai/deployments/gpt-premium/chat/completions", "/v1/files"],
)
def test_a_clients_key_opens_nothing_but_calls_of_models(rig: Rig, path: str) -> None:
    assert 403 == rig.proxy.post(path, {"model": "gpt-premium"}).status
    assert [] == rig.upstream.asked


def test_trap_10_a_daily_budget_holds_without_litellms_database(rig: Rig) -> None:
    """A request costs 80 × 2.50 + 20 × 1.25 + 40 × 10 $ a million, 0.000625 $; so four fit into 0.003 $."""
    words = "word " * 60  # about the 100 tokens that the provider counts
    rig.rules([Quota(scope("team=ads"), cost_per_day=Decimal("0.003"))])
    statuses = [rig.chat(key=ADS, text=f"{words}{number}", max_tokens=40).status for number in range(8)]
    assert [200] * statuses.count(200) + [429] * statuses.count(429) == statuses
    assert 3 <= statuses.count(200) <= 4
    assert "used up for today" in rig.chat(key=ADS, text=words, max_tokens=40).json["error"]["message"]


def test_a_quota_used_up_lets_the_spare_model_answer(rig: Rig) -> None:
    rig.rules([Quota(scope("team=lab"), tokens_per_day=10, fallback=(("gpt-premium", "gpt-cheap"),))])
    assert "gpt-4o-mini" == rig.chat(key=LAB, max_tokens=40).said


def test_an_upstream_that_mostly_fails_is_left_alone_and_tried_again(rig: Rig) -> None:
    rig.upstream.failing.add("nobody-knows-1")
    for _ in range(10):
        rig.chat("gpt-odd")
    tried = len(rig.upstream.asked)
    assert [503, tried, True] == [rig.chat("gpt-odd").status, len(rig.upstream.asked), tried <= 10]
    eventually(lambda: ("circuit_opened", "gpt-odd") in rig.told())
    rig.upstream.failing.clear()
    eventually(lambda: rig.chat("gpt-odd").status == 200)
    eventually(lambda: ("circuit_closed", "gpt-odd") in rig.told())


def test_a_sensitive_route_is_refused_by_its_own_circuit_while_another_goes_on_trying(rig: Rig) -> None:
    circuit = Circuit(requests=3, pause=timedelta(seconds=1))
    rig.rules([Quota(scope("route=chat"), circuit=circuit), Quota(scope("route=batch"), circuit=circuit, when_unsure="open")])
    rig.upstream.failing.add("gpt-4o")
    for key in (ML, LAB):
        for _ in range(3):
            rig.chat(key=key)
    tried = len(rig.upstream.asked)
    assert [503, tried] == [rig.chat().status, len(rig.upstream.asked)]
    assert (True, tried + 1) == (rig.chat(key=LAB).status >= 500, len(rig.upstream.asked))
    assert 200 == rig.chat("gpt-cheap").status
    rig.upstream.failing.clear()
    assert 200 == rig.chat(key=LAB).status
    eventually(lambda: rig.chat().status == 200)


def _chat() -> dict[str, Any]:
    return {"model": "gpt-premium", "messages": [{"role": "user", "content": f"hi {uuid.uuid4()}"}]}


def _message() -> dict[str, Any]:
    return {"model": "claude", "max_tokens": 50, "messages": [{"role": "user", "content": f"hi {uuid.uuid4()}"}]}


def _leave_a_stream(port: int) -> None:
    body = json.dumps(_chat() | {"stream": True}).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {ML}\r\ncontent-length: {len(body)}\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=20) as wire:
        wire.sendall(head.encode() + b"content-type: application/json\r\n\r\n" + body)
        read = b""
        while b"word2" not in read:
            read += wire.recv(4096)
        time.sleep(0.05)
