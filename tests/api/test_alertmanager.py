"""Alertmanager's webhook: at the door, and how its alerts become findings."""

import gzip
import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.app import Door, HttpDoor
from bot.web import HttpServer
from finops.errors import LedgerError, UserError
from finops.guard.alertmanager import findings
from finops.guard.findings import Finding
from finops.settings import Address
from finops.sources.spool import Limits, SpoolWriter
from tests.api.conftest import NOW, TOKEN, Served

ALERT: dict[str, Any] = {
    "status": "firing",
    "labels": {"alertname": "GpuQueueLong", "team": "ml", "env": "prod", "severity": "page", "queue": "llm"},
    "annotations": {"summary": "The queue of llm is 400 deep.", "description": "It was 20 an hour ago."},
    "startsAt": "2026-09-28T11:40:00.123Z",
    "endsAt": "0001-01-01T00:00:00Z",
    "generatorURL": "http://prometheus.test/graph?g0.expr=x",
    "fingerprint": "51b8d4c6a1c6f1b2",
}


def delivery(*alerts: dict[str, Any], **more: Any) -> dict[str, Any]:
    told = {"version": "4", "groupKey": '{}:{alertname="GpuQueueLong"}', "status": "firing", "receiver": "finops-bot"}
    return {**told, "truncatedAlerts": 0, "groupLabels": {}, "externalURL": "http://am.test", "alerts": list(alerts), **more}


def one(**changed: Any) -> Finding:
    [found] = findings(delivery({**ALERT, **changed}), NOW).findings
    return found


class Taking:
    """What the composition root would do with findings."""

    def __init__(self) -> None:
        self.taken: list[Finding] = []
        self.fails = False

    def __call__(self, found: Sequence[Finding]) -> None:
        if self.fails:
            raise LedgerError("the state database does not answer")
        self.taken += found


@pytest.fixture
def taking() -> Taking:
    return Taking()


@pytest.fixture
def door(tmp_path: Path, taking: Taking) -> Iterator[Served]:
    spool = SpoolWriter(tmp_path / "spool", "w", Limits(seconds=3600))
    made = Door((("alertmanager", TOKEN),), spool, lambda: NOW, lambda *_: {}, take_alerts=taking)
    server = HttpServer(HttpDoor(made).application("1"), Address("127.0.0.1", 0))
    server.start()
    yield Served(f"http://127.0.0.1:{server.port}", tmp_path / "spool", spool)
    server.stop()
    spool.close()


def send(door: Served, document: object, **how: Any) -> tuple[int, Any]:
    reply = door.send("/v1/alertmanager", json.dumps(document).encode(), kind="application/json", **how)
    return reply.status, reply.json


def test_an_alert_becomes_a_finding(door: Served, taking: Taking) -> None:
    assert (202, {"accepted": 1, "rejected": [], "rejected_count": 0}) == send(door, delivery(ALERT))
    [found] = taking.taken
    assert ("GpuQueueLong", "critical", "The queue of llm is 400 deep.") == (found.rule, found.severity, found.title)
    assert (("env", ("prod",)), ("team", ("ml",))) == found.scope
    assert {"team": "ml", "env": "prod", "queue": "llm", "description": "It was 20 an hour ago."} == found.facts
    assert ("firing", "51b8d4c6a1c6f1b2") == (found.evidence["status"], found.evidence["fingerprint"])


def test_an_alert_is_one_finding_however_often_it_comes_and_also_when_it_ends() -> None:
    again = one(annotations={"summary": "The queue of llm is 500 deep."})
    ended = one(status="resolved", endsAt="2026-09-28T12:00:00Z")
    assert one().key == again.key == ended.key
    assert ("resolved", "2026-09-28T12:00:00Z") == (ended.evidence["status"], ended.evidence["ends_at"])


def test_another_beginning_or_another_label_is_another_finding() -> None:
    others = [one(startsAt="2026-09-28T11:41:00Z"), one(labels={**ALERT["labels"], "queue": "batch"})]
    assert 3 == len({one().key, *(other.key for other in others)})


