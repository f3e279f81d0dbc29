"""The ways out besides Slack: what is sent, and what each answer means for the message."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.routes_mail import MailRoute
from bot.routes_pagerduty import PagerDutyRoute, dedup_key
from bot.routes_webhook import WebhookRoute
from finops.ledger.outbox import Letter
from finops.routing import MailServer, mail_server
from finops.secret import Secret
from jobs.routes import Content, LostError, NotSentError, Parcel, RefusedError
from tests.conftest import free_port
from tests.fakes.http_sink import Said
from tests.fakes.pagerduty_server import PagerDutyServer
from tests.fakes.smtp_server import SmtpServer
from tests.fakes.webhook_server import WebhookServer

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
SECRET = Secret("signing-secret-of-the-receiver")


def parcel(route: str, text: str = "Team ml passed 100 % of its budget.", *, doubts: int = 0, late: int = 0, **event: Any) -> Parcel:
    letter = Letter(1, "alert:7", route, "event", "budget:ml:2026-11:100", {}, NOON, None, None, None, 1, doubts)
    return Parcel(letter, Content(text, event=event), late=timedelta(minutes=late))


@pytest.fixture
def pagerduty() -> Iterator[PagerDutyServer]:
    server = PagerDutyServer()
    with server.running():
        yield server


@pytest.fixture
def webhook() -> Iterator[WebhookServer]:
    server = WebhookServer(SECRET.reveal())
    with server.running():
        yield server


@pytest.fixture
def mail(tmp_path: Path) -> Iterator[SmtpServer]:
    server = SmtpServer(tmp_path, password="canary")
    with server.running():
        yield server


def to_pagerduty(server: PagerDutyServer) -> PagerDutyRoute:
    return PagerDutyRoute({"default": server.key}, server.url)


def to_webhook(server: WebhookServer, secret: Secret | None = SECRET) -> WebhookRoute:
    return WebhookRoute({"tickets": f"{server.url}hook"}, secret, lambda: NOON)


def to_mail(server: SmtpServer, tls: str = "starttls", password: str | None = "canary") -> MailRoute:
    known = Secret(password) if password else None
    return MailRoute(
        MailServer("localhost", server.port, tls, "bot" if known else None, known), "finops@example.com", lambda: NOON, server.trusting
    )


def test_an_incident_opens_is_acknowledged_and_ends_under_one_key(pagerduty: PagerDutyServer) -> None:
    route, states = to_pagerduty(pagerduty), []
    for action in ("trigger", "trigger", "acknowledge", "resolve"):
        route.send(parcel("pagerduty:default", action=action, severity="critical"))
        states.append(dict(pagerduty.incidents))
    assert [{"budget:ml:2026-11:100": state} for state in ("triggered", "triggered", "acknowledged", "resolved")] == states


def test_an_event_says_what_how_bad_and_how_late(pagerduty: PagerDutyServer) -> None:
    told: dict[str, Any] = {
        "severity": "warning",
        "details": {"spent": "1200 USD"},
        "links": [{"href": "https://x.test/"}, {"href": "javascript:x"}],
    }
    to_pagerduty(pagerduty).send(parcel("pagerduty:default", late=130, **told))
    event = pagerduty.taken[0].json
    assert ("Team ml passed 100 % of its budget.", "warning") == (event["payload"]["summary"], event["payload"]["severity"])
    assert {"spent": "1200 USD", "delivery": "Delivered 2 h late."} == event["payload"]["custom_details"]
    assert [{"href": "https://x.test/"}] == event["links"]


def test_a_severity_of_nobody_is_an_error_and_a_long_text_is_cut(pagerduty: PagerDutyServer) -> None:
    to_pagerduty(pagerduty).send(parcel("pagerduty:default", "x" * 3000, severity="dire"))
    payload = pagerduty.taken[0].json["payload"]
    assert (1024, "error") == (len(payload["summary"]), payload["severity"])


def test_long_keys_stay_apart_and_are_taken() -> None:
    one, other = dedup_key("k" * 300 + "1"), dedup_key("k" * 300 + "2")
    assert (True, True) == (one != other, max(len(one), len(other)) <= 255)
    assert "budget:ml" == dedup_key("budget:ml")


def test_an_unknown_integration_key_is_refused_for_good_and_not_shown(pagerduty: PagerDutyServer) -> None:
    with pytest.raises(RefusedError, match="routing_key is invalid") as caught:
        PagerDutyRoute({"default": "canary-of-another"}, pagerduty.url).send(parcel("pagerduty:default"))
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    ("keys", "route", "why"),
    [
        ({}, "pagerduty:default", "FINOPS_PAGERDUTY_KEY is not set"),
        ({"a": "k1", "b": "k2"}, "pagerduty:c", "no service 'c'; it names a, b"),
    ],
)
def test_a_service_that_is_not_set_up_is_refused(keys: dict[str, str], route: str, why: str) -> None:
    with pytest.raises(RefusedError, match=why):
        PagerDutyRoute(keys, "http://127.0.0.1:1/").send(parcel(route))


def test_the_only_service_is_the_default_too(pagerduty: PagerDutyServer) -> None:
    PagerDutyRoute({"ml": pagerduty.key}, pagerduty.url).send(parcel("pagerduty:default"))
    assert {"budget:ml:2026-11:100": "triggered"} == pagerduty.incidents


@pytest.mark.parametrize(
    ("said", "error"),
    [
        (Said(429, headers={"Retry-After": "7"}), NotSentError),
        (Said(500), LostError),
        (Said(hangs_up=True), LostError),
        (Said(302, headers={"Location": "http://127.0.0.1:1/"}), RefusedError),
        (Said(403), RefusedError),
    ],
)
def test_each_answer_of_a_machine_means_one_of_three_things(webhook: WebhookServer, said: Said, error: type[Exception]) -> None:
    webhook.next = [said]
    with pytest.raises(error) as caught:
        to_webhook(webhook).send(parcel("webhook:tickets"))
    assert 1 == len(webhook.taken)
    assert not isinstance(caught.value, NotSentError) or timedelta(seconds=7) == caught.value.wait


def test_a_machine_that_is_off_got_nothing() -> None:
    with pytest.raises(NotSentError, match="ConnectionRefusedError"):
        WebhookRoute({"off": f"http://127.0.0.1:{free_port()}/"}, SECRET, lambda: NOON).send(parcel("webhook:off"))


def test_a_webhook_is_signed_and_a_repeat_has_the_same_key(webhook: WebhookServer) -> None:
    route = to_webhook(webhook)
    route.send(parcel("webhook:tickets", details={"spent": "1"}))
    route.send(parcel("webhook:tickets", doubts=1))
    assert ["alert:7"] == list(webhook.messages)
    assert ["This may be a repeat: the answer to the first attempt was lost."] == webhook.messages["alert:7"]["remarks"]
    assert ["alert:7", "alert:7"] == [each.headers["X-Finops-Key"] for each in webhook.taken]


def test_another_secret_is_refused_by_the_receiver_and_none_by_us(webhook: WebhookServer) -> None:
    with pytest.raises(RefusedError, match="HTTP 401"):
        to_webhook(webhook, Secret("of somebody else")).send(parcel("webhook:tickets"))
    with pytest.raises(RefusedError, match="FINOPS_WEBHOOK_SECRET is not set"):
        to_webhook(webhook, None).send(parcel("webhook:tickets"))
    assert 1 == len(webhook.taken)


def test_mail_goes_over_tls_with_a_password_and_says_it_in_plain_text(mail: SmtpServer) -> None:
    to_mail(mail).send(parcel("email:ops@example.com", "Team ml passed 100 %.\nMore below.", late=12, details={"spent": "1200 USD"}))
    [taken] = mail.mails
    assert ("finops@example.com", "ops@example.com") == (taken["From"], taken["To"])
    assert "Team ml passed 100 %. More below." == taken["Subject"]
    expected = "Team ml passed 100 %.\nMore below.\nspent: 1200 USD\n\nDelivered 12 min late.\n"
    assert expected == taken.get_content().replace("\r\n", "\n")
    assert {word for word, is_tls in mail.seen if not is_tls} == {"EHLO", "STARTTLS"}


def test_what_was_escaped_for_slack_reads_as_it_was_meant(mail: SmtpServer) -> None:
    to_mail(mail).send(parcel("email:ops@example.com", "R&amp;D spent &lt;b&gt; &amp;amp;"))
    assert "R&D spent <b> &amp;" == mail.mails[0]["Subject"]


def test_a_mail_that_comes_again_has_the_same_id(mail: SmtpServer) -> None:
    to_mail(mail).send(parcel("email:ops@example.com"))
    to_mail(mail).send(parcel("email:ops@example.com", doubts=1))
    first, second = mail.mails
    assert first["Message-ID"] == second["Message-ID"]
    assert "may be a repeat" in second.get_content()


def test_a_name_cannot_write_headers_of_its_own(mail: SmtpServer) -> None:
    to_mail(mail).send(parcel("email:ops@example.com", "ml\r\nBcc: all@example.com\r\n.\r\n"))
    assert None is mail.mails[0]["Bcc"]
    assert "ml Bcc: all@example.com ." == mail.mails[0]["Subject"]


@pytest.mark.parametrize(
    ("command", "answer", "error"),
    [
        ("EHLO", "hang up", NotSentError),
        ("AUTH", "535 no", RefusedError),
        ("RCPT", "451 later", NotSentError),
        ("RCPT", "550 nobody of that name", RefusedError),
        ("RCPT", "hang up", NotSentError),
        ("DATA", "452 full", NotSentError),
        ("END", "554 spam", RefusedError),
        ("END", "hang up", LostError),
    ],
)
def test_each_word_of_a_mail_server_means_one_of_three_things(mail: SmtpServer, command: str, answer: str, error: type[Exception]) -> None:
    mail.faults = {command: [answer, answer]}
    with pytest.raises(error):
        to_mail(mail).send(parcel("email:ops@example.com"))
    assert (command, answer) != ("END", "hang up") or len(mail.mails) == 1


def test_neither_mail_nor_password_goes_to_a_server_without_tls(tmp_path: Path) -> None:
    server = SmtpServer(tmp_path, offers_tls=False, password="canary")
    with server.running(), pytest.raises(NotSentError, match="SMTPNotSupportedError"):
        to_mail(server).send(parcel("email:ops@example.com"))
    assert {"AUTH", "MAIL"}.isdisjoint(word for word, _ in server.seen)


def test_a_server_on_this_machine_may_do_without_tls(tmp_path: Path) -> None:
    server = SmtpServer(tmp_path, offers_tls=False)
    with server.running():
        to_mail(server, "none", None).send(parcel("email:ops@example.com"))
    assert 1 == len(server.mails)


def test_a_certificate_of_nobody_is_not_trusted(mail: SmtpServer) -> None:
    route = MailRoute(MailServer("localhost", mail.port, "starttls"), "finops@example.com", lambda: NOON)
    with pytest.raises(NotSentError, match="SSLCertVerificationError"):
        route.send(parcel("email:ops@example.com"))


def test_mail_that_nobody_set_up_is_refused() -> None:
    with pytest.raises(RefusedError, match="FINOPS_SMTP_URL and FINOPS_MAIL_FROM"):
        MailRoute(None, None, lambda: NOON).send(parcel("email:ops@example.com"))


def test_a_mail_server_is_read_from_its_address() -> None:
    assert MailServer("mail.test", 587, "starttls", "a@b", Secret("p/w")) == mail_server(Secret("smtp://a%40b:p%2Fw@mail.test"))
    assert MailServer("mail.test", 465, "tls") == mail_server(Secret("smtps://mail.test"))
    assert MailServer("localhost", 25, "none") == mail_server(Secret("smtp://localhost:25?tls=none"))


def test_what_a_receiver_gets_is_plain_json(webhook: WebhookServer) -> None:
    to_webhook(webhook).send(parcel("webhook:tickets"))
    assert {"at", "attempt", "event", "key", "kind", "object", "remarks", "text"} == json.loads(webhook.taken[0].body).keys()
