"""A time-stamp authority of the test's own: certificates and answers by the system's openssl."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

from crawler.addresses import parse_allow
from crawler.timestamp import Stamper, Token

TEXT = "sha256:" + "ab" * 32
CONFIG = """
[req]
distinguished_name = name
prompt = no
[name]
CN = {name}
[ca]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign
[signer]
basicConstraints = CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = critical, timeStamping
[tsa]
default_tsa = tsa1
[tsa1]
serial = serial
signer_cert = signer.pem
{certs}
signer_key = signer.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
accuracy = secs:1
ess_cert_id_alg = sha256
"""


class NoOpensslError(Exception):
    """There is no openssl here."""


@dataclass
class Authority:
    """Keys in a folder, and what they answer; ``spoil`` changes an answer on its way."""

    folder: Path
    url: str = ""
    allow: str = ""
    asked: list[bytes] = field(default_factory=list)
    spoil: Callable[[bytes], tuple[int, str, bytes]] | None = None

    @property
    def ca(self) -> Path:
        """The root certificate."""
        return self.folder / "ca.pem"

    def answer(self, query: bytes) -> bytes:
        """The answer to one query."""
        (self.folder / "query").write_bytes(query)
        _openssl(self.folder, "ts", "-reply", "-config", "ts.conf", "-queryfile", "query",
                 "-out", "reply")  # fmt: skip
        return (self.folder / "reply").read_bytes()


def make_authority(folder: Path, name: str = "Test TSA", *, sends: str = "") -> Authority:
    """Make a root, and a signer under it; ``sends`` are files whose certificates it sends as well."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "ts.conf").write_text(
        CONFIG.format(name=name, certs=f"certs = {sends}" if sends else ""), encoding="ascii"
    )
    (folder / "serial").write_text("01\n", encoding="ascii")
    new = ("req", "-config", "ts.conf", "-newkey", "rsa:2048", "-nodes")
    _openssl(folder, *new, "-x509", "-days", "30", "-extensions", "ca", "-keyout", "ca.key",
             "-out", "ca.pem", "-subj", f"/CN={name} root")  # fmt: skip
    _openssl(folder, *new, "-keyout", "signer.key", "-out", "signer.csr")
    _openssl(folder, "x509", "-req", "-in", "signer.csr", "-CA", "ca.pem", "-CAkey", "ca.key",
             "-CAcreateserial", "-days", "30", "-extfile", "ts.conf", "-extensions", "signer",
             "-out", "signer.pem")  # fmt: skip
    return Authority(folder)


def accepts(authority: Authority, token: Path, text: str) -> bool:
    """Whether openssl itself takes a stored token as a proof for a text."""
    (authority.folder / "text").write_bytes(text.encode())
    command = ["openssl", "ts", "-verify", "-data", "text", "-in", str(token), "-CAfile", "ca.pem"]
    done = subprocess.run(command, cwd=authority.folder, capture_output=True, check=False)
    return done.returncode == 0


def stamp(authority: Authority, allow: str | None = None, text: str = TEXT) -> Token:
    """Have a text stamped, as a crawl does; the guard lets it to the authority unless told otherwise."""

    async def ask() -> Token:
        rules = parse_allow(authority.allow if allow is None else allow)
        stamper = Stamper(authority.url, authority.ca, rules)
        await stamper.start()
        try:
            return await asyncio.to_thread(stamper.stamp, text)
        finally:
            await stamper.stop()

    return asyncio.run(ask())


@contextmanager
def answering(authority: Authority) -> Iterator[Authority]:
    """Answer over HTTP on loopback, one request at a time."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            query = self.rfile.read(int(self.headers["Content-Length"]))
            authority.asked.append(query)
            status, kind, body = 200, "application/timestamp-reply", authority.answer(query)
            if authority.spoil is not None:
                status, kind, body = authority.spoil(body)
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (its name there)
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        authority.allow = f"127.0.0.1:{server.server_port}"
        authority.url = f"http://{authority.allow}/tsr"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield authority
        finally:
            server.shutdown()
            thread.join()


def _openssl(folder: Path, *arguments: str) -> None:
    program = shutil.which("openssl")
    if program is None:
        raise NoOpensslError("there is no openssl to make a time-stamp authority with")
    subprocess.run([program, *arguments], cwd=folder, capture_output=True, check=True)
