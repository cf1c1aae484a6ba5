"""How the Hub for tests takes a request: reads it, fails as planned, and answers."""

from __future__ import annotations

import json
import re
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, urlsplit

from tests.support.hub_repos import Refused, Repo

if TYPE_CHECKING:
    from tests.support.hub import Hub

WRITER: Final = "hf_writerwriterwriterwriter"
READER: Final = "hf_readerreaderreaderreader"
USER: Final = "maker"

Answer = tuple[int, Mapping[str, str], bytes]
"""Status, headers, content."""


@dataclass
class Fault:
    """The next ``times`` requests of this method and path get this status; with 0 they are carried
    out, and the connection ends without an answer.
    """

    method: str
    path: str
    status: int
    times: int = 1
    headers: Mapping[str, str] = field(default_factory=dict)
    message: str = "planned"


@dataclass
class Asked:
    """A request: what was asked for, by whom, and how many bytes came with it."""

    method: str
    path: str
    token: str
    bytes: int = 0
    status: int = 0


class Server(ThreadingHTTPServer):
    daemon_threads = True
    hub: Hub

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that was killed is no error of the server."""


class Requests(BaseHTTPRequestHandler):
    """Takes requests; `route` carries them out."""

    protocol_version = "HTTP/1.1"
    server: Server

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def _serve(self) -> None:
        hub = self.server.hub
        self.place = urlsplit(self.path)
        self.query = parse_qs(self.place.query)
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        self.asking = Asked(self.command, self.place.path, token)
        with hub.lock:
            hub.asked.append(self.asking)
        hub.watch(self.asking, "head")
        self.body = self._read()
        fault = self._fault()
        try:
            if fault is not None and fault.status:
                raise Refused(fault.status, fault.message, headers=fault.headers)
            with hub.lock:
                status, headers, content = self.route()
        except Refused as refused:
            status, headers = refused.status, refused.headers
            content = json.dumps(refused.body).encode()
            headers = {"Content-Type": "application/json", **headers}
        hub.watch(self.asking, "done")
        if fault is not None and not fault.status:
            self.close_connection = True
            return
        self._answer(status, headers, content)

    do_GET = do_HEAD = do_POST = do_PUT = _serve  # noqa: N815 - what the base class calls

    def _answer(self, status: int, headers: Mapping[str, str], content: bytes) -> None:
        self.asking.status = status
        self.send_response(status)
        length = len(content)
        if (
            self.command in ("GET", "HEAD")
            and status == 200
            and (asked := self.headers.get("Range"))
        ):
            first, _, last = asked.removeprefix("bytes=").partition("-")
            start = int(first) if first else max(0, length - int(last))
            end = min(int(last) + 1, length) if first and last else length
            content = content[start:end]
            headers = {**headers, "Content-Range": f"bytes {start}-{end - 1}/{length}"}
            self._headers_buffer: list[bytes] = []
            self.send_response(206)
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def _read(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            found = b""
            while size := int(self.rfile.readline(), 16):
                found += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return found
        size = int(self.headers.get("Content-Length", 0))
        first = self.rfile.read(size // 2)
        self.server.hub.watch(self.asking, "body")
        whole = first + self.rfile.read(size - len(first))
        if len(whole) < size:
            raise ConnectionError("the client went away")
        return whole

    def _fault(self) -> Fault | None:
        with self.server.hub.lock:
            for fault in self.server.hub.faults:
                if (
                    fault.times
                    and fault.method == self.command
                    and re.search(fault.path, self.place.path)
                ):
                    fault.times -= 1
                    return fault
        return None

    @abstractmethod
    def route(self) -> Answer:
        """Carry out what is asked for in `asking`, `place`, `query` and `body`."""

    # who may do what

    def repo(self, name: str, *, write: bool = False) -> Repo:
        repo = self.server.hub.repos.get(name)
        token = self.asking.token
        if repo is None or (repo.private and not token):
            raise Refused(404 if token else 401, "Repository not found", "RepoNotFound")
        if write and token != WRITER:
            status = 403 if token else 401
            raise Refused(status, "You don't have the rights to write to this repository")
        return repo

    def json(self) -> Any:
        return json.loads(self.body)
