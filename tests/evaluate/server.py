"""An OpenAI-compatible server that misbehaves on a seeded plan."""

from __future__ import annotations

import hashlib
import json
import random
import threading
from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

WAYS = ("429", "500", "half", "cut json", "silence", "closed", "no choices")
"""How a call may go wrong."""


def hashed(messages: list[dict[str, str]]) -> str:
    return hashlib.sha256(json.dumps(messages).encode()).hexdigest()


class Server(ThreadingHTTPServer):
    """Answers with a hash of the prompt, so that everybody knows what the right answer is."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.over = threading.Event()
        # share of calls that go wrong, and the chance that decides which
        self.bad = 0.0
        self.random = random.Random(0)
        self.ways: tuple[str, ...] = WAYS
        # users' messages that are never answered, with the status that they get
        self.refused: dict[str, int] = {}
        self.choices_at_once = 64
        self.lock = threading.Lock()
        self.wrong: Counter[str] = Counter()
        # how often each prompt was asked, and was answered whole
        self.asked: Counter[str] = Counter()
        self.answered: Counter[str] = Counter()
        self.requests: list[dict[str, Any]] = []
        self.keys: set[str | None] = set()
        # makes the answer to messages
        self.says: Callable[[list[dict[str, str]]], str] = hashed
        # cleared by a test that holds all answers back
        self.gate = threading.Event()
        self.gate.set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    def way(self) -> str:
        with self.lock:
            if self.random.random() >= self.bad:
                return ""
            chosen = self.random.choice(self.ways)
            self.wrong[chosen] += 1
            return chosen

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is no news."""


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        server = self.server
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        prompt = hashed(body["messages"])
        with server.lock:
            server.asked[prompt] += 1
            server.requests.append(body)
            server.keys.add(self.headers["Authorization"])
        server.gate.wait()
        if (status := server.refused.get(body["messages"][-1]["content"])) is not None:
            self._send(json.dumps({"error": {"message": "too long"}}).encode(), status)
            return
        way = server.way()
        if way == "silence":
            server.over.wait(3)
            return
        if way == "closed":
            return
        if way in ("429", "500"):
            self._send(b'{"error": {"message": "busy"}}', int(way), {"Retry-After": "0"})
            return
        if way == "no choices":
            self._send(b'{"object": "chat.completion"}', 200)
            return
        said = server.says(body["messages"])
        count = min(body.get("n", 1), server.choices_at_once)
        choices = [
            {"index": n, "message": {"role": "assistant", "content": said}} for n in range(count)
        ]
        usage = {"prompt_tokens": 10, "completion_tokens": 2 * count}
        data = json.dumps({"choices": choices, "usage": usage}).encode()
        if way == "cut json":
            self._send(data[: len(data) // 2], 200)
            return
        if way == "half":
            self._send(data[: len(data) // 2], 200, {"Content-Length": str(len(data))})
            return
        with server.lock:
            server.answered[prompt] += 1
        self._send(data, 200)

    def _send(self, data: bytes, status: int, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(data))} | (headers or {})).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args: Any) -> None:
        pass
