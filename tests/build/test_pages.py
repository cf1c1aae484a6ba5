"""`--pages`: recordings without pages get theirs from archives, by address and time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import pytest

from etl.files.arrow import read_json
from etl.look.original import recorded
from etl.look.verify import verify
from etl.sources import FORMATS
from schemas.workflow import Step
from tests.support import archives, builds
from tests.support.archives import entry, page, redirect

SHOP: Final = "https://shop.example/"
HTML: Final = (
    "<!doctype html><html><head><title>Shop</title></head><body><h1>{}</h1>"
    "<input id=query><button id=search class=search>Search</button></body></html>"
)


def recording(*urls: str, name: str = "Search the shop for a mug") -> dict[str, Any]:
    """A recording of Chrome's Recorder: on each page a click."""
    steps: list[dict[str, Any]] = []
    for url in urls:
        steps += [
            {"type": "navigate", "url": url},
            {"type": "click", "target": "main", "selectors": [["#search"]]},
        ]
    return {"title": name, "steps": steps}


def write(folder: Path, recordings: dict[str, Any]) -> Path:
    folder.mkdir(exist_ok=True)
    for name, each in recordings.items():
        (folder / name).write_text(json.dumps(each))
    return folder


def setting(*given: Path) -> str:
    return f"inputs.pages={json.dumps([str(path) for path in given])}"


def dropped(out: Path) -> dict[str, dict[str, int]]:
    """The reasons for drops, by unit."""
    accounting = read_json(out / "dataset" / "manifest.json")["accounting"]
    return {
        unit: {each["reason"]: each["count"] for each in counts["reasons"]}
        for unit, counts in accounting.items()
    }


def test_a_recording_becomes_samples_with_the_pages_of_an_archive(tmp_path: Path) -> None:
    """Pages are found by address; steps without one are dropped, and it is said what to do."""
    inputs = write(tmp_path / "in", {"a.json": recording(SHOP, f"{SHOP}gone")})
    crawl = tmp_path / "crawl.warc.gz"
    crawl.write_bytes(archives.warc(page(SHOP, HTML.format("Shop"))))
    manifest = builds.build([inputs], tmp_path / "out", setting(crawl))
    assert manifest["totals"]["samples"] == 1
    (sample,) = builds.samples(tmp_path / "out").values()
    assert "Shop" in sample.observation
    assert sample.url == SHOP
    assert dropped(tmp_path / "out")["step"] == {"no_page": 2, "no_element": 1}
    assert verify(tmp_path / "out") == []
    assert "those of web archives" in (tmp_path / "out" / "dataset" / "README.md").read_text()
    bare = builds.command("build", inputs, "--out", tmp_path / "bare")
    assert bare.returncode == 1
    assert "no_page" in bare.stderr
    assert "--pages" in bare.stderr


@pytest.mark.parametrize("workers", [1, 2])
def test_all_executors_join_pages(tmp_path: Path, workers: int) -> None:
    """Workers open the archives by themselves; the dataset is the same however many there are."""
    names = {f"{n}.json": recording(f"{SHOP}{n}", name=f"Search for a mug, {n}") for n in range(6)}
    inputs = write(tmp_path / "in", names)
    crawl = tmp_path / "crawl.har"
    crawl.write_bytes(archives.har(*(entry(f"{SHOP}{n}", HTML.format(n)) for n in range(6))))
    first = builds.build([inputs], tmp_path / "one", setting(crawl))
    again = builds.build(
        [inputs], tmp_path / "two", setting(crawl), "inputs.bundle_mb=0", workers=workers
    )
    assert first["totals"]["samples"] == again["totals"]["samples"] == 6
    one, two = (builds.samples(tmp_path / name) for name in ("one", "two"))
    assert one == two


def test_other_pages_build_again_what_depends_on_them(tmp_path: Path) -> None:
    """The content of the archives is a setting: other content stops a build until ``--redo``."""
    inputs = write(tmp_path / "in", {"a.json": recording(SHOP)})
    crawl = tmp_path / "crawl.warc.gz"
    crawl.write_bytes(archives.warc(page(SHOP, HTML.format("Old"))))
    arguments: list[str | Path] = ["build", inputs, "--out", tmp_path / "out"]
    arguments += ["--pages", crawl, "--workers", "0"]
    assert builds.command(*arguments).returncode == 0
    assert "Old" in next(iter(builds.samples(tmp_path / "out").values())).observation
    again = builds.command(*arguments)
    assert again.returncode == 0
    crawl.write_bytes(archives.warc(page(SHOP, HTML.format("New"))))
    stopped = builds.command(*arguments)
    assert stopped.returncode == 2
    assert "pages" in stopped.stderr
    assert builds.command(*arguments, "--redo").returncode == 0
    assert "New" in next(iter(builds.samples(tmp_path / "out").values())).observation
    assert len([*(tmp_path / "out" / "work" / "pages").iterdir()]) == 1
    clean = builds.command("clean", tmp_path / "out", "--dry-run")
    assert clean.stdout == ""


