"""The desk: bounded, fair, and it finishes what it took."""

import threading
import time
from collections.abc import Iterator
from functools import partial
from queue import SimpleQueue

import pytest

from bot.desk import Afterwards, Desk


class Held:
    """Work that stays open until it is let go."""

    def __init__(self) -> None:
        self._go = threading.Event()

    def __call__(self) -> None:
        self._go.wait(10)

    def let_go(self) -> None:
        self._go.set()


@pytest.fixture
def held() -> Iterator[Held]:
    held = Held()
    yield held
    held.let_go()


def test_work_is_done() -> None:
    desk, done = Desk(2), threading.Event()
    assert desk.take("ana", done.set)
    assert done.wait(5)
    assert 0 == desk.close()


def test_one_person_may_have_only_so_much_open_and_others_still_may(held: Held) -> None:
    desk = Desk(1, each=2)
    assert [True, True, False] == [desk.take("ana", held) for _ in range(3)]
    assert desk.take("bruno", held)


def test_all_together_may_have_only_so_much_open(held: Held) -> None:
    desk = Desk(1, waiting=3)
    assert [True, True, True, False] == [desk.take(person, held) for person in "abcd"]


def test_what_is_done_makes_room(held: Held) -> None:
    desk = Desk(1, each=1)
    assert desk.take("ana", held)
    held.let_go()
    assert 0 == desk.close()
    assert not desk._open


def test_work_that_fails_is_logged_and_the_next_is_done(caplog: pytest.LogCaptureFixture) -> None:
    desk, done = Desk(1), threading.Event()
    desk.take("ana", lambda: [][0])
    desk.take("ana", done.set)
    assert done.wait(5)
    assert "work for ana failed" in caplog.text
    desk.close()


def test_closing_finishes_what_was_taken_and_takes_nothing_more() -> None:
    desk, done = Desk(1), SimpleQueue[str]()
    desk.take("ana", lambda: time.sleep(0.05))
    for word in "abc":
        desk.take("ana", partial(done.put, word))
    assert 0 == desk.close()
    assert "abc" == "".join(done.get_nowait() for _ in range(done.qsize()))
    assert not desk.take("ana", lambda: None)


def test_closing_waits_only_so_long_and_drops_what_nobody_began(held: Held, caplog: pytest.LogCaptureFixture) -> None:
    desk, begun = Desk(1), threading.Event()
    desk.take("ana", held)
    desk.take("bruno", begun.set)
    assert 2 == desk.close(0.05)
    held.let_go()
    assert not begun.wait(0.2)
    assert "stopped with 2 questions unanswered" in caplog.text


def test_its_threads_end_with_it() -> None:
    desk = Desk(3)
    desk.close()
    for thread in desk._threads:
        thread.join(5)
    assert not any(thread.is_alive() for thread in desk._threads)


def test_what_comes_of_a_thing_is_said_after_the_thing_itself() -> None:
    said: list[str] = []
    order = Afterwards()
    order.then(lambda: said.append("it is active"))
    assert [] == said
    order.first(lambda: said.append("it is approved"))
    order.then(lambda: said.append("it is over"))
    assert ["it is approved", "it is active", "it is over"] == said


def test_what_was_held_back_is_said_even_where_the_first_failed() -> None:
    said: list[str] = []
    order = Afterwards()
    order.then(lambda: said.append("it is active"))
    with pytest.raises(RuntimeError, match="no Slack"):
        order.first(partial(_fail, "no Slack"))
    assert ["it is active"] == said


def _fail(why: str) -> None:
    raise RuntimeError(why)
