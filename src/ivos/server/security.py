"""Who may talk to the server: token, Host and Origin are checked before anything else; headers on every answer."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import secrets
import socket
import threading
from collections.abc import Iterable
from urllib.parse import parse_qs, urlencode, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ivos.server.problems import Problem

CSP = (
    "default-src 'self'; img-src 'self' blob:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
    "object-src 'none'"
)
HEADERS = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


def new_token() -> str:
    """A token that cannot be guessed."""
    return secrets.token_urlsafe(24)


class Guard:
    """Lets a request through if its Host is ours, its Origin is the same site and it carries the token.

    A browser that was made to believe that a foreign name is this machine (DNS rebinding) sends that name as Host; a
    foreign page that posts here sends its own Origin.

    Args:
        app: What is guarded.
        token: Every request needs it: as cookie, as `Authorization: Bearer`, or as `?token=`.
        host: The address that the server binds.
        port: Names the cookie, as cookies of one machine are shared between ports.
        stopping: Set when the server is told to end.
    """

    def __init__(self, app: ASGIApp, token: str, host: str, port: int, stopping: threading.Event) -> None:
        """Keep the arguments."""
        self._app, self._token, self._host, self.stopping = app, token, host, stopping
        self._cookie = f"ivos-{port}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check an HTTP request; let the lifespan pass; refuse everything else."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return
        try:
            self._check(scope)
        except Problem as problem:
            await _answer(send, problem.status, problem, page=not scope["path"].startswith("/api"))
            return
        if scope["path"] == "/" and "token" in parse_qs(scope["query_string"].decode("latin-1")):
            await self._welcome(scope, send)
            return

        begun = False

        async def with_headers(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        try:
            await self._app(scope, receive, with_headers)
        except asyncio.CancelledError:
            if not self.stopping.is_set():
                raise
            if not begun:  # what does not end by itself, such as an upload that stalls, is broken off: no failure
                end = Problem(503, "stopping", "The server is being stopped; what was saved is kept.")
                await _answer(send, end.status, end, page=not scope["path"].startswith("/api"))

    def _check(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if not self._is_ours(host):
            raise Problem(403, "host", f"The server does not answer to the name '{_short(host)}'; use its address.")
        origin = headers.get("origin")
        if origin is not None and origin.lower() not in {f"{scheme}://{host}".lower() for scheme in ("http", "https")}:
            raise Problem(403, "origin", f"A page of '{_short(origin)}' may not use this server.")
        if headers.get("sec-fetch-site") == "cross-site" and scope["path"] != "/":
            raise Problem(403, "origin", "A page of another site may not use this server.")
        if not any(
            secrets.compare_digest(each.encode(), self._token.encode()) for each in self._tokens(scope, headers)
        ):
            raise Problem(401, "token", "The token is missing or wrong: open the address that the server printed.")

    def _is_ours(self, host: str) -> bool:
        try:
            name = (urlsplit(f"//{host}").hostname or "").lower()
        except ValueError:
            return False
        if name in LOOPBACK:
            return True
        if self._host in LOOPBACK:
            return False
        if name == self._host.lower() or name in {socket.gethostname().lower(), socket.getfqdn().lower()}:
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True  # an address cannot be rebound; the token is asked for as well

    def _tokens(self, scope: Scope, headers: Headers) -> Iterable[str]:
        authorization = headers.get("authorization", "")
        if authorization.lower().startswith("bearer "):
            yield authorization[7:].strip()
        yield from parse_qs(scope["query_string"].decode("latin-1")).get("token", [])
        token = cookie_parser(headers.get("cookie", "")).get(self._cookie)  # leaves alone what others on this host set
        if token is not None:
            yield token

    async def _welcome(self, scope: Scope, send: Send) -> None:
        """Put the token into a cookie and take it out of the address."""
        rest = {k: v for k, v in parse_qs(scope["query_string"].decode("latin-1")).items() if k != "token"}
        target = "/" + (f"?{urlencode(rest, doseq=True)}" if rest else "")
        cookie = f"{self._cookie}={self._token}; HttpOnly; SameSite=Lax; Path=/"  # a link in a mail leads in
        await _send(send, 303, b"", {"Location": target, "Set-Cookie": cookie})


def _short(text: str) -> str:
    return "".join(c for c in text if c.isprintable())[:100]


async def _answer(send: Send, status: int, problem: Problem, *, page: bool) -> None:
    if page:
        text = f"<!doctype html><meta charset=utf-8><title>ivos</title><p>{_escaped(problem.message)}</p>"
        await _send(send, status, text.encode(), {"Content-Type": "text/html; charset=utf-8"})
    else:
        await _send(send, status, json.dumps(problem.body()).encode(), {"Content-Type": "application/json"})


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


async def _send(send: Send, status: int, body: bytes, headers: dict[str, str]) -> None:
    every = {**HEADERS, "Cache-Control": "no-store", "Content-Length": str(len(body)), **headers}
    raw = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in every.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body})
