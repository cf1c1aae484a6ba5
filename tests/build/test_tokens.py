"""What a trainer gets, token by token, on every sample of the build of real recordings."""

from __future__ import annotations

import base64
import re
import unicodedata
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
import pytest
import tiktoken

from etl.build.recipes.recipe import load
from etl.files.arrow import open_arrow
from etl.pages.prune import Pruner
from etl.pages.reading import read
from schemas.errors import ConfigError
from schemas.samples import NO_LOSS, Sample
from tests.support import builds
from tests.support.strategies import rules, vocabulary
from tokenization.families import QWEN_PATTERN
from tokenization.prompt import ACTIONS, one_line
from tokenization.ranks import qwen_file

SYSTEM: Final = "system\nHelp achieve the objective by generating the next step."
END: Final = "<|im_end|>"
MARKERS: Final = re.compile(
    r"^(data_pw_testid_buckeye.*|data-pw-testid-buckeye.*|__playwright_.*|bid|ref|backend_node_id|backend-node-id|"
    r"browsergym_.*|recordingtarget|data-webtasks-id)$",
    re.IGNORECASE,
)
"""Names of attributes by which recorders number elements or mark the target."""

_TAG: Final = re.compile(r"<[a-zA-Z][^<>]*>")
_NAME: Final = re.compile(r"""\s([^\s"'=<>/]+)(?:=("[^"]*"|'[^']*'))?""")


@cache
def plain() -> tiktoken.Encoding:
    """Plain tiktoken, from the rank file as it is."""
    lines = (line.split() for line in Path(qwen_file().path).read_bytes().splitlines())
    ranks = {base64.b64decode(token): int(rank) for token, rank in lines}
    special = {"<|endoftext|>": 151643, "<|im_start|>": 151644, END: 151645}
    return tiktoken.Encoding(
        "plain", pat_str=QWEN_PATTERN, mergeable_ranks=ranks, special_tokens=special
    )


def pieces(sample: builds.Emitted) -> list[list[int]]:
    """The ids between special tokens and at the place where the loss begins; special tokens by
    themselves.
    """
    ids = sample.input_ids
    special = np.flatnonzero(ids >= 151643)
    loss = np.flatnonzero(sample.labels != NO_LOSS)[:1]
    cuts = np.unique(np.concatenate([[0, len(ids)], special, special + 1, loss]))
    return [ids[start:end].tolist() for start, end in pairwise(cuts.tolist())]


