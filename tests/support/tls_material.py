"""Certificates for tests, made by openssl: an authority, servers that are good or not, clients."""

from __future__ import annotations

import datetime
import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path

CONFIGURATION = """\
[ca]
default_ca = this
[this]
database = {directory}/index.txt
new_certs_dir = {directory}
rand_serial = yes
default_md = sha256
policy = any
unique_subject = no
[any]
commonName = supplied
"""
# A certificate must have been good for long where a test turns the clock back.
LONG_AGO, LONG_AFTER = datetime.timedelta(days=-4000), datetime.timedelta(days=4000)


@dataclass(frozen=True)
class Certificate:
    """PEM files."""

    certificate: Path
    key: Path


class Authority:
    """A certificate authority with its files below `directory`."""

    def __init__(self, directory: Path, name: str) -> None:
        self.directory = directory / name
        self.directory.mkdir(parents=True)
        (self.directory / "index.txt").touch()
        (self.directory / "ca.cnf").write_text(CONFIGURATION.format(directory=self.directory))
        key, request = self._request("authority", f"{name} authority")
        self.certificate = self.directory / "authority.pem"
        self._sign(request, self.certificate, ["-selfsign", "-keyfile", key], "basicConstraints = critical, CA:true", LONG_AGO, LONG_AFTER)
        self._key = key

    def server(self, name: str, *hosts: str, begins: datetime.timedelta = LONG_AGO, ends: datetime.timedelta = LONG_AFTER) -> Certificate:
        """@param begins  counted from now, as `ends` is"""
        names = ",".join(f"{'IP' if host.replace('.', '').isdigit() else 'DNS'}:{host}" for host in hosts)
        return self._issue(name, f"subjectAltName = {names}\nextendedKeyUsage = serverAuth", begins, ends)

    def client(self, name: str) -> Certificate:
        return self._issue(name, "extendedKeyUsage = clientAuth", LONG_AGO, LONG_AFTER)

    def _issue(self, name: str, extensions: str, begins: datetime.timedelta, ends: datetime.timedelta) -> Certificate:
        key, request = self._request(name, name)
        certificate = self.directory / f"{name}.pem"
        self._sign(request, certificate, ["-cert", self.certificate, "-keyfile", self._key], extensions, begins, ends)
        return Certificate(certificate, key)

    def _request(self, name: str, subject: str) -> tuple[Path, Path]:
        key, request = self.directory / f"{name}.key", self.directory / f"{name}.csr"
        _openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", request, "-subj",
                 f"/CN={subject}")
        return key, request

    def _sign(self, request: Path, certificate: Path, signer: list[object], extensions: str, begins: datetime.timedelta,
              ends: datetime.timedelta) -> None:
        extensions_file = certificate.with_suffix(".ext")
        extensions_file.write_text(extensions + "\n")
        now = datetime.datetime.now(datetime.UTC)
        first, last = (f"{now + one:%Y%m%d%H%M%SZ}" for one in (begins, ends))
        _openssl("ca", "-batch", "-config", self.directory / "ca.cnf", "-in", request, "-out", certificate, "-notext", "-startdate", first,
                 "-enddate", last, "-extfile", extensions_file, *signer)


def server_context(made: Certificate, *, clients: Path | None = None) -> ssl.SSLContext:
    """@param clients  the authority of the clients, which must then show a certificate"""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made.certificate, made.key)
    if clients:
        context.load_verify_locations(clients)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def _openssl(*words: object) -> None:
    done = subprocess.run(["openssl", *map(str, words)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        raise AssertionError(f"openssl {words[0]} ended with {done.returncode}:\n{done.stdout}")
