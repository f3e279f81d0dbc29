"""A signal ends the wait whichever thread the system gives it to, and however early it comes."""

import subprocess
import sys

import pytest

TOLD_TO_ANOTHER_THREAD = """
import signal, threading, time
{prepare}

def tell():
    time.sleep(0.2)
    signal.pthread_kill(threading.get_ident(), signal.{name})

threading.Thread(target=tell, daemon=True).start()
{wait}
"""
OURS = ("from bot.stopping import Stopping\nstopping = Stopping()", "stopping.wait()")
PREPARE_SLACKBOX = """
from slackbox.__main__ import MANIFEST
from slackbox.server import start
from slackbox.settings import Settings
signal.signal(signal.SIGTERM, signal.default_int_handler)
box = start(Settings(MANIFEST))
"""
WAIT_FOR_SLACKBOX = """
try:
    box.wait()
except KeyboardInterrupt:
    pass
"""


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
@pytest.mark.parametrize(("prepare", "wait"), [OURS, (PREPARE_SLACKBOX, WAIT_FOR_SLACKBOX)], ids=["bot", "slackbox"])
def test_a_signal_that_another_thread_gets_ends_the_wait(prepare: str, wait: str, name: str) -> None:
    script = TOLD_TO_ANOTHER_THREAD.format(prepare=prepare, wait=wait, name=name)
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert (0, "") == (ended.returncode, ended.stderr)


def test_a_signal_that_comes_before_the_wait_ends_it() -> None:
    script = f"{OURS[0]}\nimport signal\nsignal.raise_signal(signal.SIGTERM)\n{OURS[1]}"
    assert 0 == subprocess.run([sys.executable, "-c", script], timeout=60, check=False).returncode
