"""What gateways ask at the door: snapshots that wait, shares, events, and decisions for those without our plug-in."""

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from api.app import Door, HttpDoor
from api.guard import LONGEST_WAIT, Control
from bot.web import HttpServer
from finops.configuration.rulebook_quotas import Quota
from finops.guard.snapshot import Effect, Figures, TokenPrice, compile_snapshot
from finops.ledger.gateway import Gateways, bump
from finops.ledger.state import open_state, writing
from finops.settings import Address
from finops.sources.spool import Limits, SpoolWriter
from gateway.snapshot import Said, SnapshotError, key_digest, unseal
from tests.api.conftest import NOW, TOKEN, Served

KEY = b"key-of-the-snapshots-0123456789abcdef"
ML = {"team": "ml", "tenant": "acme"}


@dataclass
class Gatehouse(Served):
    """The door with a state database of its own."""

    gateways: Gateways = field(kw_only=True)
    door: HttpDoor = field(init=False)
    quotas: list[Quota] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)

    def change(self, **fields: Any) -> int:
        with writing(self.gateways._engine) as tx:
            for name, value in fields.items():
                setattr(self, name, value)
            return bump(tx, NOW, "test")

    def ask(self, **told: Any) -> tuple[Said, int]:
        query = "&".join(f"{name}={value}" for name, value in {"worker": "w1", "have": 0, "nonce": "n1", **told}.items())
        reply = self.send(f"/v1/guard/snapshot?{query}")
        assert 200 == reply.status, reply.body
        return unseal(json.dumps(reply.json["sealed"]), KEY), reply.json["workers"]

    def post(self, name: str, body: Any) -> Any:
        return self.send(f"/v1/guard/{name}", json.dumps(body).encode(), kind="application/json")

    def check(self, **told: Any) -> dict[str, Any]:
        reply = self.post("check", {"input": {"identity": ML, "model": "premium", "input_tokens": 10} | told})
        assert 200 == reply.status, reply.body
        found: dict[str, Any] = reply.json["result"]
        return found


@pytest.fixture
def gatehouse(tmp_path: Path) -> Iterator[Gatehouse]:
    engine = open_state(f"sqlite:///{tmp_path / 'state.sqlite'}")
    spool = SpoolWriter(tmp_path / "spool", "w", Limits(seconds=3600))
    figures = Figures(prices={"premium": TokenPrice(Decimal(10), Decimal(30))})
    made = Gatehouse("", tmp_path / "spool", spool, gateways=Gateways(engine))

    def document(version: int) -> dict[str, Any]:
        return compile_snapshot(version, NOW, made.quotas, made.effects, made.gateways.keys(), figures)

    control = Control(KEY, made.gateways, document, lambda: "UTC", lambda: NOW, time.monotonic)
    made.door = HttpDoor(Door((("gateway", TOKEN),), spool, lambda: NOW, lambda *_: {}, guard=control))
    server = HttpServer(made.door.application("1"), Address("127.0.0.1", 0))
    server.start()
    made.url = f"http://127.0.0.1:{server.port}"
    yield made
    made.door.leave()
    server.stop()
    spool.close()
    engine.dispose()


