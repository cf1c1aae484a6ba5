"""Publishing to the Hub where something is in the way, and what else it can do: refusals, secrets,
formats, limits.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import huggingface_hub
import mlcroissant
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from etl.files.arrow import open_arrow, read_json, write_json
from etl.files.retries import asked_wait, persistent
from etl.publish import parquet
from etl.publish.hub import Hub
from etl.publish.publication import Order, publish
from schemas.errors import ConfigError, StepmillError
from tests.support import builds, publishing
from tests.support.hub_repos import Blob
from tests.support.hub_requests import READER, WRITER, Asked, Fault
from tests.support.publishing import World, shards

SMALL: Final = "tests.support.publishing:publish_in_small_commits"
QUICK: Final = {"STEPMILL_RETRY_SECONDS": "20"}


@pytest.fixture(scope="module")
def world(nights: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A Hub, and builds of three nights."""
    with publishing.world_of(nights, tmp_path_factory.mktemp("publish_hub")) as made:
        yield made


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


def test_formats_are_never_mixed(world: World) -> None:
    """A repository with rows in one format takes no other, in both directions;
    what to do is said.
    """
    for first, second in (("arrow", "parquet"), ("parquet", "arrow")):
        repo = world.repo()
        world.published(world.nights[0], repo, "--format", first)
        before = world.hub.repos[repo].branches["main"]
        done = world.publish(world.nights[1], repo, "--format", second)
        assert done.code == 2
        assert f"{repo} holds {first} files" in done.err
        assert f"Publish with --format {first}" in done.err
        assert world.hub.repos[repo].branches["main"] == before


def described_rows(files: Mapping[str, Blob], out: Path, copy: Path) -> None:
    """The published croissant.json names every file with its hash, and mlcroissant loads from it,
    with the repository replaced by a copy, the rows of a build and the listing of its samples.
    """
    for path, blob in files.items():
        (copy / path).parent.mkdir(parents=True, exist_ok=True)
        (copy / path).write_bytes(blob.data)
    dataset = mlcroissant.Dataset(str(copy / "croissant.json"), mapping={"repo": str(copy)})
    assert dataset.metadata.issues.errors == set()
    hashes = {
        each.id: each.sha256 for each in dataset.metadata.distribution if hasattr(each, "sha256")
    }
    told = {path: digest for path, digest in hashes.items() if path != "repo"}
    assert told == {
        path: hashlib.sha256(blob.data).hexdigest()
        for path, blob in files.items()
        if path.startswith(("data/", "stats/"))
    }
    for split, stored in publishing.rows(out).items():
        loaded = [record[f"{split}/input_ids"] for record in dataset.records(split)]
        assert [list(map(int, ids)) for ids in loaded] == [row["input_ids"] for row in stored]
    samples = {record["samples/sample_id"].decode() for record in dataset.records("samples")}
    assert samples == {
        name
        for stored in publishing.rows(out).values()
        for row in stored
        for name in row["sample_ids"]
    }


@pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:The inplace keyword in DataFrame.reset_index is deprecated")
def test_parquet(world: World, tmp_path: Path) -> None:
    """In Parquet the same rows load, plain and streaming, the second night sends only what is new,
    and the card's sizes are those of the files; the rehearsal knows them too.
    """
    world.hub.restore(({}, {}))
    repo = world.repo()
    for night in (0, 1):
        said = world.published(world.nights[night], repo, "--format", "parquet", "--dry-run")
        received = world.hub.received
        done = world.published(world.nights[night], repo, "--format", "parquet")
        assert said["changes"] == done["changes"]
        assert done["bytes"] == world.hub.received - received
        world.loads(repo, night)
    files = world.hub.repos[repo].files()
    header = yaml.safe_load(files["README.md"].data.decode().split("---\n")[1])["dataset_info"]
    lying = [blob.data for path, blob in files.items() if path.startswith("data/")]
    assert header["download_size"] == sum(map(len, lying))
    built = read_json(world.nights[1] / "dataset" / "manifest.json")["splits"]
    assert [split["name"] for split in header["splits"]] == ["train", "test"]
    assert header["dataset_size"] == sum(split["num_bytes"] for split in header["splits"])
    for split in header["splits"]:
        assert (split["num_examples"], split["num_bytes"]) == (
            built[split["name"]]["rows"],
            built[split["name"]]["bytes"],
        )
    assert f'load_dataset("{repo}", split="train")' in files["README.md"].data.decode()
    described_rows(files, world.nights[1], tmp_path)
    old = set(shards(world.nights[0]).values()) & set(shards(world.nights[1]).values())
    added = [file["path"] for change in done["changes"] for file in change["add"]]
    assert not [path for path in added if any(sha[:16] in path for sha in old)]


