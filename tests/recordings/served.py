"""Serves the applications of the recordings on this machine, each under its own host name.

Browsers are told that every host name is this machine, so addresses read ``http://shop.example/``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Final

from steps import HOSTS

APPS: Final = Path(__file__).parent / "apps"
TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
}


class AppHandler(BaseHTTPRequestHandler):
    """Serves ``apps/<app of the host>``; an unknown path gets the app's page, an unknown image one
    grey picture.
    """

    def do_GET(self) -> None:
        """Answer with a file."""
        host = (self.headers.get("Host") or "").split(":")[0]
        app = next((app for app, name in HOSTS.items() if name == host), "")
        path = self.path.split("?")[0].lstrip("/")
        candidates = [APPS / app / path, APPS / path] if app and ".." not in path else []
        candidates.append(
            APPS / "common/image.svg"
            if path.endswith((".svg", ".ico"))
            else APPS / app / "index.html"
        )
        found = next((c for c in candidates if c.is_file()), None)
        body = found.read_bytes() if found else b""
        self.send_response(200 if found else 404)
        self.send_header("Content-Type", TYPES[found.suffix] if found else "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args: object, **_kwargs: object) -> None:
        """Say nothing: the standard handler prints every request."""


@contextmanager
def served() -> Iterator[int]:
    """The applications on a free port of the loopback interface."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), AppHandler)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
