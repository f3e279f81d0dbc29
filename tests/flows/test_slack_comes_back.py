"""Slack goes away while the bot runs, and comes back at the same address."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from bot.assemble import Tools
from bot.demo import with_slack
from bot.manifest import manifest
from bot.serve import Service
from slackbox.server import start
from slackbox.settings import Settings
from tests.conftest import free_port
from tests.flows.slack import BRUNO, COSTS, Slack, eventually


def test_an_outage_ends_with_answers_again(tools: Tools) -> None:
    settings = Settings(manifest(), port=free_port(), rate_limits=False)
    with start(settings) as box:
        service = Service(with_slack(tools, box), http=False)
        service._socket.client.current_app_monitor.interval_seconds = 0.2  # type: ignore[union-attr]  # ten, to others
        service.start()
        slack = Slack(box, service)
        assert "All charges came to" in slack.ask("last 7d")
    eventually(lambda: not service.connected())
    with start(settings) as box:
        eventually(service.connected)
        assert "All charges came to" in Slack(box, service).ask("last 7d")
        service.stop()


class Forgetful:
    """What a client keeps of its session; one that is just connecting clears what it was told a moment before."""

    told = 0
    is_running = False

    @property
    def terminated(self) -> bool:
        self.is_running = True
        return self.told > 1

    @terminated.setter
    def terminated(self, value: bool) -> None:
        self.told += value


def test_it_ends_even_where_it_is_told_to_while_it_connects(tools: Tools) -> None:
    with start(Settings(manifest(), rate_limits=False)) as box:
        service = Service(with_slack(tools, box), http=False)
        service.start()
        client = service._socket.client  # type: ignore[union-attr]
        before, now = client.current_session_state, Forgetful()
        client.current_session_state = now
        before.terminated = True
        assert eventually(lambda: now.is_running)
        service.stop()
        assert not client.is_connected()


def test_what_was_heard_before_it_is_told_to_end_is_acknowledged(tools: Tools) -> None:
    heard, ending = threading.Event(), threading.Event()

    def dawdle(*_: Any) -> None:
        heard.set()
        assert ending.wait(20)
        time.sleep(0.2)  # meanwhile it hangs up

    with start(Settings(manifest(), rate_limits=False)) as box, ThreadPoolExecutor(1) as user:
        service = Service(with_slack(tools, box), http=False)
        service.start()
        service._socket.client.socket_mode_request_listeners.insert(0, dawdle)  # type: ignore[union-attr]
        typed = user.submit(Slack(box, service).call, "command", user=BRUNO, channel=COSTS, text="/cost help")
        assert heard.wait(20)
        ending.set()
        service.stop()
        assert typed.result()["acked"]