def test_pages_of_parquet_end_where_the_content_says(tmp_path: Path) -> None:
    """The same rows give the same bytes, with a page index and zstd; and of a file with one more
    row at its beginning most bytes are those of the file without it, which they are not where pages
    have a fixed size.
    """
    chance = np.random.default_rng(1)
    lengths = chance.integers(500, 1500, 4000)
    tokens = [chance.integers(0, 151_643, length, dtype=np.int32) for length in lengths]
    tables = []
    for rows in (tokens, [chance.integers(0, 151_643, 5000, dtype=np.int32), *tokens]):
        tables.append(pa.table({"input_ids": pa.array(rows, pa.list_(pa.int32()))}))
        with pa.ipc.new_file(str(tmp_path / f"{len(tables)}.arrow"), tables[-1].schema) as writer:
            writer.write_table(tables[-1], max_chunksize=16)
    whole = [converted(tmp_path / f"{number}.arrow") for number in (1, 2)]
    assert whole[0] == converted(tmp_path / "1.arrow")
    found = pq.ParquetFile(tmp_path / "1.arrow.parquet")
    assert found.read().equals(tables[0])
    column = found.metadata.row_group(0).column(0)
    assert (column.compression, column.has_offset_index, column.has_column_index) == (
        "ZSTD",
        True,
        True,
    )
    fixed = []
    for table in tables:
        pq.write_table(table, tmp_path / "fixed", compression="zstd", use_dictionary=False)
        fixed.append((tmp_path / "fixed").read_bytes())
    assert in_common(*whole) > 0.6
    assert in_common(*fixed) < 0.3


def converted(path: Path) -> bytes:
    made = path.with_name(f"{path.name}.parquet")
    parquet.convert(path, made)
    return made.read_bytes()


def in_common(old: bytes, new: bytes) -> float:
    """The share of pieces of one file that stand somewhere in another."""
    pieces = [old[at : at + 64] for at in range(0, len(old) - 64, 65_536)]
    return sum(piece in new for piece in pieces) / len(pieces)


