"""What a user is told about a file in no known format."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from schemas.reasons import Reason, SharedReason

GIVE_PAGES: Final = (
    "it holds pages and no actions: give it with --pages, for recordings that hold no pages"
)
GIVE_OBJECTIVES: Final = (
    "it holds objectives and no actions: give it with --objectives, for recordings without one"
)
WRITE_OURS: Final = "write `workflows` from it (stepmill example workflows shows how)"


NO_FILE: Final = "no_file"
"""The kind of what is no file."""

_KINDS: Final[Mapping[SharedReason, str]] = {
    "not_a_file": NO_FILE,
    "no_pages_in_format": "playwright_trace selenium_side workflow_use chrome_recorder "
    "weblinx_candidates weblinx_replay mind2web_actions webcanvas_run "
    "webvoyager_log webarena_trajectories chat chat_sft agent_prompts adp task_template",
    "pages_given_as_input": "har warc wacz html mhtml",
    "tasks_given_as_input": "tasks mind2web_live_tasks webvoyager_tasks",
    "no_recording": "weblinx_splits bananalyzer_tasks "
    "run_result instructions article_metadata storage_state devtools_trace notebook test_report "
    "json_schema stepmill playwright_report",
    "other_container": "tar zip 7z rar xz bz2 lz4 snappy lzip arrow avro orc hdf5 sqlite numpy xls "
    "xlsx ods docx pickle",
}
_REASONS: Final[Mapping[str, SharedReason]] = MappingProxyType(
    {kind: reason for reason, kinds in _KINDS.items() for kind in kinds.split()}
)
"""Kind -> the reason for which such a file is dropped; others are ``unknown_format``."""


class Stranger(NamedTuple):
    """A file that no source reads."""

    # a word to count by
    kind: str
    # what the file is
    says: str
    # what to do
    advice: str
    # name of the format that it is most like; empty if it is like none
    nearest: str = ""
    # keys that it lacks for that format, each with a key of the file that may be meant, or empty
    missing: tuple[tuple[str, str], ...] = ()

    @property
    def reason(self) -> Reason:
        """The word by which its drop is counted."""
        return _REASONS.get(self.kind, "unknown_format")

    @property
    def text(self) -> str:
        """What it is and what to do, on one line."""
        return f"{self.says}; {self.advice}"

    def as_json(self) -> dict[str, Any]:
        """All of it for programs."""
        return {
            **self._asdict(),
            "reason": self.reason,
            "missing": [{"key": key, "like": like} for key, like in self.missing],
        }
