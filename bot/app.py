"""The Bolt app: everything Slack sends comes in here, is acknowledged at once and worked on at our own desk."""

import logging
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from slack_bolt import Ack, App
from slack_bolt.error import BoltError

from bot.assemble import Tools
from bot.blocks import (
    Chart,
    Message,
    answer_blocks,
    busy_message,
    error_blocks,
    fits_native,
    help_blocks,
    split_choice,
    worth_a_chart,
)
from bot.clockwork import holder
from bot.commands import VERBS, ask, reply
from bot.deciding import Acting
from bot.decisions import Decisions
from bot.decisions import Surroundings as Deciding
from bot.deliveries import delivery_key, key
from bot.desk import Desk
from bot.home import home_view, noted, waiting_for
from bot.levers import carry_out, end_early
from bot.messages_verb import MessagesReply
from bot.messenger import Messenger, NotSaidError, Place, web_client
from bot.outgoing import Courier, deliverer
from bot.pages import lines_message
from bot.people import People, who_we_are
from bot.replies import Asking, CostReply, Reply, TextReply
from bot.sharing import Sharing
from bot.why_verb import why_answer
from finops.answers import Answer
from finops.charts import draw
from finops.charts_drawn import draw_drawing
from finops.errors import FinopsError, UserError
from finops.language.query_json import from_json
from finops.ledger.taken import take
from finops.query import CostQuery, parse
from finops.secret import Secret

LOG = logging.getLogger("finops.slack")
Body = dict[str, Any]
Make = Callable[[], Message]


