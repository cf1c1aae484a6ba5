"""Unseen: Mind2Web's three test splits, in one dataset: new tasks, new sites, new topics.

- ``test_domain``: workflows of topics that no training sample has. A workflow without a topic has
  the registrable domains of its pages for topics.
- ``test_website``: workflows on sites that no training sample has, of topics that some have.
- ``test_task``: workflows on sites that training samples have.

The sites of a workflow are the website that its recording names, and the registrable domains of
its pages; one of them held out holds the whole workflow. So no training sample is on a site that is
held out, though a workflow of ``test_website`` may also pass a site that is seen.

Topics, sites and workflows are drawn by their hashes. Two rules see to it that what has to be seen
is seen. The first workflow of a topic that is not held out is trained on, with all its sites, and
so is the first one of a site. And a topic whose first workflows are all on sites that are held out
already is held out too. First is meant in the order (generation, hash(seed, workflow id)), and what
is decided of a topic, a site or a workflow stays: new recordings never move old ones. A workflow on
seen sites that repeats samples of an earlier one is drawn with that, its leader, where
near-duplicates are marked (`etl.decisions.near.decision`).

The definitions are those of Deng et al., "Mind2Web: Towards a Generalist Agent for the Web", 2023,
section 2.3, whose topics are called domains.

Memory: a row for each workflow of one generation; two words for each topic and site; one for each
workflow that is held out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Final, NamedTuple

import polars as pl

from etl.decisions.decision import LEADER, Hashed
from etl.pages.domain import UNKNOWN
from schemas.errors import ConfigError

TASK: Final = "test_task"
WEBSITE: Final = "test_website"
DOMAIN: Final = "test_domain"
_TRAIN: Final = "train"
_BY_KEY: Final = ""
_OF_NO_TOPIC: Final = "domain "
"""What a registrable domain that stands for a topic begins with; topics begin with another word."""
_OF_TOPIC: Final = "topic "
_NAMES: Final = ("website", "topic")


@dataclass(frozen=True)
class Unseen:
    """The three shares, 0 to 1.

    Raises:
        ConfigError: one is not a share.
    """

    # of the workflows on seen sites
    test_task: float = 0.0
    # of the sites of seen topics
    test_website: float = 0.0
    # of the topics, and of the registrable domains where there is no topic
    test_domain: float = 0.0

    columns: ClassVar[tuple[str, ...]] = ("workflow", "domain", "website", "topic")

    def __post_init__(self) -> None:
        for name, share in asdict(self).items():
            if not 0 <= share < 1:
                raise ConfigError(
                    f"split.{name} {share} is not a share from 0 to less than 1; something must be "
                    "trained on"
                )

    @property
    def names(self) -> tuple[str, ...]:
        """Those of the three that have a share."""
        return tuple(name for name, share in asdict(self).items() if share)

    def settings(self) -> dict[str, Any]:
        """The shares."""
        return asdict(self)

    def judge(self, hashed: Hashed) -> Placed:
        """Nothing has been placed yet."""
        return Placed(self, hashed)

    def why(self, name: str) -> str:
        """Why one of the three is empty."""
        if name == DOMAIN:
            return (
                "the hash of no topic, and of no domain of a workflow without topic, falls into "
                "this share; raise it, or take another split.seed"
            )
        if name == WEBSITE:
            return (
                "the hash of no site falls into this share, but for the first one of each topic, "
                "which is trained on; raise it, or take another split.seed. Recordings that name "
                "neither topic nor website have one site a topic, so they are never in this split"
            )
        return (
            "the hash of no workflow falls into this share, but for the first one of each site, "
            "which is trained on; raise it, or take another split.seed"
        )


class _Flow(NamedTuple):
    """A workflow, in the order in which they are placed."""

    order: int
    uid: str
    topics: tuple[str, ...]
    sites: tuple[str, ...]
    # the uid of the workflow that it is drawn with; empty: none
    leader: str


class Placed:
    """What is seen and what is held out, and the workflows that their key alone does not place."""

    def __init__(self, shares: Unseen, hashed: Hashed) -> None:
        self._shares, self._hashed = shares, hashed
        # topic or site -> whether it is held out, for each that has been decided on
        self._topics: dict[str, bool] = {}
        self._sites: dict[str, bool] = {}
        self._split: dict[str, str] = {}
        self._nowhere = 0

    def learn(self, generation: int, groups: Iterable[pl.DataFrame]) -> None:
        """Place the workflows of the next generation."""
        late: list[_Flow] = []
        for flow in sorted(each for rows in groups for each in self._flows(rows)):
            if self._touches_held(flow) and not all(map(self._decided, flow.topics)):
                late.append(flow)  # another workflow of its topic may yet be trained on
            else:
                self._place(flow)
        for flow in late:
            self._place(flow)

    def splits(self, generation: int, rows: pl.DataFrame) -> pl.Series:
        """The split of each row's workflow; empty if its key decides."""
        flows = rows["workflow"].unique()
        found = [self._split.get(uid, _BY_KEY) for uid in flows]
        of_flow = pl.DataFrame({"workflow": flows, "placed": pl.Series(found, dtype=pl.String)})
        return rows.join(of_flow, on="workflow", how="left", maintain_order="left")["placed"]

    def noted(self) -> dict[str, int]:
        """Topics and sites that are seen or held out, and workflows that have neither."""
        of_both = {"topics": self._topics, "sites": self._sites}
        return {
            f"{what}_{'held_out' if side else 'seen'}": sum(v is side for v in known.values())
            for what, known in of_both.items()
            for side in (False, True)
        } | {"without_site": self._nowhere}

    def _flows(self, rows: pl.DataFrame) -> Iterator[_Flow]:
        """The workflows of some samples."""
        first = (pl.col(name).first().str.strip_chars().str.to_lowercase() for name in _NAMES)
        domains = pl.col("domain").unique().sort()
        leader = pl.col(LEADER) if LEADER in rows.columns else pl.lit(None, pl.String)
        table = rows.group_by("workflow").agg(*first, domains, leader.first().alias(LEADER))
        for uid, website, topic, visited, before in table.iter_rows():
            known = [name for name in visited if name and name != UNKNOWN]
            sites = sorted({*known, website} - {""})
            topics = [_OF_TOPIC + topic] if topic else [_OF_NO_TOPIC + name for name in known]
            yield _Flow(self._hashed(uid), uid, tuple(topics), tuple(sites), before or "")

    def _place(self, flow: _Flow) -> None:
        """Decide on a workflow, and on those of its topics and sites that are new."""
        if not flow.topics and not flow.sites:
            self._nowhere += 1
            return
        self._hold_topics(flow)
        if any(self._topics.get(topic) for topic in flow.topics):
            self._split[flow.uid] = DOMAIN
        elif self._holds_site(flow):
            self._split[flow.uid] = WEBSITE
        elif self._all_seen(flow):
            if flow.sites and self._is_new_task(flow):
                self._split[flow.uid] = TASK
        else:
            self._split[flow.uid] = _TRAIN
            self._topics |= dict.fromkeys(flow.topics, False)
            self._sites |= dict.fromkeys(flow.sites, False)

    def _is_new_task(self, flow: _Flow) -> bool:
        """Whether a workflow on seen sites is drawn; one with a leader is where that is."""
        if flow.leader:
            return self._split.get(flow.leader) == TASK
        return self._drawn(f"workflow {flow.uid}", TASK)

    def _hold_topics(self, flow: _Flow) -> None:
        """Hold out those of its new topics that are drawn, or that it has on no site to train on.

        A domain that stands for a topic is one of the sites, too.
        """
        new = [topic for topic in flow.topics if not self._decided(topic)]
        held = [
            topic
            for topic in new
            if self._sites.get(topic.removeprefix(_OF_NO_TOPIC)) or self._drawn(topic, DOMAIN)
        ]
        if not held and self._touches_held(flow):
            held = new
        self._topics |= dict.fromkeys(held, True)
        domains = (topic for topic in held if topic.startswith(_OF_NO_TOPIC))
        self._sites |= {topic.removeprefix(_OF_NO_TOPIC): True for topic in domains}

    def _holds_site(self, flow: _Flow) -> bool:
        """Whether one of its sites is held out, perhaps from now on."""
        if self._touches_held(flow):
            return True
        if flow.topics and all(map(self._decided, flow.topics)):
            new = [site for site in flow.sites if site not in self._sites]
            drawn = [site for site in new if self._drawn(f"site {site}", WEBSITE)]
            self._sites |= dict.fromkeys(drawn, True)
            return bool(drawn)
        return False

    def _all_seen(self, flow: _Flow) -> bool:
        return all(map(self._decided, flow.topics)) and all(s in self._sites for s in flow.sites)

    def _touches_held(self, flow: _Flow) -> bool:
        return any(self._sites.get(site) for site in flow.sites)

    def _decided(self, topic: str) -> bool:
        """Whether it is known if a topic is held out; a domain that is trained on is seen."""
        if topic not in self._topics and topic.startswith(_OF_NO_TOPIC):
            return self._sites.get(topic.removeprefix(_OF_NO_TOPIC)) is False
        return topic in self._topics

    def _drawn(self, text: str, name: str) -> bool:
        """Whether the hash of a text falls into a share."""
        share: float = getattr(self._shares, name)
        return self._hashed(text) < share * 2**64
