"""Many ask at the same moment: all are acknowledged in time and answered, and nobody shuts out the others."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from bot.desk import Desk
from tests.flows.slack import ANA, BRUNO, CHEN, COSTS, DORA, GENERAL, ML, SEARCH, Slack, eventually, words

BUSY = "I am answering as many questions as I can"


def typed_at_once(slack: Slack, asked: list[tuple[str, str, str]]) -> None:
    with ThreadPoolExecutor(len(asked)) as pool:
        list(pool.map(lambda one: slack.call("command", user=one[0], channel=one[1], text=one[2]), asked))


def answers(slack: Slack, user: str, channel: str = COSTS) -> list[str]:
    return [words(message) for message in slack.messages(user, channel) if message["ephemeral"]]


def test_twenty_commands_of_several_people_are_all_acknowledged_in_time_and_answered(slack: Slack) -> None:
    """Five people cannot have more than four open each; twenty in waves of four stay below that."""
    people = [(ANA, GENERAL), (BRUNO, ML), (CHEN, SEARCH), (DORA, GENERAL)]
    asked = [(user, channel, f"/cost last {days}d by=service") for user, channel in people for days in (3, 5, 7, 14)]
    more = [(user, COSTS, "/cost last 30d") for user, _ in people]
    everybody = [*people, *((user, COSTS) for user, _ in people)]
    known = {each: len(answers(slack, *each)) for each in everybody}
    before = len(slack.log("delivery"))
    typed_at_once(slack, asked)
    eventually(lambda: all(len(answers(slack, *each)) == known[each] + 4 for each in people))
    typed_at_once(slack, more)
    eventually(lambda: all(len(answers(slack, user)) == known[user, COSTS] + 1 for user, _ in people))
    assert [200] * 20 == [line["status"] for line in slack.log("delivery")[before:]]  # after three seconds it would be 0
    assert not any(BUSY in answer for each in everybody for answer in answers(slack, *each)[known[each] :])


def test_a_flood_of_one_person_is_refused_politely_while_others_are_served(slack: Slack) -> None:
    before = len(answers(slack, BRUNO))
    flood = threading.Thread(target=typed_at_once, args=(slack, [(BRUNO, COSTS, "/cost last 30d by=team")] * 30))
    flood.start()
    assert "All charges came to" in slack.ask("last 7d", DORA)
    flood.join()
    slack.settle()
    eventually(lambda: len(answers(slack, BRUNO)) == before + 30)
    refused = [answer for answer in answers(slack, BRUNO)[before:] if BUSY in answer]
    assert 4 <= 30 - len(refused) < 30
    assert "All charges came to" in slack.ask("last 7d", BRUNO)


def test_a_click_while_too_much_is_open_is_not_ignored(slack: Slack) -> None:
    answer = slack.type("/cost last 7d by=team", CHEN)
    with keeping_busy(slack.service.slack.desk, CHEN):
        assert BUSY in slack.share(answer, CHEN)
    slack.settle()
    assert "is now in" in slack.share(answer, CHEN)


@contextmanager
def keeping_busy(desk: Desk, user: str) -> Iterator[None]:
    """Give the desk as much work of this person as it takes, and let it be done at the end."""
    done = threading.Event()

    def work() -> None:
        done.wait()

    while desk.take(user, work):
        pass
    yield
    done.set()


def test_a_command_of_a_megabyte_is_told_its_limit(slack: Slack) -> None:
    assert "at most 2,000 characters" in slack.ask("x" * 1_000_000, ANA, GENERAL)