def nfc(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def completion(sample: Sample) -> str:
    """What the model is to write, in the words of the reference."""
    action = ACTIONS.get(sample.action_kind, f"{sample.action_kind}_action")
    nodes = " ".join([str(sample.node)] * 5)
    head = f"{sample.step}.\nDescription: {one_line(sample.description)}\nAction: {action}\n"
    return f"{head}Node: {nodes}\nTarget: {one_line(sample.target_html)}\n"


def markers(observation: str) -> list[str]:
    """The recorders' marks in the start tags of an observation."""
    names = (name for tag in _TAG.findall(observation) for name, _ in _NAME.findall(tag))
    return [name for name in names if MARKERS.match(name)]


def test_every_sample_says_what_was_recorded(shared_build: Path) -> None:
    """Every emitted sample decodes to its chat: system message, prompt with objective, URL and
    history whole and the observation whole or one run of it, and the completion.
    """
    samples = builds.samples(shared_build)
    decode, seen, chunked = plain().decode, 0, 0
    for emitted in builds.emitted(shared_build):
        sample, texts = samples[emitted.sample_id], [decode(piece) for piece in pieces(emitted)]
        start, system, end, gap, start2, user, end2, gap2, start3, head, said, last = texts
        assert (start, start2, start3, end, end2, last) == ("<|im_start|>",) * 3 + (END,) * 3
        assert (system, gap, gap2, head) == (SYSTEM, "\n", "\n", "assistant\n")
        assert said == nfc(completion(sample))
        before = nfc(
            f"user\nObjective: {one_line(sample.objective)}\nURL: "
            f"{one_line(sample.url)}\nObservation: "
        )
        after = nfc("\nStep-by-step guide:\n" + "".join(sample.history))
        assert user.startswith(before)
        assert user.endswith(after)
        shown = user[len(before) : len(user) - len(after)]
        assert shown in nfc(sample.observation)
        chunked += shown != nfc(sample.observation)
        seen += 1
    assert seen == 3462
    assert chunked > 50


def test_only_the_completion_and_its_end_carry_loss(shared_build: Path) -> None:
    """Decoding the labels that are not -100 gives exactly the completion and the end token; they
    are one run, at the end, and each is the token at its place.
    """
    samples = builds.samples(shared_build)
    for emitted in builds.emitted(shared_build):
        loss = emitted.labels != NO_LOSS
        assert (
            plain().decode(emitted.labels[loss].tolist())
            == nfc(completion(samples[emitted.sample_id])) + END
        )
        assert np.array_equal(emitted.labels[loss], emitted.input_ids[loss])
        assert loss[np.argmax(loss) :].all()


def test_every_piece_is_encoded_whole_as_tiktoken_does_it(shared_build: Path) -> None:
    """Between special tokens the ids are those that plain
    tiktoken gives for the piece as a whole.
    """
    tokens = 0
    for emitted in builds.emitted(shared_build):
        for piece in pieces(emitted):
            text = plain().decode_bytes(piece).decode()
            if len(piece) > 1 or piece[0] < 151643:
                assert plain().encode_ordinary(text) == piece, emitted.sample_id
            tokens += len(piece)
    assert tokens > 8_900_000


def test_every_training_sample_shows_its_target(shared_build: Path) -> None:
    """The observation as encoded, chunked or not, holds the start tag that the completion names,
    and its node, once.
    """
    samples = builds.samples(shared_build)
    train = [emitted for emitted in builds.emitted(shared_build) if emitted.split == "train"]
    for emitted in train:
        sample = samples[emitted.sample_id]
        user = plain().decode(pieces(emitted)[5])
        shown = user.split("\nObservation: ", 1)[1].rsplit("\nStep-by-step guide:\n", 1)[0]
        assert shown.count(nfc(sample.target_html)) == 1, emitted.sample_id
        assert len(re.findall(rf'<[^<>]* node="{sample.node}"', shown)) == 1, emitted.sample_id
        assert f' node="{sample.node}"' in sample.target_html
    assert len(train) == 3293


def test_no_observation_holds_a_mark_of_a_recorder(shared_build: Path) -> None:
    """Attributes that number elements or mark targets are in the recordings, and in no observation,
    history or target made of them.
    """
    count = 0
    for path in (shared_build / "work" / "samples").glob("*.arrow"):
        table = open_arrow(path).read_all().select(["observation", "target_html", "history"])
        for row in table.to_pylist():
            assert not markers(row["observation"] + row["target_html"] + "".join(row["history"]))
            count += 1
    assert count == 3666


@pytest.mark.parametrize(
    "name",
    ["data_pw_testid_buckeye", "data_pw_testid_buckeye_candidate", "__playwright_target__", "bid",
    "backend_node_id",
     "ref", "browsergym_set_of_marks", "browsergym_visibility_ratio", "BID", "data-webtasks-id"],
)  # fmt: skip
def test_a_planted_mark_is_found_and_never_kept(shared_build: Path, name: str) -> None:
    """Planted into a real observation, each mark is found by the search above; planted into a page
    it does not survive pruning, and a recipe that would keep it is refused.
    """
    observation = next(iter(builds.samples(shared_build).values())).observation
    at = next(tag.end() - 1 for tag in re.finditer(r"<[a-z][^<>]*>", observation))
    assert markers(observation) == []
    assert markers(f'{observation[:at]} {name}="a12"{observation[at:]}') == [name]

    page = (
        f'<html {name}="1"><body><button {name}="a12" id="b">Order</button><p '
        f"{name}>now</p></body></html>"
    )
    pruned = Pruner(rules(), vocabulary().count).prune(read(page)).observation
    assert 'id="b"' in pruned
    assert name not in pruned
    kept = str([*rules().kept_attributes, name.lower()]).replace("'", '"')
    with pytest.raises(ConfigError, match=f"{name.lower()} would tell the target"):
        load("scribeagent-32k", [f"prune.kept_attributes={kept}"])
