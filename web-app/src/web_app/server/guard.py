"""Who may ask, and what every answer says to the browser: a layer around the whole application (ASGI)."""

from __future__ import annotations

from http.cookies import CookieError, SimpleCookie

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from web_app.server.problems import problem_response
from web_app.server.settings import ServerSettings

COOKIE = "pose_app"
LOGIN = "/login"
MOST_BODY_BYTES = 2_000_000
MOST_QUERY_BYTES = 2_000
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
OPEN_PATHS = frozenset({LOGIN, "/healthz", "/static/app.css"})
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}


class Guard:
    """Refuses requests of strangers, and of pages of strangers, before the application sees them."""

    def __init__(self, app: ASGIApp, settings: ServerSettings) -> None:
        self._app = app
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refusal = self._refusal(scope, headers)
        if refusal is not None:
            await refusal(scope, receive, _with_headers(send))
            return
        if scope["method"] not in SAFE_METHODS:
            body = await _body(receive)
            if body is None:
                await _too_large()(scope, receive, _with_headers(send))
                return
            receive = _replayed(body, receive)
        await self._app(scope, receive, _with_headers(send))

    def _refusal(self, scope: Scope, headers: Headers) -> Response | None:
        host = headers.get("host", "")
        if not self._settings.knows_host(host):
            return problem_response(421, "this name does not lead here", "open the address that the command printed")
        if len(scope.get("query_string", b"")) > MOST_QUERY_BYTES:
            return problem_response(414, "the address is too long", "ask for less")
        if scope["method"] not in SAFE_METHODS and not _is_own_page(headers, host):
            return problem_response(403, "another page asked for this", "do it on the app's own page")
        length = headers.get("content-length", "0")
        if not (length.isascii() and length.isdigit()) or int(length[:20]) > MOST_BODY_BYTES:
            return _too_large()
        return self._stranger(scope, headers)

    def _stranger(self, scope: Scope, headers: Headers) -> Response | None:
        if not self._settings.token or scope["path"] in OPEN_PATHS:
            return None
        kind, _, given = headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer" and self._settings.is_token(given.strip()):
            return None
        if self._settings.is_cookie(_cookie(headers.get("cookie", ""))):
            return None
        if scope["method"] == "GET" and "text/html" in headers.get("accept", ""):
            return RedirectResponse(LOGIN, 303)
        return problem_response(401, "the token is missing or wrong", "send it: Authorization: Bearer TOKEN")


async def _body(receive: Receive) -> bytes | None:
    """The whole body; None of one that is larger than we take."""
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > MOST_BODY_BYTES:
            return None
        if message["type"] == "http.disconnect" or not message.get("more_body", False):
            return bytes(body)


def _replayed(body: bytes, receive: Receive) -> Receive:
    told = False

    async def replaying() -> Message:
        nonlocal told
        if told:
            return await receive()
        told = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replaying


def _too_large() -> Response:
    return problem_response(413, f"more than {MOST_BODY_BYTES:,} bytes", "send less at a time")


def _is_own_page(headers: Headers, host: str) -> bool:
    """Whether a request that writes comes from our own page, or from no page at all."""
    origin = headers.get("origin")
    if origin is not None:
        return origin.partition("://")[2] == host and origin.partition("://")[0] in ("http", "https")
    return headers.get("sec-fetch-site", "none") in ("none", "same-origin")


def _cookie(header: str) -> str:
    cookies = SimpleCookie()
    try:
        cookies.load(header)
    except CookieError:
        return ""
    return cookies[COOKIE].value if COOKIE in cookies else ""


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
            headers.setdefault("Cache-Control", "no-store")
        await send(message)

    return sending
