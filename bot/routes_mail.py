"""The way by mail: plain text over SMTP with TLS."""

import hashlib
import smtplib
import ssl
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Final

from finops.routing import MailServer, address
from finops.telling.names import clean, cut
from jobs.routes import LostError, NotSentError, Parcel, RefusedError

SECONDS: Final = 20.0
SUBJECT: Final = 150
SHUT: Final = (smtplib.SMTPException, OSError)


class MailRoute:
    """Sends mail through one server; a repeat has the same Message-ID, by which mail programs know it."""

    def __init__(
        self, server: MailServer | None, sender: str | None, clock: Callable[[], datetime], tls: ssl.SSLContext | None = None
    ) -> None:
        self._server, self._sender, self._clock, self._tls = server, sender, clock, tls

    def send(self, parcel: Parcel) -> None:
        """Raises NotSentError, LostError, RefusedError."""
        if self._server is None or self._sender is None:
            raise RefusedError("FINOPS_SMTP_URL and FINOPS_MAIL_FROM are not both set, so no mail can be sent")
        to = address(parcel.letter.route).name
        mail = mail_of(parcel, self._sender, to, self._clock())
        try:
            smtp = self._connected(self._server)
        except smtplib.SMTPAuthenticationError as problem:
            raise RefusedError("the mail server takes neither user nor password; check FINOPS_SMTP_URL") from problem
        except SHUT as problem:
            raise NotSentError(f"the mail server cannot be used ({type(problem).__name__})", is_down=True) from problem
        try:
            self._hand_over(smtp, self._sender, to, mail.as_bytes(policy=SMTP))
        finally:
            with suppress(*SHUT):
                smtp.quit()

    def _connected(self, server: MailServer) -> smtplib.SMTP:
        tls = self._tls or ssl.create_default_context()
        if server.tls == "tls":
            smtp: smtplib.SMTP = smtplib.SMTP_SSL(server.host, server.port, timeout=SECONDS, context=tls)
        else:
            smtp = smtplib.SMTP(server.host, server.port, timeout=SECONDS)
        try:
            if server.tls == "starttls":
                smtp.starttls(context=tls)  # a server that offers none gets neither password nor mail
            if server.user and server.password:
                smtp.login(server.user, server.password.reveal())
            smtp.ehlo_or_helo_if_needed()
        except SHUT:
            smtp.close()
            raise
        return smtp

    def _hand_over(self, smtp: smtplib.SMTP, sender: str, to: str, mail: bytes) -> None:
        """Until the text is sent nothing has happened; after it only the server's word tells."""
        try:
            _must(smtp.mail(sender))
            _must(smtp.rcpt(to))
        except SHUT as problem:
            raise NotSentError(f"the mail server hung up ({type(problem).__name__})", is_down=True) from problem
        try:
            _must(smtp.data(mail))
        except smtplib.SMTPDataError as problem:
            _must((problem.smtp_code, b""))
        except SHUT as problem:
            raise LostError(f"the mail server did not say whether it took the mail ({type(problem).__name__})") from problem


def mail_of(parcel: Parcel, sender: str, to: str, now: datetime) -> EmailMessage:
    """Write the mail: the first line of the text is its subject."""
    remarks = parcel.remarks(may_repeat=parcel.letter.doubts > 0)
    told = parcel.content.event
    lines = [parcel.content.plain, *(f"{clean(str(name))}: {clean(str(value))}" for name, value in (told.get("details") or {}).items())]
    mail = EmailMessage(policy=SMTP)
    mail["From"], mail["To"], mail["Date"] = sender, to, format_datetime(now)
    mail["Subject"] = cut(clean(str(told.get("summary") or parcel.content.plain)), SUBJECT) or "finops-bot"
    mail["Message-ID"] = f"<{hashlib.sha256(parcel.letter.key.encode()).hexdigest()[:40]}@{sender.partition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content("\n".join([*lines, *([""] if remarks else []), *remarks]) + "\n")
    return mail


def _must(answer: tuple[int, bytes]) -> None:
    """Raises NotSentError for a refusal that passes, RefusedError for one that stays."""
    code = answer[0]
    if 200 <= code < 300:
        return
    if 400 <= code < 500:
        raise NotSentError(f"the mail server asks to try again later ({code})")
    raise RefusedError(f"the mail server refuses the mail ({code})")