def scope(**of: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return tuple((name, (value,)) for name, value in of.items())


def test_a_snapshot_comes_at_once_where_they_have_an_older_one(gatehouse: Gatehouse) -> None:
    gatehouse.gateways.add_key(key_digest("key-ml"), ML, NOW, "ann")
    version = gatehouse.change(quotas=[Quota(scope(team="ml"), tokens_per_day=5)])
    said, workers = gatehouse.ask(wait=20)
    assert said.snapshot
    assert (version, 1, "n1", 15.0) == (said.version, workers, said.nonce, said.ttl)
    assert ({key_digest("key-ml"): ML}, 5) == (said.snapshot.keys, said.snapshot.limits[0].tokens_per_day)


def test_a_poll_hears_of_news_before_its_wait_is_over(gatehouse: Gatehouse) -> None:
    have = gatehouse.change()
    heard: list[tuple[int, float]] = []

    def wait() -> None:
        heard.append((gatehouse.ask(have=have, wait=LONGEST_WAIT)[0].version, time.monotonic()))

    began = time.monotonic()
    polls = [threading.Thread(target=wait) for _ in range(3)]
    for poll in polls:
        poll.start()
    time.sleep(0.3)
    assert [] == heard
    version = gatehouse.change(effects=[Effect("P-1", "gateway.block", "team=ml", {"reason": "stop"})])
    for poll in polls:
        poll.join()
    assert [version] * 3 == [each for each, _ in heard]
    assert max(at for _, at in heard) - began < LONGEST_WAIT


def test_a_poll_without_news_is_told_that_all_still_holds(gatehouse: Gatehouse) -> None:
    have = gatehouse.change()
    said, _ = gatehouse.ask(have=have, wait=0.1)
    assert (have, None, "n1") == (said.version, said.snapshot, said.nonce)


def test_a_door_that_closes_lets_nobody_wait(gatehouse: Gatehouse) -> None:
    have = gatehouse.change()
    began = time.monotonic()
    threading.Timer(0.2, gatehouse.door.leave).start()
    assert (have, None) == ((said := gatehouse.ask(have=have, wait=LONGEST_WAIT)[0]).version, said.snapshot)
    assert time.monotonic() - began < LONGEST_WAIT


def test_workers_are_counted_and_how_far_a_version_has_come_is_known(gatehouse: Gatehouse) -> None:
    old = gatehouse.change()
    gatehouse.ask(worker="w1", have=old)
    assert 2 == gatehouse.ask(worker="w2", have=old)[1]
    new = gatehouse.change()
    gatehouse.ask(worker="w1", have=new)
    assert ("w2",) == gatehouse.gateways.rollout(NOW).behind


def test_a_snapshot_that_was_changed_on_its_way_or_signed_by_another_is_not_taken(gatehouse: Gatehouse) -> None:
    gatehouse.change()
    sealed = gatehouse.send("/v1/guard/snapshot?worker=w1").json["sealed"]
    changed = {**sealed, "payload": sealed["payload"].replace('"closed"', '"open"')}
    for text, key in ((json.dumps(changed), KEY), (json.dumps(sealed), b"another-key-0123456789abcdef01234567"), ("{}", KEY), ("[", KEY)):
        with pytest.raises(SnapshotError):
            unseal(text, key)


def test_shares_are_handed_out_by_the_quotas_of_the_snapshot(gatehouse: Gatehouse) -> None:
    gatehouse.change(quotas=[Quota(scope(team="ml"), tokens_per_day=1_000)])
    amounts = {name: {"tokens": 0, "cost": "0"} for name in ("used", "allowed")}
    share = {"limit": "team=ml", "subject": "", "day": "", **amounts, "want": {"tokens": 400, "cost": "0"}}
    answers = [gatehouse.post("lease", {"worker": worker, "seq": 1, "shares": [share]}).json["shares"][0] for worker in ("a", "b", "c")]
    assert [400, 400, 200] == [answer["allowed"]["tokens"] for answer in answers]
    assert ("2026-09-28", 60, 43_200) == (answers[0]["day"], answers[0]["lasts"], answers[0]["day_left"])


@pytest.mark.parametrize(
    "body", [{}, {"worker": "w"}, {"worker": "w", "seq": 1, "shares": [{}]}, {"worker": "", "seq": 1, "shares": []}, []]
)
def test_what_is_no_report_is_refused(gatehouse: Gatehouse, body: Any) -> None:
    assert 400 == gatehouse.post("lease", body).status


def test_events_are_kept(gatehouse: Gatehouse) -> None:
    assert 202 == gatehouse.post("events", {"worker": "w", "version": 1, "events": [{"kind": "unpriced", "model": "odd"}]}).status
    assert [("w", "unpriced")] == [(told.worker, told.kind) for told in gatehouse.gateways.told(NOW - timedelta(days=1))]


def test_a_check_answers_as_the_plug_in_would(gatehouse: Gatehouse) -> None:
    effect = Effect("P-1", "gateway.fallback", "team=ml", {"fallback": {"premium": "cheap"}})
    version = gatehouse.change(effects=[effect], quotas=[Quota(scope(tenant="acme"), max_output_tokens=50)])
    found = gatehouse.check()
    assert (True, "cheap", 50, version) == (found["allow"], found["route_to"], found["max_output_tokens"], found["snapshot_version"])
    assert ["cheap answers instead of premium (P-1 team=ml)"] == found["reasons"]


def test_a_check_knows_a_client_by_its_key(gatehouse: Gatehouse) -> None:
    gatehouse.gateways.add_key(key_digest("key-ml"), ML, NOW, "ann")
    gatehouse.change(effects=[Effect("P-1", "gateway.block", "team=ml", {"reason": "over budget"})])
    told = {"model": "premium", "input_tokens": 1}
    replies = [gatehouse.post("check", {"input": told | {"key": key}}).json["result"] for key in ("key-ml", "key-of-a-stranger")]
    assert [(False, 429, ["over budget"]), (False, 401, ["this API key is not known here"])] == [
        (reply["allow"], reply["status"], reply["reasons"]) for reply in replies
    ]


def test_a_check_counts_what_it_allows_against_the_daily_quota(gatehouse: Gatehouse) -> None:
    gatehouse.change(quotas=[Quota(scope(team="ml"), tokens_per_day=100)])
    found = [gatehouse.check(input_tokens=20, max_output_tokens=20) for _ in range(4)]
    assert [True, True, False, False] == [each["allow"] for each in found]
    assert (429, ["the quota of team=ml is used up for today"]) == (found[3]["status"], found[3]["reasons"])


def test_a_check_of_a_key_that_was_revoked_is_refused(gatehouse: Gatehouse) -> None:
    gatehouse.gateways.add_key(key_digest("key-ml"), ML, NOW, "ann")
    told = {"input": {"key": "key-ml", "model": "premium", "input_tokens": 1}}
    assert gatehouse.post("check", told).json["result"]["allow"]
    gatehouse.gateways.revoke_key(key_digest("key-ml"), NOW, "ann")
    assert 401 == gatehouse.post("check", told).json["result"]["status"]


@pytest.mark.parametrize(
    "told",
    [
        {},
        {"model": ""},
        {"identity": {}},
        {"identity": {"team": 3}},
        {"key": "k"},
        {"input_tokens": None},
        {"input_tokens": "10"},
        {"input_tokens": -1},
        {"max_output_tokens": 0},
    ],
)
def test_a_check_of_something_incomplete_is_refused_and_never_allowed(gatehouse: Gatehouse, told: dict[str, Any]) -> None:
    whole = {"identity": ML, "model": "premium", "input_tokens": 10} | told if told else {}
    assert 400 == gatehouse.post("check", {"input": whole}).status


@pytest.mark.parametrize("query", ["", "worker=", "worker=w&have=x", "worker=w&have=-1", "worker=w&wait=soon", "worker=w&wait=nan"])
def test_a_poll_that_cannot_be_understood_is_refused(gatehouse: Gatehouse, query: str) -> None:
    assert 400 == gatehouse.send(f"/v1/guard/snapshot?{query}").status


@pytest.mark.parametrize("name", ["snapshot", "lease", "events", "check"])
def test_nobody_is_served_without_a_token_or_where_no_key_is_set(gatehouse: Gatehouse, served: Served, name: str) -> None:
    body = None if name == "snapshot" else b"{}"
    assert 401 == gatehouse.send(f"/v1/guard/{name}", body, token=None).status
    reply = served.send(f"/v1/guard/{name}", body)
    assert (503, True) == (reply.status, reply.json["error"].startswith("FINOPS_GATEWAY_KEY is not set"))
