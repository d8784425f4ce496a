"""Where the server listens, and who may talk to it: frozen and validated."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from dataclasses import dataclass, field

from pose_contract.errors import UsageError
from pose_contract.workspace import Workspace

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 8040
LEAST_TOKEN = 16
LOOPBACK_NAMES = frozenset({"127.0.0.1", "localhost", "[::1]", "::1"})


@dataclass(frozen=True)
class ServerSettings:
    """One server.

    Attributes:
        workspace: what it shows, and writes corrections into.
        host, port: where it listens.
        token: what everybody must know who asks; needed where `host` is not this machine alone.
        names: by which browsers may call it, besides this machine's own and addresses.
    """

    workspace: Workspace
    host: str = DEFAULT_HOST
    port: int = DEFAULT_PORT
    token: str = field(default="", repr=False)
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuses to listen to other machines without a token. Raises UsageError."""
        if not 0 <= self.port <= 65_535:
            raise UsageError(f"--port: expected 0 to 65535, got {self.port}", "take another: --port 8041")
        if self.token and len(self.token) < LEAST_TOKEN:
            reason = f"--token_file: the token has {len(self.token)} letters, expected {LEAST_TOKEN} or more"
            raise UsageError(reason, "make one: openssl rand -hex 24")
        if not self.is_local and not self.token:
            raise UsageError(
                f"--host {self.host} lets other machines in, and there is no token",
                "say POSE_APP_TOKEN=$(openssl rand -hex 24), or --token_file FILE; or leave out --host",
            )

    @property
    def is_local(self) -> bool:
        """Whether only this machine reaches it."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def knows_host(self, header: str) -> bool:
        """Whether a request that names this host means us: else a stranger's name leads to our address."""
        name = header.rsplit(":", 1)[0] if not header.endswith("]") else header
        name = name.lower()
        if name in LOOPBACK_NAMES or name == self.host or name in self.names:
            return True
        if self.is_local:
            return False
        try:
            ipaddress.ip_address(name.strip("[]"))
        except ValueError:
            return False
        return True

    def is_token(self, given: str) -> bool:
        """Whether somebody knows the token; takes the same time for every wrong one."""
        return _is_same(given, self.token)

    def is_cookie(self, given: str) -> bool:
        """Whether a browser has logged in; likewise."""
        return _is_same(given, self.cookie)

    @property
    def cookie(self) -> str:
        """What a browser that has logged in keeps: it does not tell the token."""
        return hmac.digest(self.token.encode(), b"web-app: a browser that has logged in", "sha256").hex()


def _is_same(given: str, known: str) -> bool:
    digests = (hashlib.sha256(text.encode(errors="replace")).digest() for text in (given, known))
    return hmac.compare_digest(*digests)
