"""The plug-in in a real LiteLLM proxy when something is wrong: with itself, with finops-bot, with its process."""

import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from finops.configuration.rulebook_quotas import Quota
from finops.ledger.state import writing
from finops.ledger.tables_gateway import gateway_state
from tests.gateway.rig import ADS, LAB, ML, Desk, LlmUpstream, Proxy, eventually, scope, soon

pytestmark = pytest.mark.timeout(300)  # a proxy may take minutes to start where the machine is busy with something else
BROKEN = """
from gateway import litellm_start

guard, auth = litellm_start.guard, litellm_start.auth
known, admit = litellm_start.plugin.guard, litellm_start.plugin.guard.admit


def boom(*_):
    raise ZeroDivisionError("our own mistake")


def sometimes(key):
    return boom() if key.startswith("sk-ads") else admit(key)


known.reserve, known.admit = boom, sometimes
"""


@pytest.fixture
def upstream() -> Iterator[LlmUpstream]:
    made = LlmUpstream()
    yield made
    made.stop()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path / "desk", f"sqlite:///{tmp_path / 'desk' / 'state.sqlite'}")
    yield made
    made.close()


def started(folder: Path, desk: Desk, upstream: LlmUpstream, **more: Any) -> Proxy:
    proxy = Proxy(folder, desk.url, upstream.url, **more)
    try:
        proxy.wait()
        eventually(lambda: (found := desk.gateways.rollout(soon())).workers and not found.behind)
    except BaseException:
        proxy.stop(signal.SIGKILL)
        raise
    return proxy


def test_traps_2_and_8_a_mistake_of_ours_refuses_the_request_and_forwards_nothing(
    tmp_path: Path, desk: Desk, upstream: LlmUpstream
) -> None:
    proxy = started(tmp_path / "proxy", desk, upstream, hooks=("broken.guard", "broken.auth"), modules={"broken": BROKEN})
    try:
        replies = [proxy.chat(), proxy.chat(key=ADS), proxy.post("/v1/messages", {"model": "claude", "max_tokens": 5, "messages": []})]
        assert [503, 503, 503, 0] == [*(reply.status for reply in replies), len(upstream.asked)]
        assert {"the request could not be checked"} == {reply.json["error"]["message"] for reply in replies}
    finally:
        proxy.stop()


@pytest.mark.parametrize("case", ["module", "settings"])
def test_trap_2_without_the_plug_in_or_its_settings_the_proxy_does_not_start(tmp_path: Path, upstream: LlmUpstream, case: str) -> None:
    if case == "module":
        proxy = Proxy(tmp_path / "proxy", "http://127.0.0.1:1", upstream.url, hooks=("nowhere.guard", "nowhere.auth"))
        said = "nowhere"
    else:
        proxy = Proxy(tmp_path / "proxy", "http://127.0.0.1:1", upstream.url, environ={"FINOPS_GATEWAY_KEY": "short"})
        said = "FINOPS_GATEWAY_KEY is shorter than 32 characters"
    assert 0 != proxy.ended()
    assert said in proxy.log.read_text()


def test_while_finops_bot_is_down_closed_routes_are_refused_and_open_ones_served(tmp_path: Path, desk: Desk, upstream: LlmUpstream) -> None:
    desk.change(quotas=[Quota(scope("route=batch"), max_output_tokens=99, when_unsure="open")], ttl=2)
    proxy = started(tmp_path / "proxy", desk, upstream)
    try:
        assert [200, 200] == [proxy.chat(key=key).status for key in (ML, LAB)]
        desk.stop()
        eventually(lambda: proxy.chat(key=ML).status == 503)
        refused = proxy.chat(key=ML)
        assert (503, "1") == (refused.status, refused.headers["retry-after"])
        assert 200 == proxy.chat(key=LAB).status
        desk.start()
        eventually(lambda: proxy.chat(key=ML).status == 200)
        eventually(lambda: 2 == sum(each["team"] == "lab" for each in desk.spooled()))  # what was used meanwhile waited on disk
    finally:
        proxy.stop()


def test_an_older_version_is_refused_for_good_also_after_a_restart(tmp_path: Path, desk: Desk, upstream: LlmUpstream) -> None:
    desk.change(ttl=2)
    proxy = started(tmp_path / "proxy", desk, upstream)
    try:
        with writing(desk.engine) as tx:
            tx.execute(update(gateway_state).values(version=1))  # as after a restored backup
        eventually(lambda: proxy.chat().status == 503)
        proxy.stop()
        proxy = Proxy(tmp_path / "proxy", desk.url, upstream.url).wait()
        time.sleep(1)
        assert 503 == proxy.chat().status
    finally:
        proxy.stop()


def test_two_workers_use_no_more_of_a_quota_than_was_handed_out_and_meter_all_of_it(
    tmp_path: Path, desk: Desk, upstream: LlmUpstream
) -> None:
    """Each request is counted with 140 tokens, so 40 of them fit into 5,600; and SIGTERM loses no event."""
    desk.change(quotas=[Quota(scope("team=ml"), tokens_per_day=5_600)])
    proxy = started(tmp_path / "proxy", desk, upstream, workers=2)
    try:
        eventually(lambda: len(desk.gateways.rollout(soon()).workers) == 2, 60)
        text = "word " * 60
        with ThreadPoolExecutor(8) as pool:
            replies = list(pool.map(lambda number: proxy.chat(text=f"{text}{number}", max_tokens=40), range(80)))
        served = [reply for reply in replies if reply.status == 200]
        assert {200, 429} >= {reply.status for reply in replies}
        assert (True, 5_600) >= (True, 140 * len(served))
        assert 30 <= len(served)  # slices leave little of it unused
    finally:
        proxy.stop()
    assert len(served) == len(upstream.asked) == len(eventually(lambda: len(desk.spooled()) >= len(served) and desk.spooled()))


def test_what_a_killed_worker_had_metered_is_sent_by_the_next(tmp_path: Path, desk: Desk, upstream: LlmUpstream) -> None:
    proxy = started(tmp_path / "proxy", desk, upstream)
    desk.stop()
    assert 200 == proxy.chat().status
    left = eventually(lambda: list((tmp_path / "proxy" / "state" / "usage").glob("*.*")))
    proxy.stop(signal.SIGKILL)
    for path in left:
        path = next(iter((tmp_path / "proxy" / "state" / "usage").glob(f"{path.stem}.*")))
        os.utime(path, (time.time() - 600, time.time() - 600))
    desk.start()
    again = started(tmp_path / "proxy", desk, upstream)
    try:
        assert ["ml"] == [each["team"] for each in eventually(desk.spooled)]
        eventually(lambda: not list((tmp_path / "proxy" / "state" / "usage").glob("*.*")))
    finally:
        again.stop()
