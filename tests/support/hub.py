"""A Hugging Face Hub on this machine, for tests of publishing: speaks what the real client speaks.

Of the packages that can be installed none takes uploads: olah mirrors the real Hub, cheesecave is a
reserved name. This one holds dataset repositories in memory, with git's identities of blobs,
commits, branches and tags: create repositories, preupload, LFS batch (single and multipart),
commits as NDJSON with a check of the parent, trees and commits in pages, paths-info, resolve with
redirect and ranges, private repositories, and tokens that may read or write. It has no Xet storage:
clients learn it from ``HF_HUB_DISABLE_XET``, which the client does not ask the server about.

`Hub.faults` makes requests fail as planned, and `Hub.watch` is called at three moments of every
request: when its head has come, in the middle of its body, and when it has been carried out, but is
not answered yet.
"""

from __future__ import annotations

import base64
import copy
import hashlib
import json
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import parse_qs, quote, unquote

from tests.support.hub_repos import Blob, Refused, Repo
from tests.support.hub_requests import READER, USER, WRITER, Answer, Asked, Fault, Requests, Server

_ATTRIBUTES: Final = (
    b"*.arrow filter=lfs diff=lfs merge=lfs -text\n*.parquet filter=lfs diff=lfs merge=lfs -text\n"
)
_REGULAR_BYTES: Final = 10 * 2**20

_Serve = Callable[..., Answer]

Saved = tuple[dict[str, Repo], dict[str, bytes]]


class Hub(Server):
    """See the module. ``page``: entries of a page of a tree. ``part``: bytes from which on, and by
    which, large objects come in parts. ``uploads``: how often each large object was received whole.
    """

    def __init__(self, page: int = 1000, part: int = 2**20) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.hub = self
        self.store = _Store(("127.0.0.1", 0), _Handler)
        self.store.hub = self
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.page, self.part = page, part
        self.repos: dict[str, Repo] = {}
        self.objects: dict[str, bytes] = {}
        self.parts: dict[tuple[str, int], bytes] = {}
        self.uploads: Counter[str] = Counter()
        self.asked: list[Asked] = []
        self.faults: list[Fault] = []
        self.watch: Callable[[Asked, str], None] = lambda _asked, _moment: None
        self.lock = threading.RLock()

    @property
    def env(self) -> dict[str, str]:
        """What a client needs to find it, and to leave alone what it does not have."""
        return {
            "HF_ENDPOINT": self.url,
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_OFFLINE": "0",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "HF_TOKEN": WRITER,
        }

    def saved(self) -> Saved:
        """Its state, to which `restore` goes back."""
        with self.lock:
            return copy.deepcopy(self.repos), dict(self.objects)

    def restore(self, saved: Saved) -> None:
        """Go back to a state, and forget what was asked and sent."""
        with self.lock:
            self.repos, self.objects = copy.deepcopy(saved[0]), dict(saved[1])
            self.asked, self.parts = [], {}
            self.uploads.clear()

    @property
    def received(self) -> int:
        """Bytes of content that came so far: of large objects as they were sent, of other files
        decoded.
        """
        with self.lock:
            return sum(asked.bytes for asked in self.asked)


