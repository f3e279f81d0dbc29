"""A mail server on loopback: SMTP with STARTTLS and passwords, which keeps what it takes and fails as it is told."""

import base64
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


class SmtpServer:
    """Takes mail for everybody. `offers_tls` is whether it says STARTTLS; `faults` maps a command to its next answers.

    A fault is an answer such as `451 later`, or `hang up` after the command was taken in.
    """

    def __init__(self, folder: Path, *, offers_tls: bool = True, password: str | None = None) -> None:
        self.offers_tls, self.password = offers_tls, password
        self.mails: list[EmailMessage] = []
        self.faults: dict[str, list[str]] = {}
        self.seen: list[tuple[str, bool]] = []  # command, and whether it came over TLS
        self.port = 0
        self._own, self.trusting = _contexts(folder)

    @contextmanager
    def running(self) -> Iterator[None]:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.port = listener.getsockname()[1]
            thread = threading.Thread(target=self._serve, args=(listener,))
            thread.start()
            try:
                yield
            finally:
                listener.shutdown(socket.SHUT_RDWR)
                thread.join()

    def _serve(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            try:
                _Talk(self, connection).go()
            except OSError:
                pass
            finally:
                connection.close()


class _Talk:
    """One connection."""

    def __init__(self, server: SmtpServer, connection: socket.socket) -> None:
        connection.settimeout(10)
        self.server, self.connection, self.is_tls = server, connection, False
        self.lines = connection.makefile("rb")

    def go(self) -> None:
        self.say("220 mail.test")
        try:
            while (line := self.lines.readline()) and self.take(line.decode().strip()):
                pass
        finally:
            self.lines.close()
            if self.is_tls:
                self.connection.close()

    def say(self, *lines: str) -> None:
        self.connection.sendall("".join(f"{line}\r\n" for line in lines).encode())

    def take(self, line: str) -> bool:
        word = line.split(" ")[0].split(":")[0].upper()
        self.server.seen.append((word, self.is_tls))
        fault = self.fault(word)
        if fault == "hang up":
            return False
        if fault:
            self.say(fault)
            return True
        return bool(getattr(self, f"on_{word.lower()}", self.on_other)(line))

    def fault(self, word: str) -> str | None:
        waiting = self.server.faults.get(word, [])
        return waiting.pop(0) if waiting else None

    def on_ehlo(self, _: str) -> bool:
        extra = ["STARTTLS"] if self.server.offers_tls and not self.is_tls else []
        extra += ["AUTH PLAIN"] if self.server.password else []
        lines = ["mail.test", *extra]
        self.say(*(f"250-{each}" for each in lines[:-1]), f"250 {lines[-1]}")
        return True

    def on_starttls(self, _: str) -> bool:
        self.say("220 go on")
        self.lines.close()
        self.connection = self.server._own.wrap_socket(self.connection, server_side=True)
        self.lines, self.is_tls = self.connection.makefile("rb"), True
        return True

    def on_auth(self, line: str) -> bool:
        _, _, password = base64.b64decode(line.split(" ")[2]).decode().split("\0")
        self.say("235 welcome" if password == self.server.password else "535 no")
        return True

    def on_data(self, _: str) -> bool:
        self.say("354 go on")
        parts = []
        while (line := self.lines.readline()) not in (b".\r\n", b""):
            parts.append(line.removeprefix(b".") if line.startswith(b"..") else line)
        fault = self.fault("END")
        if fault is None or fault == "hang up":
            mail = message_from_bytes(b"".join(parts), policy=default)
            assert isinstance(mail, EmailMessage)
            self.server.mails.append(mail)
        if fault == "hang up":
            return False
        self.say(fault or "250 taken")
        return True

    def on_quit(self, _: str) -> bool:
        self.say("221 bye")
        return False

    def on_other(self, _: str) -> bool:
        self.say("250 ok")
        return True


def _contexts(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Return the server's context, with a certificate made just now, and one of a client that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    begins = datetime(2020, 1, 1, tzinfo=UTC)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(7)
    made = made.not_valid_before(begins).not_valid_after(begins + timedelta(days=36500))
    made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
    made = made.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    certificate = made.sign(key, hashes.SHA256())
    public, private = folder / "mail.pem", folder / "mail.key"
    public.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    private.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain))
    own = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    own.load_cert_chain(public, private)
    return own, ssl.create_default_context(cafile=str(public))
