"""moto's S3 in a thread of this process, behind a middleware that plays a bad day."""

from __future__ import annotations

import contextlib
import io
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import boto3
import pytest
from botocore.config import Config
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

BUCKET = "lab"
Application = Callable[[dict[str, Any], Any], Iterable[bytes]]
INTERNAL = b"<Error><Code>InternalError</Code><Message>We encountered an internal error.</Message></Error>"


class QuietHandler(WSGIRequestHandler):
    def log_request(self, *_: object) -> None:
        """Nobody wants to read it."""


@dataclass
class BadDay:
    """Every so-many-th request fails with a 500, is cut off in the middle, or is answered late; 0 is never.

    With `stalls_at` the n-th write from now on waits, before it has an effect, until `go_on` is set.
    """

    application: Application
    every_500: int = 0
    every_torn: int = 0
    every_slow: int = 0
    slow_seconds: float = 0.0
    stalls_at: int = -1
    stalled: threading.Event = field(default_factory=threading.Event)
    go_on: threading.Event = field(default_factory=threading.Event)
    asked: list[str] = field(default_factory=list)
    played: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        with self._lock:
            self.asked.append(f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}")
            number = len(self.asked)
            writes = environ["REQUEST_METHOD"] in ("PUT", "DELETE", "POST")
            stalls, self.stalls_at = writes and self.stalls_at == 0, self.stalls_at - writes
        if stalls:
            self.stalled.set()
            self.go_on.wait(60)
            return self._internal_error(start_response)
        if self._is_due(self.every_slow, number, "slow"):
            time.sleep(self.slow_seconds)
        if self._is_due(self.every_500, number, "500"):
            return self._internal_error(start_response)
        if not _is_complete(environ):
            start_response("400 Bad Request", [("Content-Length", "0")])
            return [b""]
        answer = self.application(environ, start_response)
        if environ["REQUEST_METHOD"] == "GET" and self._is_due(self.every_torn, number, "torn"):
            return [b"".join(answer)[:-1]]
        return answer

    def _is_due(self, every: int, number: int, what: str) -> bool:
        due = every > 0 and number % every == 0
        if due:
            self.played.append(what)
        return due

    def _internal_error(self, start_response: Any) -> Iterable[bytes]:
        start_response("500 Internal Server Error", [("Content-Length", str(len(INTERNAL)))])
        return [INTERNAL]


def _is_complete(environ: dict[str, Any]) -> bool:
    """Whether all of the body has come: moto would take what a killed client has sent of it."""
    length = int(environ.get("CONTENT_LENGTH") or 0)
    body = environ["wsgi.input"].read(length)
    environ["wsgi.input"] = io.BytesIO(body)
    return len(body) == length


@contextlib.contextmanager
def served() -> Iterator[tuple[str, BadDay]]:
    """Its address, and what can be played on it; there is one bucket."""
    bad_day = BadDay(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", 0, bad_day, threaded=True, request_handler=QuietHandler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    address = f"http://127.0.0.1:{server.server_port}"
    try:
        client(address).create_bucket(Bucket=BUCKET)
        yield address, bad_day
    finally:
        bad_day.go_on.set()
        server.shutdown()
        thread.join()


def client(address: str) -> Any:
    login = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing", "region_name": "us-east-1"}
    return boto3.client("s3", endpoint_url=address, config=Config(s3={"addressing_style": "path"}), **login)


def log_in(patch: pytest.MonkeyPatch, address: str) -> None:
    """As a user would: by the variables that AWS's clients read."""
    patch.setenv("AWS_ENDPOINT_URL", address)
    patch.setenv("AWS_ACCESS_KEY_ID", "testing")
    patch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    patch.delenv("AWS_PROFILE", raising=False)
    patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