def test_what_others_write_into_an_alert_stays_short_and_visible() -> None:
    found = one(labels={"alertname": "x" * 900, "a\u202eb": "v\x00" * 900}, annotations={}, generatorURL="javascript:alert(1)")
    assert (100, None) == (len(found.rule), found.evidence["url"])
    assert ["ab"] == list(found.facts)
    assert 500 == len(found.facts["ab"])


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"labels": {"team": "ml"}}, "has no label alertname"),
        ({"labels": "x"}, "has labels that are not an object"),
        ({"status": "flapping"}, "is neither firing nor resolved but 'flapping'"),
        ({"startsAt": "yesterday"}, "does not say since when; startsAt is 'yesterday'"),
        ({"startsAt": "2027-09-28T11:40:00Z"}, "does not say since when"),
        ({"startsAt": "2026-09-28T11:40:00"}, "does not say since when"),
    ],
)
def test_an_alert_that_cannot_be_read_is_told_and_the_others_taken(door: Served, taking: Taking, changed: dict[str, Any], why: str) -> None:
    status, told = send(door, delivery({**ALERT, **changed}, ALERT))
    assert (202, 1, 1) == (status, told["accepted"], told["rejected_count"])
    assert told["rejected"][0].startswith(f"alerts[0] {why}")


def test_a_delivery_of_which_nothing_can_be_read_is_refused(door: Served) -> None:
    status, told = send(door, delivery({**ALERT, "status": ""}))
    assert (400, "no alert can be read; the first: alerts[0] is neither firing nor resolved but ''") == (status, told["error"])


@pytest.mark.parametrize("document", [[], {"version": "4"}, {"version": "3", "alerts": []}, 7, delivery(*[ALERT] * 1001)])
def test_what_is_no_delivery_is_refused(door: Served, taking: Taking, document: object) -> None:
    assert 400 == send(door, document)[0]
    assert [] == taking.taken


def test_nobody_comes_in_without_a_token(door: Served, taking: Taking) -> None:
    assert [401, 401] == [send(door, delivery(ALERT), token=token)[0] for token in (None, "of somebody else")]
    assert [] == taking.taken


def test_what_could_not_be_kept_is_asked_for_again(door: Served, taking: Taking) -> None:
    taking.fails = True
    assert 500 == send(door, delivery(ALERT))[0]  # Alertmanager repeats what failed with 5xx


def test_a_packed_body_is_unpacked_and_a_swollen_one_refused(door: Served, taking: Taking) -> None:
    packed = gzip.compress(json.dumps(delivery(ALERT)).encode())
    bomb = gzip.compress(b" " * 50_000_000)
    statuses = [door.send("/v1/alertmanager", body, content_encoding="gzip").status for body in (packed, bomb)]
    assert [202, 413] == statuses
    assert 1 == len(taking.taken)


def test_a_process_that_keeps_no_alerts_says_so(served: Served) -> None:
    reply = served.send("/v1/alertmanager", json.dumps(delivery(ALERT)).encode())
    assert (503, "60") == (reply.status, reply.headers["retry-after"])


def test_the_route_is_documented(served: Served) -> None:
    described = served.send("/openapi.json").json["paths"]["/v1/alertmanager"]["post"]
    assert [{"token": []}] == described["security"]


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(sorted(ALERT)), anything), st.timedeltas(timedelta(), timedelta(days=9)))
def test_whatever_an_alert_holds_it_is_a_finding_or_a_problem(changed: dict[str, Any], later: timedelta) -> None:
    read = findings(delivery({**ALERT, **changed}), datetime(2026, 9, 28, 12, tzinfo=UTC) + later)
    assert 1 == len(read.findings) + len(read.problems)
    assert all(len(found.title) <= 300 and len(found.key) < 1000 and json.dumps(found.evidence) for found in read.findings)


def test_a_version_of_tomorrow_is_refused_in_a_sentence() -> None:
    with pytest.raises(UserError, match="version '5' of Alertmanager's webhook is not known; send version 4"):
        findings(delivery(version="5"), NOW)
