"""A token service as registries name it in their bearer challenge. Its tokens are signed: Debian's docker-registry takes them.

@see Docker Registry v2 authentication: token specification, JWT implementation, OAuth2
"""

from __future__ import annotations

import base64
import json
import secrets
import ssl
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs

from loopback_http import LoopbackServer, Reply, Request, Respond

ISSUER = "overdrive token service"


class TokenService:
    """Serves `GET /token` and `POST /token` until close()."""

    def __init__(self, directory: Path, *, service: str = "registry", login: str = "", lifetime: int = 300, tls: ssl.SSLContext | None = None) -> None:
        """
        directory  gets its key and the certificate that a registry must trust
        login      USER:PASSWORD, needed for every token; empty: anybody gets one
        lifetime   seconds
        """
        self.service, self.login, self.lifetime = service, login, lifetime
        self.refresh_token = ""  # one that is taken instead of the login
        self.certificate = directory / "tokens.pem"
        self._key = directory / "tokens.key"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", self._key, "-out", self.certificate, "-days", "100",
                        "-subj", "/CN=tokens"], check=True, capture_output=True)
        der = subprocess.run(["openssl", "x509", "-in", self.certificate, "-outform", "DER"], check=True, capture_output=True).stdout
        self._chain = [base64.b64encode(der).decode()]
        self.issued: dict[str, float] = {}  # token -> when it ends
        self.server = LoopbackServer(self._respond, tls=tls)
        self.realm = f"{'https' if tls else 'http'}://{self.server.host}/token"

    def close(self) -> None:
        self.server.close()

    def expire_all(self) -> None:
        """From now on no token that was issued is taken by a registry behind asking_for_token()."""
        self.issued.clear()

    def challenge(self, scope: str, error: str = "") -> str:
        told = f'Bearer realm="{self.realm}",service="{self.service}",scope="{scope}"'
        return told + (f',error="{error}"' if error else "")

    def _respond(self, request: Request) -> Reply:
        query = parse_qs(request.target.partition("?")[2])
        if request.method == "POST":
            query = parse_qs(request.body.decode())
            known = self.refresh_token and query.get("refresh_token") == [self.refresh_token]
        else:
            known = request.headers.get("authorization") == "Basic " + base64.b64encode(self.login.encode()).decode()
        if self.login and not known:
            return Reply(401, [("Content-Type", "application/json")], b'{"details":"no such login"}')
        token = self._make(" ".join(query.get("scope", [])))
        self.issued[token] = time.monotonic() + self.lifetime
        body = {"access_token" if request.method == "POST" else "token": token, "expires_in": self.lifetime}
        return Reply(200, [("Content-Type", "application/json")], json.dumps(body).encode())

    def _make(self, scopes: str) -> str:
        access = [{"type": kind, "name": name, "actions": actions.split(",")}
                  for kind, name, actions in (scope.split(":") for scope in scopes.split() if scope.count(":") == 2)]
        now = int(time.time())
        header = {"typ": "JWT", "alg": "RS256", "x5c": self._chain}
        claims = {"iss": ISSUER, "sub": self.login.partition(":")[0], "aud": self.service, "exp": now + self.lifetime, "nbf": now - 60, "iat": now,
                  "jti": secrets.token_hex(8), "access": access}
        signed = ".".join(_base64(json.dumps(part).encode()) for part in (header, claims))
        signature = subprocess.run(["openssl", "dgst", "-sha256", "-sign", self._key], input=signed.encode(), check=True, capture_output=True).stdout
        return f"{signed}.{_base64(signature)}"


def asking_for_token(respond: Respond, tokens: TokenService, scope: Callable[[Request], str]) -> Respond:
    """`respond` behind the challenge of a token service."""

    def guarded(request: Request) -> Reply:
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        if kind == "Bearer" and tokens.issued.get(token, 0) > time.monotonic():
            return respond(request)
        error = "invalid_token" if kind == "Bearer" else ""
        return Reply(401, [("WWW-Authenticate", tokens.challenge(scope(request), error))], b'{"errors":[{"code":"UNAUTHORIZED"}]}')

    return guarded


def _base64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
