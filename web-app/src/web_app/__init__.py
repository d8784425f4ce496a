"""web-app: a workspace in the browser. Look at photos, videos and their poses, and correct them."""

from __future__ import annotations

__all__ = ["__version__"]

__version__ = "0.1.0"
