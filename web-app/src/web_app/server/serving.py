"""The server's life: a socket, Uvicorn on it, and the line that says where it is."""

from __future__ import annotations

import contextlib
import errno
import logging
import socket

import uvicorn

from pose_contract.errors import UsageError
from stage_kit.command.progress import tell
from web_app.server.application import application
from web_app.server.settings import ServerSettings

MOST_AT_ONCE = 200  # connections that are answered at the same time; others are told to come back


def serve(settings: ServerSettings, quiet: bool = False) -> None:
    """Serves until SIGINT or SIGTERM. Raises UsageError where the address or the port cannot be had."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(message)s")
    with bound_socket(settings) as listening:
        if not quiet:
            _, port = listening.getsockname()[:2]
            tell(f"pose app: {settings.workspace.root} is at http://{_shown_host(settings.host)}:{port}/")
            tell("pose app: Ctrl-C stops it")
        config = uvicorn.Config(
            application(settings),
            log_level="warning",
            access_log=False,
            server_header=False,
            limit_concurrency=MOST_AT_ONCE,
            timeout_keep_alive=15,
            timeout_graceful_shutdown=5,
        )
        with contextlib.suppress(KeyboardInterrupt):  # the way to stop it
            uvicorn.Server(config).run(sockets=[listening])


def bound_socket(settings: ServerSettings) -> socket.socket:
    """A socket that listens where the settings say. Raises UsageError."""
    host, port = settings.host.strip("[]"), settings.port
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(MOST_AT_ONCE)  # who reads the line that tells the address may call at once
    except OSError as error:
        remedy = "give another: --port 8041, or --port 0 for any that is free"
        if error.errno != errno.EADDRINUSE:
            remedy = "leave out --host for this machine alone"
        raise UsageError(f"cannot listen on {host} port {port}: {error.strerror}", remedy) from None
    return listening


def _shown_host(host: str) -> str:
    if host in ("0.0.0.0", "::"):
        return socket.gethostname()
    return f"[{host}]" if ":" in host and not host.startswith("[") else host