class SlackApp:
    """Listeners over the tools. Figures are shown to the one who asked; sharing is a second, deliberate step.

    A delivery is worked on once: its key is taken before the work, so a process that dies in between leaves a question
    unanswered, which the person sees, rather than posted twice. `clock` counts seconds.
    `acting` carries out what is approved; without it our own levers do.
    """

    def __init__(self, tools: Tools, *, clock: Callable[[], float], acting: Acting | None = None) -> None:
        settings = tools.settings
        assert settings.slack_bot_token is not None
        self.tools = tools
        self.client = web_client(settings.slack_bot_token.reveal(), settings.slack_api_url)
        self.us = who_we_are(self.client)
        self.messenger = Messenger(self.client)
        self.people = People(self.client, clock, self.us)
        self.courier = Courier(deliverer(tools, self.client))  # wake it after a change whose message should not wait
        self.sharing = Sharing(tools, self.messenger, lambda said: self._cost_message(said, controls=False))
        around = Deciding(tools, self.client, self.us, self.messenger, self.courier.wake, self._failure, self._publish_home)
        self.decisions = Decisions(around, acting or _levers(tools))
        self.bolt = self._bolt(settings.slack_signing_secret)
        self.desk = Desk(settings.workers)
        self.porter = Desk(1, waiting=20, each=1)  # tells people that the desk is full, each of them once at a time
        self._register()

    def close(self) -> None:
        self.desk.close()
        self.decisions.close()
        self.courier.stop()
        self.porter.close(0.5)

    def _bolt(self, signing_secret: Secret | None) -> App:
        LOG.addFilter(_is_news)
        try:
            app = App(
                client=self.client,
                signing_secret=signing_secret.reveal() if signing_secret else secrets.token_hex(),  # Socket Mode verifies none
                request_verification_enabled=signing_secret is not None,
                logger=LOG,
            )
        except BoltError as problem:
            raise FinopsError(f"Slack took the bot token and then did not ({problem}); start again") from problem
        if app.oauth_flow is not None:
            raise UserError(
                "SLACK_CLIENT_ID and SLACK_CLIENT_SECRET are set, which would put an installation in place of the token; unset them"
            )
        return app

    def _register(self) -> None:
        self.bolt.command("/cost")(self.command)
        self.bolt.event("app_mention")(self.mention)
        self.bolt.event("app_home_opened")(self.home)
        self.bolt.action("share")(self.share)
        self.bolt.action("period")(self.change)
        self.bolt.action("by")(self.change)
        self.bolt.action("why")(self.why)
        self.decisions.register(self.bolt)

    def command(self, ack: Ack, body: Body) -> None:
        """`/cost …`: answered for the person who typed it, through the response_url, so that it works in every channel."""
        place = Place(body["channel_id"], body["user_id"], response_url=Secret(body["response_url"]))
        if self._take(place, body, lambda: self._answer(place.user, body.get("text") or "")):
            ack()
        else:
            ack(text=busy_message().text)

    def mention(self, ack: Ack, event: Body, body: Body) -> None:
        """`@finops-bot …`: the same words, answered in the thread for the person who asked."""
        ack()
        user = event.get("user")
        if not user or event.get("bot_id"):  # bots that answer each other never end
            return
        place = Place(event["channel"], user, event.get("thread_ts"))
        text = after_mention(event.get("text") or "", self.us.bot_user)
        self._take_click(place, body, lambda: self._answer(user, text))

    def home(self, ack: Ack, event: Body) -> None:
        ack()
        if event.get("tab") == "home":
            user = event["user"]
            self.desk.take(user, lambda: self._publish_home(user))

    def change(self, ack: Ack, body: Body, action: Body) -> None:
        """Another period or breakdown: the same answer, edited in place."""
        ack()
        place = clicked(body)
        identity, choice = split_choice((action.get("selected_option") or {}).get("value", ""))
        self._take_click(place, body, lambda: self._changed(place.user, identity, action["action_id"], choice), edits=True)

    def why(self, ack: Ack, body: Body, action: Body) -> None:
        """Why the cost changed that an answer told: a message of its own below it."""
        ack()
        place, identity = clicked(body), action.get("value", "")
        self._take_click(place, body, lambda: self._message(why_answer(self.tools, identity, self._asking(place.user))))

    def share(self, ack: Ack, body: Body, action: Body) -> None:
        """Post the answer for the whole channel, once, however often the button is clicked."""
        ack()
        place, identity = clicked(body), action.get("value", "")
        once = key("share", [place.channel, body["container"].get("message_ts"), identity])
        self._take_click(place, body, lambda: self.sharing.share(place, identity, once))

    def _take(self, place: Place, body: Body, make: Make, *, edits: bool = False) -> bool:
        return self.desk.take(place.user, lambda: self._once(place, delivery_key(body), make, edits=edits))

    def _take_click(self, place: Place, body: Body, make: Make, *, edits: bool = False) -> None:
        """Like `_take`, for deliveries whose acknowledgement shows nothing: whoever finds the desk full is told apart from it."""
        if not self._take(place, body, make, edits=edits):
            self.porter.take(place.user, lambda: self._say(place, busy_message()))

    def _once(self, place: Place, taken: str, make: Make, *, edits: bool) -> None:
        """Do what a delivery asks for, unless it is one that came before. Whatever goes wrong, the person hears of it."""
        message, fails = None, False
        try:
            if not take(self.tools.ledger.engine, taken, self.tools.now()):
                LOG.info("a delivery came again; nothing done")
                return
            self.people.may_ask(place.user)
            message = make()
        except UserError as problem:
            message, fails = error_blocks(str(problem), problem.suggestion, problem.did_you_mean), True
        except Exception as problem:  # whatever it was
            message, fails = self._failure(problem), True
        self._say(place, message, edits=edits and not fails)

    def _say(self, place: Place, message: Message, *, edits: bool = False) -> None:
        try:
            self.messenger.answer(place, message, edits=edits)
        except NotSaidError as problem:
            LOG.error("an answer could not be delivered: %s", problem)

    def _answer(self, user: str, text: str) -> Message:
        said = reply(self.tools, text.strip() or "help", self._asking(user))
        if isinstance(said, MessagesReply):
            return self.decisions.messages.shown_to(user, said.piles)
        return self._message(said)

    def _asking(self, user: str) -> Asking:
        return Asking(asked_by=user, until=self.tools.now(), chart=True)

    def _message(self, said: Reply) -> Message:
        if isinstance(said, TextReply):
            return _help() if said.is_help else self._text_message(said)
        return self._cost_message(said, controls=True)

    def _text_message(self, said: TextReply) -> Message:
        picture = self.messenger.picture(draw_drawing(said.drawing)) if said.drawing else None
        return lines_message(said.title, said.lines, code=said.code, grids=said.grids(), picture=picture)

    def _cost_message(self, said: CostReply, *, controls: bool) -> Message:
        return answer_blocks(said.answer, said.today, chart=self._chart(said.answer), controls=controls)

    def _chart(self, answer: Answer) -> Chart:
        if not worth_a_chart(answer):
            return None
        return "native" if fits_native(answer) else self.messenger.picture(draw(answer))

    def _changed(self, user: str, identity: str, control: str, choice: str) -> Message:
        kept, _ = self.tools.ledger.recall(identity)
        asking = self._asking(user)
        query = changed(from_json(kept), control, choice, lambda text: parse(text, self.tools.today(asking.until)))
        return self._message(ask(self.tools, query, asking))

    def _publish_home(self, user: str, note: str = "") -> None:
        try:
            self.people.may_ask(user)
            first = [*noted(note), *waiting_for(self.tools, self.decisions.groups, user)]
            message = home_view(self.tools.ledger.sources(self.tools.now()), _help(), first)
        except UserError as problem:
            message = error_blocks(str(problem))
        except Exception as problem:  # whatever it was
            message = self._failure(problem)
        self.client.views_publish(user_id=user, view={"type": "home", "blocks": message.blocks})

    def _failure(self, problem: Exception) -> Message:
        """Give a number to quote, and log under it; where the ledger's files lie is nobody's business in Slack."""
        number = secrets.token_hex(4)
        LOG.error("failure %s", number, exc_info=problem)
        told = f"{problem}." if isinstance(problem, FinopsError) else "Something went wrong on our side."
        return error_blocks(f"{told.replace(str(self.tools.ledger.root), '…')} Quote {number} when you report it.")


def clicked(body: Mapping[str, Any]) -> Place:
    """Return where a click in a message is answered."""
    thread = body.get("container", {}).get("thread_ts")
    return Place(body["channel"]["id"], body["user"]["id"], thread, Secret(body["response_url"]))


def after_mention(text: str, bot_user: str) -> str:
    """Return what is asked: the words after the bot's mention, or those before it where none follow."""
    before, _, after = re.sub(rf"<@{re.escape(bot_user)}(\|[^>]*)?>", "\0", text).partition("\0")
    return (after.strip() or before.strip()).replace("\0", " ")


def _is_news(record: logging.LogRecord) -> bool:
    """Bolt warns of a SLACK_BOT_TOKEN beside a client of one's own; ours has that very token."""
    return "`token` will be unused" not in record.getMessage()


def changed(query: CostQuery, control: str, choice: str, understand: Callable[[str], CostQuery]) -> CostQuery:
    """Return the question with the control's choice put in; everything else stays as asked."""
    if control == "by":
        return replace(query, by=(choice,))
    other = understand(choice)
    return replace(query, period=other.period, compare=other.compare if query.compare else None, grain=other.grain)


def _levers(tools: Tools) -> Acting:
    name = holder()
    return Acting(carry_out(tools, name), end_early(tools, name))


def _help() -> Message:
    return help_blocks([(verb.name, verb.about) for verb in VERBS.values()])
