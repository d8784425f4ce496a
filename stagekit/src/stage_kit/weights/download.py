"""One request for the rest of a file: HTTP with resume, and every way a host answers with something else.

Knows nothing of hashes, mirrors and file names; that is `fetch.py`.
"""

from __future__ import annotations

import errno
import os
import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from html.parser import HTMLParser
from http.client import HTTPException, HTTPResponse
from io import FileIO
from pathlib import Path

from pose_contract.errors import WorkspaceError

CHUNK_BYTES = 1 << 16
PAGE_BYTES = 1 << 20  # of an HTML page, no more is read
RETRY_STATUSES = frozenset({408, 416, 425, 429})  # and every 5xx: the same request may well succeed later

Received = Callable[[int, int | None], None]  # bytes so far and in all, the latter None if the host does not say


class MirrorFailedError(Exception):
    """This address did not give the file. `again`: asking it once more may help."""

    def __init__(self, reason: str, again: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.again = again


class _HtmlPageError(Exception):
    """The answer is a page for people."""

    def __init__(self, page: str, url: str) -> None:
        super().__init__(url)
        self.page = page
        self.url = url


@dataclass(frozen=True)
class _Answer:
    response: HTTPResponse
    start: int  # where in the file its bytes begin
    total: int | None  # bytes of the whole file, if the host says so
    head: bytes  # read already, to look at


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turns an OSError on our side of the wire into a WorkspaceError that names `path`."""
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        remedy = "free some disk space" if full else "make the weights folder writable, or set POSE_WEIGHTS to another"
        raise WorkspaceError(
            f"cannot use {path}: {error.strerror or error}", f"{remedy}; then run the same command again"
        ) from error


def path_of(part: FileIO) -> Path:
    """The path that an open file was opened by."""
    return Path(os.fsdecode(part.name))


def size_of(part: FileIO) -> int:
    """The bytes in an open file."""
    return os.fstat(part.fileno()).st_size


def discard(part: FileIO) -> None:
    """Empties the file. Not unlinked: its lock is on the file, not on the name."""
    with disk_errors(path_of(part)):
        if size_of(part):
            part.truncate(0)


def receive_rest(url: str, part: FileIO, size_bytes: int | None, timeout_seconds: float, received: Received) -> None:
    """Asks `url` for what `part` still lacks and appends it.

    Args:
        url: http or https.
        part: open for appending, unbuffered; holds the file's first bytes or nothing.
        size_bytes: the published size, if it is known.
        timeout_seconds: the longest silence that is waited for.
        received: told of every chunk.

    Raises:
        MirrorFailedError: no answer, not the file, or not all of it; what came stays in `part` unless it is of no use.
        WorkspaceError: the disk refuses.
    """
    have = size_of(part)
    if size_bytes is not None and have > size_bytes:
        discard(part)
        have = 0
    if have and have == size_bytes:
        return
    try:
        answer = _open_file(url, have, timeout_seconds)
        if answer is not None:
            with answer.response:
                _append(answer, part, size_bytes, received)
    except urllib.error.HTTPError as error:
        with error:
            if error.code == 416:  # no such range: the bytes we have are not the start of this file
                discard(part)
            again = error.code in RETRY_STATUSES or error.code >= 500
            raise MirrorFailedError(f"the host answered {error.code} {error.reason}", again) from error
    except (OSError, HTTPException) as error:
        raise MirrorFailedError(_network_reason(error), again=True) from error


def _append(answer: _Answer, part: FileIO, size_bytes: int | None, received: Received) -> None:
    if size_bytes is not None and answer.total not in (None, size_bytes):
        raise MirrorFailedError(f"offers {answer.total} bytes instead of {size_bytes}", again=False)
    if answer.start != size_of(part):
        # Either the host ignored Range and sends the file from its first byte, or the range is not the one asked for.
        discard(part)
        if answer.start:
            raise MirrorFailedError("the host sent another range than was asked for", again=True)
    done = answer.start
    chunk = answer.head
    while chunk:
        _write(part, chunk)
        done += len(chunk)
        received(done, answer.total or size_bytes)
        if size_bytes is not None and done > size_bytes:
            discard(part)
            raise MirrorFailedError(f"sends more than the {size_bytes} bytes of the published file", again=False)
        chunk = answer.response.read1(CHUNK_BYTES)
    if done == 0:
        raise MirrorFailedError("an empty answer", again=True)
    if answer.total is not None and done < answer.total:
        raise MirrorFailedError(f"the connection ended after {done} of {answer.total} bytes", again=True)


def _write(part: FileIO, chunk: bytes) -> None:
    with disk_errors(path_of(part)):
        rest = memoryview(chunk)
        while rest:  # a raw file may take less than it is given, as when the disk is nearly full
            rest = rest[part.write(rest) :]


def _open_file(url: str, have: int, timeout_seconds: float) -> _Answer | None:
    """The answer to a request from byte `have` on; None if the host says that there is nothing more."""
    try:
        return _open(url, have, timeout_seconds)
    except urllib.error.HTTPError as error:
        if have and error.code == 416 and error.headers.get("Content-Range") == f"bytes */{have}":
            error.close()
            return None
        raise
    except _HtmlPageError as html:
        confirmed = _confirmation(html)
        try:
            if confirmed is not None:
                return _open(confirmed, have, timeout_seconds)
        except _HtmlPageError as second:
            html = second
        title = re.search(r"<title[^>]*>\s*(.*?)\s*</title>", html.page, re.IGNORECASE | re.DOTALL)
        says = f" ({' '.join(title[1].split())[:80]!r})" if title else ""
        raise MirrorFailedError(f"an HTML page instead of weights{says}", again=False) from None


def _open(url: str, have: int, timeout_seconds: float) -> _Answer:
    headers = {"User-Agent": "pose-contract", "Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
    response: HTTPResponse = urllib.request.urlopen(
        urllib.request.Request(url, headers=headers), timeout=timeout_seconds
    )
    try:
        head = response.read1(CHUNK_BYTES)
        start, total = _extent(response)
        looks_html = start == 0 and head.lstrip()[:15].lower().startswith((b"<!doctype html", b"<html"))
        if looks_html or response.headers.get_content_type() == "text/html":
            raise _HtmlPageError((head + response.read(PAGE_BYTES)).decode(errors="replace"), response.geturl())
    except BaseException:
        response.close()
        raise
    return _Answer(response, start, total, head)


def _extent(response: HTTPResponse) -> tuple[int, int | None]:
    """Where the answer's bytes start in the file, and how many the file has if the host says so."""
    partial = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))
    if response.status == 206 and partial:
        return int(partial[1]), None if partial[2] == "*" else int(partial[2])
    length = response.headers.get("Content-Length", "")
    return 0, int(length) if length.isdecimal() else None


class _Forms(HTMLParser):
    """The forms of a page: each one's action and hidden inputs, which is what a click on its button would send."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[tuple[str, dict[str, str]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Called by HTMLParser for every tag that opens."""
        values = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append((values.get("action", ""), {}))
        elif tag == "input" and values.get("type") == "hidden" and self.forms:
            self.forms[-1][1][values.get("name", "")] = values.get("value", "")


def _confirmation(html: _HtmlPageError) -> str | None:
    """The address behind Google Drive's "too large to scan for viruses" page; None if the page is another."""
    page = _Forms()
    page.feed(html.page)
    for action, inputs in page.forms:
        address = urllib.parse.urlsplit(urllib.parse.urljoin(html.url, action))
        # A page decides where we go next: never from https to plain http, and never to a local file.
        if "confirm" in inputs and address.scheme in ("https", urllib.parse.urlsplit(html.url).scheme):
            return address._replace(query=urllib.parse.urlencode(inputs)).geturl()
    return None


def _network_reason(error: OSError | HTTPException) -> str:
    cause = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(cause, TimeoutError):
        return "no answer in time"
    if isinstance(cause, OSError) and cause.strerror:
        return cause.strerror
    return str(cause) or type(cause).__name__
