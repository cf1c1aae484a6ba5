"""browser-use: histories of its agent, and runs that kept the pages.

- A history (`etl.sources.browser_use.histories`) holds no pages. What the agent saw is the text of
  the elements, each with its index: the page as text. Several actions of one item are steps of
  their own; those that the agent did not come to, because the page changed, are kept in ``meta``.
  The objective is the ``user_request`` of the prompt, which histories of 2024 lack. ``reward`` is
  the verdict of browser-use's judge, where there is one. ``workflow_id`` is ``<folder>/<file name
  without extensions>``.
- A run (`etl.sources.browser_use.runs`) is a folder. The model names an element by its index in
  the text of the elements, which shows some of its attributes; by these and its text it is found
  in the page. The index of a text finds nothing there. The text of the elements is kept beside the
  page. The objective is what the user says, the task and answers to questions. The folder's name
  names the workflow. A number that is missing is a gap.

The call as recorded, and what the agent thought, are kept in the step's ``meta``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Final

from etl.files import nodes
from etl.inputs.description import Format
from etl.inputs.documents import folders
from etl.inputs.records import InputHead, InputShard, start_of
from etl.sources.browser_use.described import DESCRIBED
from etl.sources.browser_use.histories import read_history
from etl.sources.browser_use.runs import CONVERSATION, OUTPUT, read_run
from etl.tally import Tally
from schemas.workflow import Workflow

_OF_ITEMS: Final = frozenset(f"history.{key}" for key in ("model_output", "result", "state"))


@dataclass(frozen=True)
class BrowserUse:
    """Histories, and folders of runs."""

    name: ClassVar[str] = "browser_use"
    version: ClassVar[int] = 1
    described: ClassVar[Format | None] = DESCRIBED

    def recognise(self, head: InputHead) -> bool:
        """Whether items have two of a history's keys, or a folder a conversation with an output."""
        if not head.entries:
            found = head.keys.nested & _OF_ITEMS
            return head.keys.form == "objects" and (
                len(found) > 1 or (head.keys.cut and "history.model_output" in found)
            )
        names = {name for name in head.entries if CONVERSATION.fullmatch(folders.bare(name))}
        if not names:
            return False
        children = nodes.node(head.place).children()
        first = next(
            (each for each in children if each.name in names and each.kind == "file"), None
        )
        return first is not None and OUTPUT in start_of(first.place)

    def read(self, shard: InputShard, tally: Tally) -> Iterator[Workflow]:
        """The one workflow of a history or a run."""
        node = nodes.node(shard.path)
        read = read_run if node.kind == "folder" else read_history
        return read(shard, tally, self.name)