def test_a_build_file_names_archives_beside_it(tmp_path: Path) -> None:
    """``inputs.pages`` is relative to the file; `retry` and `compact` find them again."""
    write(tmp_path / "in", {"a.json": recording(SHOP)})
    (tmp_path / "saved").mkdir()
    (tmp_path / "saved" / "shop.html").write_text(
        f"<!-- saved from url=(0021){SHOP} -->{HTML.format('Saved')}"
    )
    (tmp_path / "saved" / "style.css").write_text("p {}")
    (tmp_path / "night.toml").write_text(
        'extends = "scribeagent-32k"\n[build]\ninputs = ["in"]\nout = "out"\n'
        '[inputs]\npages = ["saved"]\n'
    )
    done = builds.command("build", tmp_path / "night.toml", "--workers", "0", cwd=tmp_path / "in")
    assert done.returncode == 0, done.stderr
    assert "1 archive, 2 pages" in done.stderr
    assert "Saved" in next(iter(builds.samples(tmp_path / "out").values())).observation
    assert builds.command("compact", tmp_path / "out", cwd=tmp_path / "in").returncode == 0


def test_archives_given_as_inputs_are_refused_with_their_reason(tmp_path: Path) -> None:
    """An archive among recordings is counted as such, and says to give it with ``--pages``."""
    inputs = write(tmp_path / "in", {"a.json": recording(SHOP)})
    crawl = inputs / "crawl.warc.gz"
    crawl.write_bytes(archives.warc(page(SHOP, HTML.format("Shop"))))
    builds.build([inputs], tmp_path / "out", setting(crawl))
    assert dropped(tmp_path / "out")["record"]["pages_given_as_input"] == 1
    alone = builds.command("build", crawl, "--out", tmp_path / "alone")
    assert alone.returncode == 2
    assert "--pages" in alone.stderr
    wrong = builds.command("build", inputs, "--out", tmp_path / "w", "--pages", inputs / "a.json")
    assert wrong.returncode == 2
    assert "holds no pages" in wrong.stderr


def test_check_and_dry_run_take_pages_too(tmp_path: Path) -> None:
    """`check` looks for targets in the joined pages; a dry run names the archives alone."""
    inputs = write(tmp_path / "in", {"a.json": recording(SHOP, f"{SHOP}gone")})
    crawl = tmp_path / "crawl.warc.gz"
    crawl.write_bytes(archives.warc(page(SHOP, HTML.format("Shop"))))
    checked = builds.command("check", inputs, "--pages", crawl, "--json")
    assert checked.returncode == 0, checked.stderr
    found = json.loads(checked.stdout)["formats"]["chrome_recorder"]
    assert found["targets"]["found"] == 1
    assert found["errors"] == {"no_page": 1}
    plain = builds.command("check", inputs)
    assert "give --pages" in plain.stdout
    dry = builds.command(
        "build", inputs, "--out", tmp_path / "out", "--pages", crawl, "--dry-run", "--json"
    )
    assert [each["name"] for each in json.loads(dry.stdout)["pages"]] == ["crawl.warc.gz"]
    assert not (tmp_path / "out").exists()


def test_slices_share_the_index(tmp_path: Path) -> None:
    """Each slice reads its inputs with the same archives; `finish` needs no option for them."""
    names = {f"{n}.json": recording(f"{SHOP}{n}", name=f"Search for a mug, {n}") for n in range(4)}
    inputs = write(tmp_path / "in", names)
    crawl = tmp_path / "crawl.har"
    crawl.write_bytes(archives.har(*(entry(f"{SHOP}{n}", HTML.format(n)) for n in range(4))))
    for part in ("1/2", "2/2"):
        done = builds.command(
            "build", inputs, "--out", tmp_path / "out", "--pages", crawl, "--shard", part,
            "--set", "inputs.bundle_mb=0", "--workers", "0",
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    assert builds.command("finish", tmp_path / "out", "--workers", "0").returncode == 0
    assert len(builds.samples(tmp_path / "out")) == 4


def test_the_recorded_page_of_a_sample_is_the_joined_one(tmp_path: Path) -> None:
    """What is read again for `inspect sample --page` and reports has the page that was joined."""
    inputs = write(tmp_path / "in", {"a.json": recording(SHOP)})
    crawl = tmp_path / "crawl.warc.gz"
    crawl.write_bytes(archives.warc(page(SHOP, HTML.format("As it was"))))
    builds.command("build", inputs, "--out", tmp_path / "out", "--pages", crawl, "--workers", "0")
    ((_, step),) = recorded(tmp_path / "out", ["chrome_recorder:a/2"])
    assert isinstance(step, Step)
    assert "<h1>As it was</h1>" in step.html
    assert json.loads(step.meta)["page"] == {
        "archive": "crawl.warc.gz",
        "captures": 1,
        "match": "exact",
        "time": 1769860800000,
        "url": SHOP,
    }


def test_examples_without_pages_give_samples_with_them(tmp_path: Path) -> None:
    """Each format's example, with a page at its address, gives a sample for each found element."""
    wanted = 0
    for name, format in FORMATS.items():
        if not format.pages:
            write(tmp_path / name, {})
            (tmp_path / name / format.example_name).write_text(format.example)
            wanted += 2
    html = HTML.format("Order").replace("</body>", "<input id=name><button id=order>Order</button>")
    crawl = tmp_path / "crawl.warc.gz"
    crawl.write_bytes(archives.warc(
        page("https://shop.example/", html), redirect("https://coffee.example", f"{SHOP}coffee"),
        page(f"{SHOP}coffee", html),
    ))  # fmt: skip
    inputs = [tmp_path / name for name, format in FORMATS.items() if not format.pages]
    manifest = builds.build(inputs, tmp_path / "out", setting(crawl))
    assert manifest["totals"]["samples"] == wanted