def test_row_groups_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A large shard is written in several row groups, with all rows in their order."""
    monkeypatch.setattr(parquet, "_ROW_GROUP_BYTES", 5000)
    table = pa.table(
        {"input_ids": pa.array([[number] * 100 for number in range(100)], pa.list_(pa.int32()))}
    )
    with pa.ipc.new_file(str(tmp_path / "a.arrow"), table.schema) as writer:
        writer.write_table(table, max_chunksize=5)
    parquet.convert(tmp_path / "a.arrow", tmp_path / "a")
    assert pq.ParquetFile(tmp_path / "a").metadata.num_row_groups > 5
    assert pq.read_table(tmp_path / "a").equals(open_arrow(tmp_path / "a.arrow").read_all())


def test_rolled_back_and_forth(world: World) -> None:
    """Back to a tag, main has the very files of the tag, made by new commits, with nothing sent but
    small files; it loads as then, and the later tag loads as before; forth again, no shard is sent
    twice.
    """
    repo = world.repo()
    for night in (0, 2):
        world.published(world.nights[night], repo, "--tag", f"night{night}")
    made, uploads = world.hub.repos[repo], dict(world.hub.uploads)
    latest = made.branches["main"]
    said = world.published(repo, "--rollback", "night0", "--dry-run")
    assert made.branches["main"] == latest
    received = world.hub.received
    done = world.published(world.nights[0], repo, "--rollback", "night0", "--tag", "back")
    assert done["changes"] == said["changes"]
    assert made.files() == made.files("night0") == made.files("back")
    assert latest in made.history()
    assert world.hub.received - received <= done["bytes"] < 100_000
    assert dict(world.hub.uploads) == uploads
    world.loads(repo, 0)
    world.loads(repo, 2, "night2")
    assert world.published(repo, "--rollback", "night0")["changes"] == []
    world.published(world.nights[2], repo)
    assert made.files() == made.files("night2")
    assert dict(world.hub.uploads) == uploads
    world.loads(repo, 2)


def test_what_cannot_be_rolled_back_to(world: World) -> None:
    """A tag that is not there, one that names something else, or a state from before a takedown."""
    repo = world.repo()
    done = world.publish(repo, "--rollback", "v1")
    assert (done.code, "there is no tag v1 (there are: none)" in done.err) == (2, True)
    world.published(world.nights[0], repo, "--tag", "v1")
    made = world.hub.repos[repo]
    made.tags["v0"] = made.history()[-1]
    done = world.publish(repo, "--rollback", "v2")
    assert (done.code, "there is no tag v2 (there are: v0, v1)" in done.err) == (2, True)
    done = world.publish(repo, "--rollback", "v0")
    assert (done.code, "the tag v0 names nothing that stepmill has published" in done.err) == (
        2,
        True,
    )
    manifest = json.loads(made.files()["manifest.json"].data)
    listed = json.dumps({**manifest, "takedown": "another"}).encode()
    made.add("main", "with a list", {**made.files(), "manifest.json": Blob(listed)})
    done = world.publish(repo, "--rollback", "v1")
    assert (done.code, "it may hold what was taken down since" in done.err) == (2, True)
    assert (
        "the takedown list has changed"
        in world.publish(repo, "--rollback", "v1", "--allow", "taken-down").err
    )
    assert made.files() == made.files("v1")


def test_tags_do_not_move(world: World) -> None:
    """A tag that names another dataset stops the publication before it begins; a name that is none
    is refused.
    """
    repo = world.repo()
    world.published(world.nights[0], repo, "--tag", "v1")
    before = world.hub.repos[repo].branches["main"]
    done = world.publish(world.nights[1], repo, "--tag", "v1")
    assert (done.code, "the tag v1 names another dataset already" in done.err) == (2, True)
    assert world.hub.repos[repo].branches["main"] == before
    done = world.publish(world.nights[1], repo, "--tag", "a tag")
    assert (done.code, "a tag has letters, digits" in done.err) == (2, True)


def test_another_branch(world: World) -> None:
    """A branch is made where there is none, from main; main stays as it is; the second night goes
    on there.
    """
    repo = world.repo()
    world.published(world.nights[0], repo)
    made = world.hub.repos[repo]
    before = made.branches["main"]
    for night in (1, 2):
        report = world.published(world.nights[night], repo, "--revision", "next")
        assert report["created"] == (night == 1)
        assert report["place"] == f"{repo}@next"
        world.loads(repo, night, "next")
    assert made.branches["main"] == before
    world.loads(repo, 0)


def test_a_public_repository_is_not_taken_for_a_private_one(world: World) -> None:
    """With --private, publishing to a repository that is public stops."""
    repo = world.repo()
    world.published(world.nights[0], repo)
    done = world.publish(world.nights[1], repo, "--private")
    assert (done.code, f"{repo} is public, and --private was asked for" in done.err) == (2, True)


def test_commits_stay_small(world: World) -> None:
    """Shards, and files that go, are spread over commits of the size that the Hub advises; readers
    see the same.
    """
    repo = world.repo()
    sizes = []
    for night in (0, 2):
        done = world.zygote.start(SMALL, 8, world.nights[night], repo, "--json").wait()
        assert done.code == 0, done.err
        changes = json.loads(done.out)["changes"]
        sizes += [len(change["add"]) + len(change["remove"]) for change in changes]
        world.loads(repo, night)
    assert len(sizes) > 3
    assert max(sizes) <= 9


def test_folders_stay_small() -> None:
    """10,000 files in a folder, or 100,000 in all, are refused before work starts,
    with what to do.
    """
    place = Hub("maker/data")
    place.check([f"data/g0001/{number}" for number in range(9_999)])
    with pytest.raises(
        ConfigError,
        match=r"data/g0001: 10,000 files; the Hub takes fewer than 10,000\..*stepmill compact",
    ):
        place.check([f"data/g0001/{number}" for number in range(10_000)])
    with pytest.raises(ConfigError, match="maker/data: 100,000 files"):
        place.check([f"data/g{number // 5000:04d}/{number}" for number in range(100_000)])
