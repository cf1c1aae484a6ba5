"""Publishing to the Hub where something is in the way, and what else it can do: refusals, secrets,
formats, limits.
"""

from __future__ import annotations

import shutil
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import huggingface_hub
import pytest

from etl.files.arrow import read_json, write_json
from etl.files.retries import asked_wait, persistent
from etl.publish.hub import Hub
from etl.publish.publication import Order, publish
from schemas.errors import StepmillError
from tests.support import builds, publishing
from tests.support.hub_repos import Blob
from tests.support.hub_requests import READER, WRITER, Asked, Fault
from tests.support.publishing import World, shards

QUICK: Final = {"STEPMILL_RETRY_SECONDS": "20"}


@pytest.fixture
def here(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients in this process find the Hub too."""
    for name, value in world.hub.env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", world.hub.url)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr("etl.files.retries.FIRST_WAIT", 0.01)


@pytest.fixture(autouse=True)
def no_faults(world: World) -> Iterator[None]:
    yield
    assert [fault for fault in world.hub.faults if fault.times] == []
    world.hub.faults.clear()


def trouble(repo: str) -> list[Fault]:
    """Requests that fail once, of those that the client itself tries again and of those that it
    does not.
    """
    api = f"/api/datasets/{repo}"
    return [
        Fault("GET", f"{api}$", 503),
        Fault("POST", "/api/repos/create", 429, headers={"Retry-After": "2"}),
        Fault("PUT", "/store/", 500),
        Fault("POST", f"{api}/commit/", 502),
        Fault("POST", f"{api}/commit/", 0),
        Fault("POST", f"{api}/tag/", 429, headers={"ratelimit": '"api";r=0;t=3'}),
        Fault("POST", f"{api}/tag/", 0),
    ]


def test_a_hub_in_trouble_is_asked_again(world: World) -> None:
    """5xx, rate limits and lost answers are waited out, as long as the Hub asks to wait; a commit
    and a tag whose answer was lost are not made twice; the result is that of a publication without
    trouble.
    """
    repo = world.repo()
    world.hub.restore(({}, {}))
    world.published(world.nights[0], repo, "--tag", "v1")
    smooth = world.hub.repos[repo]
    world.hub.restore(({}, {}))
    world.hub.faults = trouble(repo)
    done = world.publish(world.nights[0], repo, "--tag", "v1", env=QUICK)
    assert done.code == 0, done.err
    assert "trying again in 2 s" in done.err
    assert "trying again in 3 s" in done.err
    made = world.hub.repos[repo]
    assert made.files() == smooth.files()
    assert made.history() == smooth.history()
    assert made.tags == smooth.tags == {"v1": made.branches["main"]}
    assert set(world.hub.uploads.values()) == {1}


def test_a_wait_that_is_asked_for_may_be_longer_than_the_time_for_retries(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is waited out, once the time for retries has begun;
    when that is over there is no other.
    """
    monkeypatch.setenv("STEPMILL_RETRY_SECONDS", "0.1")
    tries = 0

    def busy() -> None:
        nonlocal tries
        tries += 1
        error = OSError("busy")
        error.headers = {"Retry-After": "1"}  # type: ignore[attr-defined]
        raise error

    with pytest.raises(OSError, match="busy"):
        persistent(busy, "a place")
    assert tries == 2


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7),
        ({"retry-after": " 7 "}, 7),
        ({"Retry-After": "Fri, 31 Dec 1999 23:59:59 GMT"}, 0),
        ({"Retry-After": "soon"}, 0),
        ({}, 0),
    ],
)
def test_the_wait_that_a_server_asks_for(headers: dict[str, str], seconds: float) -> None:
    """Seconds as a number; of a date that is past, and of what cannot be understood, none."""
    error = RuntimeError()
    error.headers = headers  # type: ignore[attr-defined]
    assert asked_wait(error) == seconds


