"""What several files of tests of `etl.stages` share."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest


@dataclass
class Model:
    """A loopback endpoint.

    ``plan`` gives what the next calls get (a status, ``hang``, or a body); after that it answers.
    """

    plan: list[int | str] = field(default_factory=list)
    calls: list[dict[str, Any]] = field(default_factory=list)
    delay: float = 0.0
    url: str = ""


@pytest.fixture
def model() -> Iterator[Model]:
    """An OpenAI-compatible server on the loopback interface."""
    state = Model()
    stop = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            state.calls.append({"path": self.path, "key": self.headers["Authorization"], **body})
            what = state.plan.pop(0) if state.plan else 200
            time.sleep(state.delay)
            if what == "hang":
                stop.wait(5)
                return
            user = body["messages"][1]["content"]
            text = f'"Rewritten {user.splitlines()[0]}"'
            answer = {"choices": [{"message": {"content": text}}]}
            status = what if isinstance(what, int) else 200
            if isinstance(what, str) and what.startswith("400 "):
                status, what = 400, what.removeprefix("400 ")
            data = what.encode() if isinstance(what, str) else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            if what == 302:
                self.send_header("Location", f"{state.url}/elsewhere")
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{server.server_port}/v1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield state
    stop.set()
    server.shutdown()
    thread.join()
    server.server_close()


def body(content: Any, finish: str = "stop", **message: Any) -> str:
    """A response with this content."""
    choice = {"message": {"content": content, **message}, "finish_reason": finish}
    return json.dumps({"choices": [choice]})