class _Store(Server):
    """Where large objects are sent to and fetched from: another host than the Hub, which must not
    be told the token.
    """

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(Requests):
    def route(self) -> Answer:
        if self.asking.token not in ("", WRITER, READER):
            raise Refused(401, "Invalid credentials in Authorization header")
        for method, pattern, serve in _ROUTES if self.server is self.server.hub else _STORED:
            if self.command in method.split() and (match := re.fullmatch(pattern, self.place.path)):
                return serve(self, *map(unquote, match.groups("")))
        raise Refused(404, f"Not found: {self.place.path}")

    # the API

    def whoami(self) -> Answer:
        if not self.asking.token:
            raise Refused(401, "Invalid username or password.")
        return _json_of({"type": "user", "name": USER, "orgs": []})

    def create(self) -> Answer:
        wanted = self.json()
        owner = wanted.get("organization") or USER
        if self.asking.token != WRITER:
            raise Refused(
                403 if self.asking.token else 401,
                "You don't have the rights to create a repository",
            )
        if owner != USER:
            raise Refused(
                403, f"You don't have the rights to create a dataset under the namespace {owner!r}"
            )
        assert wanted["type"] == "dataset"
        name = f"{owner}/{wanted['name']}"
        url = f"{self.server.hub.url}/datasets/{name}"
        if name in self.server.hub.repos:
            raise Refused(409, "You already created this dataset repo", body={"url": url})
        private = wanted.get("visibility") == "private" or bool(wanted.get("private"))
        repo = self.server.hub.repos[name] = Repo(name, private)
        repo.add("main", "initial commit", {".gitattributes": Blob(_ATTRIBUTES)})
        return _json_of({"url": url, "name": name})

    def info(self, name: str, revision: str) -> Answer:
        repo = self.repo(name)
        sha = repo.resolve(revision or "main")
        siblings = [{"rfilename": path} for path in sorted(repo.files(sha))]
        return _json_of(
            {"id": name, "sha": sha, "private": repo.private, "siblings": siblings, "tags": []}
        )

    def tree(self, name: str, revision: str, folder: str) -> Answer:
        repo = self.repo(name)
        files = repo.files(revision)
        prefix = f"{folder}/" if folder else ""
        recursive = self.query.get("recursive", ["false"])[0].lower() in ("true", "1")
        entries: dict[str, dict[str, Any]] = {}
        for path, blob in sorted(files.items()):
            if not path.startswith(prefix):
                continue
            parts = path.removeprefix(prefix).split("/")
            for depth in range(1, len(parts)):
                inner = prefix + "/".join(parts[:depth])
                if recursive or depth == 1:
                    oid = hashlib.sha1(inner.encode()).hexdigest()
                    entries.setdefault(
                        inner, {"type": "directory", "oid": oid, "size": 0, "path": inner}
                    )
            if recursive or len(parts) == 1:
                entries[path] = blob.as_json(path)
        if folder and not entries:
            raise Refused(404, f"{folder} does not exist on {revision}", "EntryNotFound")
        return self._paged(list(entries.values()))

    def _paged(self, entries: list[Any]) -> Answer:
        start, size = int(self.query.get("cursor", ["0"])[0]), self.server.hub.page
        status, headers, content = _json_of(entries[start : start + size])
        if start + size < len(entries):
            others = "&".join(
                f"{key}={quote(value[0])}" for key, value in self.query.items() if key != "cursor"
            )
            link = f"{self.server.hub.url}{self.place.path}?{others}&cursor={start + size}"
            headers = {**headers, "Link": f'<{link}>; rel="next"'}
        return status, headers, content

    def paths_info(self, name: str, revision: str) -> Answer:
        files = self.repo(name).files(revision)
        asked = parse_qs(self.body.decode()).get("paths", [])
        return _json_of([files[path].as_json(path) for path in asked if path in files])

    def commits(self, name: str, revision: str) -> Answer:
        repo = self.repo(name)
        found = [
            {
                "id": oid,
                "title": repo.commits[oid].title,
                "message": "",
                "authors": [{"user": USER}],
                "date": "2026-01-01T00:00:00.000Z",
            }
            for oid in repo.history(revision)
        ]
        return self._paged(found)

    def refs(self, name: str) -> Answer:
        repo = self.repo(name)

        def listed(kind: str, known: Mapping[str, str]) -> list[dict[str, str]]:
            return [
                {"name": key, "ref": f"refs/{kind}/{key}", "targetCommit": oid}
                for key, oid in known.items()
            ]

        return _json_of(
            {
                "branches": listed("heads", repo.branches),
                "tags": listed("tags", repo.tags),
                "converts": [],
            }
        )

    def tag(self, name: str, revision: str) -> Answer:
        repo = self.repo(name, write=True)
        wanted = self.json()["tag"]
        if wanted in repo.tags:
            raise Refused(409, f"Tag {wanted} already exists")
        repo.tags[wanted] = repo.resolve(revision)
        return _json_of({})

    def branch(self, name: str, branch: str) -> Answer:
        repo = self.repo(name, write=True)
        if branch in repo.branches:
            raise Refused(409, f"Branch {branch} already exists")
        repo.branches[branch] = repo.resolve(self.json().get("startingPoint") or "main")
        return _json_of({})

    def validate(self) -> Answer:
        content = self.json()["content"]
        if not content.startswith("---\n"):
            return _json_of(
                {
                    "warnings": [{"message": "empty or missing yaml metadata in repo card"}],
                    "errors": [],
                }
            )
        return _json_of({"warnings": [], "errors": []})

    # uploads

    def preupload(self, name: str, revision: str) -> Answer:
        files = self.repo(name, write=True).files(revision)
        answers = []
        for wanted in self.json()["files"]:
            base64.b64decode(wanted["sample"])
            large = (
                wanted["path"].endswith((".arrow", ".parquet")) or wanted["size"] > _REGULAR_BYTES
            )
            known = files.get(wanted["path"])
            mode = "lfs" if large else "regular"
            answer = {"path": wanted["path"], "uploadMode": mode, "shouldIgnore": False}
            answers.append({**answer, **({"oid": known.etag} if known else {})})
        return _json_of({"files": answers})

    def batch(self, name: str) -> Answer:
        self.repo(name, write=True)
        wanted = self.json()
        assert wanted["operation"] == "upload"
        assert wanted["hash_algo"] == "sha256"
        objects = []
        for item in wanted["objects"]:
            answer: dict[str, Any] = {
                "oid": item["oid"],
                "size": item["size"],
                "authenticated": True,
            }
            if item["oid"] not in self.server.hub.objects:
                answer["actions"] = self._actions(item["oid"], item["size"])
            objects.append(answer)
        return _json_of({"transfer": "basic", "objects": objects})

    def _actions(self, oid: str, size: int) -> dict[str, Any]:
        url, store, part = self.server.hub.url, self.server.hub.store.url, self.server.hub.part
        verify = {"href": f"{url}/verify/{oid}", "header": {}}
        if size < part:
            return {
                "upload": {"href": f"{store}/store/{oid}?X-Signature=secret", "header": {}},
                "verify": verify,
            }
        numbers = range(1, -(-size // part) + 1)
        header = {
            str(number): f"{store}/part/{oid}/{number}?X-Signature=secret" for number in numbers
        }
        upload = {"href": f"{url}/complete/{oid}", "header": {"chunk_size": str(part), **header}}
        return {"upload": upload, "verify": verify}

    def store(self, oid: str) -> Answer:
        self._received(oid, self.body)
        self.asking.bytes = len(self.body)
        return 200, {"ETag": f'"{oid[:32]}"'}, b""

    def part(self, oid: str, number: str) -> Answer:
        self.server.hub.parts[oid, int(number)] = self.body
        self.asking.bytes = len(self.body)
        return 200, {"ETag": f'"{hashlib.md5(self.body).hexdigest()}"'}, b""

    def complete(self, oid: str) -> Answer:
        wanted = self.json()
        parts = [self.server.hub.parts.pop((oid, item["partNumber"])) for item in wanted["parts"]]
        etags = [f'"{hashlib.md5(part).hexdigest()}"' for part in parts]
        if etags != [item["etag"] for item in wanted["parts"]]:
            raise Refused(400, "a part is not what was sent")
        self._received(oid, b"".join(parts))
        return _json_of({"success": True})

    def _received(self, oid: str, content: bytes) -> None:
        if hashlib.sha256(content).hexdigest() != oid:
            raise Refused(400, "the content does not have this sha256")
        self.server.hub.objects[oid] = content
        self.server.hub.uploads[oid] += 1

    def verify(self, oid: str) -> Answer:
        if len(self.server.hub.objects.get(oid, b"")) != self.json()["size"]:
            raise Refused(404, "no such object")
        return _json_of({})

    def commit(self, name: str, branch: str) -> Answer:
        repo = self.repo(name, write=True)
        header, *lines = [json.loads(line) for line in self.body.splitlines()]
        if branch not in repo.branches:
            raise Refused(404, f"Invalid rev id: {branch}", "RevisionNotFound")
        if header["value"].get("parentCommit", repo.branches[branch]) != repo.branches[branch]:
            raise Refused(412, "A commit has happened since. Please refresh and try again.")
        files = dict(repo.files(branch))
        for line in lines:
            path = line["value"]["path"]
            if line["key"] == "file":
                assert line["value"]["encoding"] == "base64"
                files[path] = Blob(base64.b64decode(line["value"]["content"]))
                self.asking.bytes += len(files[path].data)
            elif line["key"] == "lfsFile":
                if line["value"]["oid"] not in self.server.hub.objects:
                    raise Refused(400, f"LFS pointer pointed to a file that does not exist: {path}")
                files[path] = Blob(self.server.hub.objects[line["value"]["oid"]], large=True)
            elif line["key"] == "deletedFile":
                if files.pop(path, None) is None:
                    raise Refused(
                        404, f"A file with this name doesn't exist: {path}", "EntryNotFound"
                    )
            else:
                raise Refused(400, f"unknown operation {line['key']}")
        oid = repo.add(branch, header["value"]["summary"], files)
        url = f"{self.server.hub.url}/datasets/{name}/commit/{oid}"
        return _json_of({"success": True, "commitOid": oid, "commitUrl": url, "hookOutput": ""})

    # downloads

    def resolve(self, name: str, revision: str, path: str) -> Answer:
        repo = self.repo(name)
        sha = repo.resolve(revision)
        blob = repo.files(sha).get(path)
        headers = {"X-Repo-Commit": sha, "Accept-Ranges": "bytes"}
        if blob is None:
            raise Refused(404, "Entry not found", "EntryNotFound", headers)
        if not blob.large:
            return 200, {**headers, "ETag": f'"{blob.oid}"'}, blob.data
        headers |= {"X-Linked-Etag": f'"{blob.sha256}"', "X-Linked-Size": str(len(blob.data))}
        location = f"{self.server.hub.store.url}/cdn/{blob.sha256}?X-Signature=secret"
        return 302, {**headers, "ETag": f'"{blob.oid}"', "Location": location}, b""

    def cdn(self, oid: str) -> Answer:
        if oid not in self.server.hub.objects:
            raise Refused(404, "no such object")
        return 200, {"ETag": f'"{oid}"', "Accept-Ranges": "bytes"}, self.server.hub.objects[oid]


def _json_of(value: object) -> Answer:
    return 200, {"Content-Type": "application/json"}, json.dumps(value).encode()


_NAME: Final = r"([^/]+/[^/]+)"
_ROUTES: Final[list[tuple[str, str, _Serve]]] = [
    ("GET", r"/api/whoami-v2", _Handler.whoami),
    ("POST", r"/api/repos/create", _Handler.create),
    ("POST", r"/api/validate-yaml", _Handler.validate),
    ("GET", rf"/api/datasets/{_NAME}(?:/revision/([^/]+))?", _Handler.info),
    ("GET", rf"/api/datasets/{_NAME}/tree/([^/]+)(?:/(.+))?", _Handler.tree),
    ("POST", rf"/api/datasets/{_NAME}/paths-info/([^/]+)", _Handler.paths_info),
    ("GET", rf"/api/datasets/{_NAME}/commits/([^/]+)", _Handler.commits),
    ("GET", rf"/api/datasets/{_NAME}/refs", _Handler.refs),
    ("POST", rf"/api/datasets/{_NAME}/tag/([^/]+)", _Handler.tag),
    ("POST", rf"/api/datasets/{_NAME}/branch/([^/]+)", _Handler.branch),
    ("POST", rf"/api/datasets/{_NAME}/preupload/([^/]+)", _Handler.preupload),
    ("POST", rf"/api/datasets/{_NAME}/commit/([^/]+)", _Handler.commit),
    ("POST", rf"/datasets/{_NAME}\.git/info/lfs/objects/batch", _Handler.batch),
    ("POST", r"/complete/(\w+)", _Handler.complete),
    ("POST", r"/verify/(\w+)", _Handler.verify),
    ("GET HEAD", rf"/datasets/{_NAME}/resolve/([^/]+)/(.+)", _Handler.resolve),
]
_STORED: Final[list[tuple[str, str, _Serve]]] = [
    ("PUT", r"/store/(\w+)", _Handler.store),
    ("PUT", r"/part/(\w+)/(\d+)", _Handler.part),
    ("GET HEAD", r"/cdn/(\w+)", _Handler.cdn),
]


@contextmanager
def served(page: int = 1000, part: int = 2**20) -> Iterator[Hub]:
    """A running Hub without repositories."""
    hub = Hub(page, part)
    threads = [
        threading.Thread(target=server.serve_forever, args=(0.02,)) for server in (hub, hub.store)
    ]
    for thread in threads:
        thread.start()
    try:
        yield hub
    finally:
        for server, thread in zip((hub, hub.store), threads, strict=True):
            server.shutdown()
            server.server_close()
            thread.join()