FAILURES: Final[dict[str, tuple[Fault | None, dict[str, str], int, str]]] = {
    "a token that is not known": (None, {"HF_TOKEN": "hf_unknownunknownunknown"}, 2,
    "does not know the token (401)"),
    "a token that only reads": (None, {"HF_TOKEN": READER}, 2,
    "may not do this (403). Use one with write access"),
    "no token": (None, {"HF_TOKEN": ""}, 2,
    "needs a token: set HF_TOKEN, or log in with: hf auth login"),
    "a conflict": (Fault("POST", "/commit/", 409), {}, 1,
    "the Hub refuses this: HfHubHTTPError: Client error '409"),
    "a bad request": (Fault("POST", "/preupload/", 400), {}, 1,
    "the Hub refuses this: BadRequestError"),
    "no end of trouble": (
        Fault("POST", "/commit/", 503), {"STEPMILL_RETRY_SECONDS": "1"}, 1,
        "tried for 1 s. See that the Hub",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", FAILURES)
def test_what_the_hub_does_not_do_is_explained(world: World, what: str) -> None:
    """Exit code, what, where and what to do; nothing on stdout, no traceback, and nothing that a
    reader sees.
    """
    fault, env, code, says = FAILURES[what]
    repo = world.repo()
    world.hub.faults = [fault] if fault else []
    done = world.publish(world.nights[0], repo, "--json", env=env)
    assert (done.code, done.out) == (code, "")
    assert f"stepmill: {repo}: " in done.err
    assert says in done.err
    assert "Traceback" not in done.err
    assert set(world.hub.repos[repo].files() if repo in world.hub.repos else ()) <= {
        ".gitattributes"
    }


def test_a_namespace_of_somebody_else(world: World) -> None:
    """A repository that the user may not make: exit code 2, with the Hub's reason."""
    done = world.publish(world.nights[0], "others/data")
    assert done.code == 2
    assert "others/data: the token may not do this (403)" in done.err
    assert "under the namespace 'others'" in done.err


def test_a_name_without_namespace_is_the_users(world: World) -> None:
    """`data` is `maker/data`."""
    report = world.published(world.nights[0], "plain", "--dry-run")
    assert report["place"] == "maker/plain"


def test_of_two_publications_at_once_one_stops(world: World) -> None:
    """Somebody commits in the middle: the publication stops with what is so and what to do, and has
    not switched; done again, it completes.
    """
    repo, out = world.repo(), world.nights[1]
    world.published(world.nights[0], repo)
    made = world.hub.repos[repo]

    def meddle(asked: Asked, moment: str) -> None:
        if "/commit/" in asked.path and moment == "done" and "other.txt" not in made.files():
            made.add("main", "by somebody else", {**made.files(), "other.txt": Blob(b"x")})

    world.hub.watch = meddle
    done = world.publish(out, repo)
    world.hub.watch = lambda _asked, _moment: None
    assert done.code == 1
    assert f"{repo}: somebody else committed meanwhile" in done.err
    assert "run the same command again" in done.err
    assert [made.commits[oid].title.split()[0] for oid in made.history()[:3]] == [
        "by",
        "Add",
        "Publish",
    ]
    world.published(out, repo)
    assert "other.txt" in made.files()
    world.loads(repo, 1)


def test_the_token_is_nowhere(
    world: World, here: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In no output (with --json, and with the client's debug log), no file, and no exception with
    its causes, contexts and local variables, even where the Hub says the token back; signed URLs
    are not said either.
    """
    folder = tmp_path / "all"
    (folder / "tmp").mkdir(parents=True)
    out = Path(shutil.copytree(world.nights[0], folder / "out"))
    env = {"HF_HOME": str(folder / "home"), "TMPDIR": str(folder / "tmp"), "HF_DEBUG": "1"}
    said = f"token {WRITER} is tired"
    faults = [
        Fault("POST", "/repos/create", status, message=said) for status in (400, 401, 403, 429, 500)
    ]
    faults += [
        Fault("PUT", "/store/", 500, message=said),
        Fault("POST", "/commit/", 500, message=said),
    ]
    for fault in faults:
        world.hub.faults = [fault]
        done = world.publish(out, world.repo(), "--json", "--tag", "v1", env={**env, **QUICK})
        assert WRITER not in done.out + done.err
        assert "X-Signature" not in done.err
        assert (done.code == 0) == (fault.status in (429, 500))
        assert done.code == 0 or "<token> is tired" in done.err
    for path in folder.rglob("*"):
        assert not path.is_file() or WRITER.encode() not in path.read_bytes()
    for status in (400, 401, 403, 500):
        monkeypatch.setenv("STEPMILL_RETRY_SECONDS", "0")
        world.hub.faults = [Fault("POST", "/repos/create", status, message=said)]
        with pytest.raises(StepmillError) as caught:
            publish(out, Hub(world.repo()), Order(), builds.Quiet)
        assert WRITER not in str(caught.value)
        assert_clean(caught.value)


def assert_clean(error: BaseException) -> None:
    """No exception that hangs on this one has the token in it, its request, or its frames."""
    found = traceback.TracebackException.from_exception(error, capture_locals=True)
    found.stack = traceback.StackSummary.from_list(
        [frame for frame in found.stack if frame.filename != __file__]
    )
    assert len(found.stack) > 3
    assert WRITER not in "".join(found.format())
    waiting: list[BaseException | None] = [error]
    while waiting:
        each = waiting.pop()
        if each is None:
            continue
        waiting += [each.__cause__, each.__context__]
        assert WRITER not in repr((each.args, vars(each)))
        assert getattr(each, "request", None) is None
        assert isinstance(each.__traceback__, TracebackType | None)


def changed(world: World, tmp_path: Path, **changes: Any) -> Path:
    """A copy of the first night, with another manifest."""
    out = Path(shutil.copytree(world.nights[0], tmp_path / "out"))
    path = out / "dataset" / "manifest.json"
    write_json(path, {**read_json(path), **changes})
    return out


def refused(world: World, out: Path, name: str, says: str, *arguments: str) -> dict[str, Any]:
    """It is not published, with exit code 2 and the reason, and nothing is changed; allowed by name
    it is, and by no other name.
    """
    repo = world.repo()
    others = [
        other
        for other in ("gate-failed", "unlicensed", "privacy-findings", "edited-card")
        if other != name
    ]
    for allowed in ([], [argument for other in others for argument in ("--allow", other)]):
        done = world.publish(out, repo, *arguments, *allowed)
        assert (done.code, done.out) == (2, "")
        assert says in done.err
        assert f"--allow {name}" in done.err
        assert repo not in world.hub.repos
    return world.published(out, repo, *arguments, "--allow", name)


def test_a_build_without_licence(world: World, tmp_path: Path) -> None:
    """`unknown`, or none at all."""
    settings = read_json(world.nights[0] / "dataset" / "manifest.json")["settings"]
    for known in ("unknown", ""):
        shutil.rmtree(tmp_path / "out", ignore_errors=True)
        changes = {**settings, "card": {**settings["card"], "license": known}}
        out = changed(world, tmp_path, settings=changes)
        refused(world, out, "unlicensed", f"it has no licence (card.license is {known!r})")


@pytest.mark.parametrize("findings", [3, {"emails": 2, "phones": 1}])
def test_a_build_with_privacy_findings(world: World, tmp_path: Path, findings: Any) -> None:
    """As a count, or by kind."""
    out = changed(world, tmp_path, privacy={"findings": findings})
    refused(world, out, "privacy-findings", "3 privacy findings are known in it")


def test_a_takedown_list_that_the_dataset_does_not_know(world: World, tmp_path: Path) -> None:
    """What is listed is still in it."""
    out = changed(world, tmp_path)
    write_json(out / "work" / "takedown.json", {"workflows": ["w1"], "domains": []})
    refused(world, out, "privacy-findings", "its takedown list has changed since it was built")


def test_a_build_that_fails_its_gates(world: World, tmp_path: Path) -> None:
    """The last complete one is published; the rejected one, if that is asked for, only if its gates
    are allowed, which are named; accepted later, it is the one that is there.
    """
    out = Path(shutil.copytree(world.nights[0], tmp_path / "out"))
    inputs = builds.write_workflows(
        tmp_path / "in" / "a.jsonl", *map(publishing.record, range(41))
    ).parent
    settings = (*publishing.SETTINGS, 'card.license="mit"')
    done = builds.command(
        "build",
        inputs,
        "--out",
        out,
        "--workers",
        "0",
        "--set",
        "gates.min_samples=1000",
        *_set(settings),
    )
    assert done.returncode == 1
    says = "its gates fail: 41 samples are in the dataset; gates.min_samples is"
    report = refused(world, out, "gate-failed", says, "--candidate")
    assert world.publish(out, world.repo(), "--dry-run").code == 0  # the last complete one is there
    builds.build([inputs], out, *settings)
    assert world.publish(out, report["place"], "--dry-run").code == 0


def _set(settings: tuple[str, ...]) -> list[str]:
    return [argument for setting in settings for argument in ("--set", setting)]


def test_a_build_that_is_not_whole(world: World, tmp_path: Path) -> None:
    """No manifest, a file less, a file that is not what the manifest says, no rows, or no build:
    said, with what to do, and nothing is published.
    """
    repo, bare = world.repo(), {".gitattributes"}
    for name, says in (
        ("dataset/manifest.json", "the build is not complete"),
        ("dataset/stats/drops.parquet", "the manifest names it, and it is missing"),
        (
            f"dataset/{next(iter(shards(world.nights[0])))}",
            "the manifest names it, and it is missing",
        ),
    ):
        shutil.rmtree(tmp_path / "out", ignore_errors=True)
        out = Path(shutil.copytree(world.nights[0], tmp_path / "out"))
        (out / name).unlink()
        done = world.publish(out, repo)
        assert done.code == (2 if name.endswith("manifest.json") else 1)
        assert says in done.err
        assert "again" in done.err
    for name in ("dataset/stats/drops.parquet", f"dataset/{next(iter(shards(world.nights[0])))}"):
        shutil.rmtree(tmp_path / "out", ignore_errors=True)
        out = Path(shutil.copytree(world.nights[0], tmp_path / "out"))
        data = bytearray((out / name).read_bytes())
        data[len(data) // 2] ^= 1
        (out / name).write_bytes(data)
        done = world.publish(out, repo)
        assert done.code == 1
        assert "not the content that the manifest says" in done.err
    with (out / "dataset" / "README.md").open("a") as card:
        card.write("by hand")
    assert "README.md was edited; run the build command again" in world.publish(out, repo).err
    assert set(world.hub.repos[repo].files()) == bare
    empty = changed(world, tmp_path / "empty", splits={})
    assert "the dataset has no rows" in world.publish(empty, repo).err
    assert "name the folder of its build" in world.publish(world.nights[0] / "dataset", repo).err


def test_a_card_that_was_edited_on_the_hub(world: World) -> None:
    """It is not replaced unless that is allowed; the same goes for one that was there before us."""
    repo = world.repo()
    world.published(world.nights[0], repo)
    made = world.hub.repos[repo]
    edited = made.files()["README.md"].data.replace(b"Web workflows", b"My workflows")
    for card in (edited, b"---\nlicense: mit\n---\n"):
        made.add("main", "by hand", {**made.files(), "README.md": Blob(card)})
        done = world.publish(world.nights[1], repo)
        assert done.code == 2
        assert f"the card in {repo} was written or edited there" in done.err
        assert "--allow edited-card" in done.err
        assert made.files()["README.md"].data == card
    world.published(world.nights[1], repo, "--allow", "edited-card")
    world.loads(repo, 1)
