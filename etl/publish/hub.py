"""A dataset repository of the Hugging Face Hub as a place to publish to, through the Hub's client.

The Hub's advice (https://huggingface.co/docs/hub/storage-limits, "Repository limitations and
recommendations"): fewer than 100 files a commit, at most 10,000 entries a folder, fewer than
100,000 files a repository, and no more than a few thousand commits. A publication makes one commit
for each 90 new shards, and one that switches.

Every commit names its parent, so one of two simultaneous publications stops. A commit whose answer
was lost is recognised and not made twice. The client repeats failing requests for about half a
minute; after that they are repeated as for all remote storage (`etl.files.retries`), with the wait
that the Hub asks for. The client itself finds the token, in ``HF_TOKEN`` or the login; it is read
here only to keep it out of messages.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any, Final, TypeVar

import huggingface_hub as client
from huggingface_hub.errors import RemoteEntryNotFoundError
from huggingface_hub.utils.tqdm import disable_progress_bars

from etl.files import scratch
from etl.files.retries import patience, persistent
from etl.publish.failures import Failed, called, discreet_log
from etl.publish.files import Contents, Ready, Stored
from schemas.errors import BuildError, ConfigError, StepmillError

T = TypeVar("T")

_TYPE: Final = "dataset"
_PER_FOLDER: Final = 10_000
_PER_REPOSITORY: Final = 100_000


class _Absent(BuildError):
    """There is no such repository."""


class Hub:
    """A repository of the Hub as an `etl.publish.place.Place`.

    repo: ``user/name``, or ``name`` for the owner of the token. revision: the branch to publish to.
    """

    at_once = 90
    keeps_history = True

    def __init__(self, repo: str, revision: str = "main") -> None:
        self.repo, self.revision = repo, revision
        self.head = self._start = ""
        self._api = client.HfApi(
            token=True, library_name="stepmill", library_version=metadata.version("stepmill")
        )

    @property
    def name(self) -> str:
        """The repository, with its branch unless that is main."""
        return self.repo if self.revision == "main" else f"{self.repo}@{self.revision}"

    @property
    def repository(self) -> tuple[str, str]:
        """Repository and branch; `opened` adds the owner if it is missing."""
        return self.repo, self.revision

    @contextmanager
    def opened(self, *, writes: bool) -> Iterator[None]:
        """Check the token, and complete the name of the repository.

        Raises:
            ConfigError: if there is no token, or the Hub does not accept it.
        """
        if client.get_token() is None:
            raise ConfigError(
                f"{self.repo}: publishing to the Hub needs a token: set HF_TOKEN, or log in with: "
                "hf auth login"
            )
        disable_progress_bars()
        with discreet_log():
            if "/" not in self.repo:
                self.repo = f"{self._ask(self._api.whoami)['name']}/{self.repo}"
            yield

    def look(self) -> Contents:
        """The contents of the branch; of main, from which it will start, if it does not exist."""
        try:
            private = self._ask(lambda: self._api.repo_info(self.repo, repo_type=_TYPE).private)
        except _Absent:
            return Contents()
        refs = self._ask(lambda: self._api.list_repo_refs(self.repo, repo_type=_TYPE))
        branches = {branch.name: branch.target_commit for branch in refs.branches}
        self.head = branches.get(self.revision, "")
        self._start = self.head or branches["main"]
        commits = self._ask(
            lambda: len(
                self._api.list_repo_commits(self.repo, repo_type=_TYPE, revision=self._start)
            )
        )
        tags = {tag.name: tag.target_commit for tag in refs.tags}
        return Contents(bool(self.head), bool(private), self._files(self._start), tags, commits)

    def _files(self, commit: str) -> dict[str, Stored]:
        def listed() -> dict[str, Stored]:
            entries = self._api.list_repo_tree(
                self.repo, repo_type=_TYPE, revision=commit, recursive=True
            )
            return {
                entry.path: _stored(entry)
                for entry in entries
                if isinstance(entry, client.hf_api.RepoFile)
            }

        return self._ask(listed)

    def read(self, path: str, at: str = "") -> bytes | None:
        """A file at a tag, or at the commit that the last look or commit left; None if absent."""

        def fetched(here: Path) -> bytes | None:
            revision = at or self.head or self._start
            try:
                copy = self._api.hf_hub_download(
                    self.repo, path, repo_type=_TYPE, revision=revision, local_dir=here
                )
            except RemoteEntryNotFoundError:
                return None
            return Path(copy).read_bytes()

        with scratch.folder() as here:
            return self._ask(lambda: fetched(here))

    def check(self, paths: Collection[str]) -> None:
        """Check the Hub's limits on the number of files.

        Raises:
            ConfigError: if these files are too many.
        """
        folders = Counter(path.rpartition("/")[0] for path in paths)
        folder, most = max(folders.items(), key=lambda item: item[1], default=("", 0))
        for what, count, limit in (
            (folder, most, _PER_FOLDER),
            (self.repo, len(paths), _PER_REPOSITORY),
        ):
            if count >= limit:
                raise ConfigError(
                    f"{what}: {count:,} files; the Hub takes fewer than {limit:,}. Build with "
                    "larger files (pack.shard_mb), or make fewer generations of them: stepmill "
                    "compact"
                )

    def create(self, *, private: bool) -> None:
        """Create the repository and the branch, if they do not exist."""
        if not self._start:
            self._ask(
                lambda: self._api.create_repo(
                    self.repo, repo_type=_TYPE, private=private or None, exist_ok=True
                )
            )
        if self.revision != "main":
            start = self._start or None
            self._ask(
                lambda: self._api.create_branch(
                    self.repo, repo_type=_TYPE, branch=self.revision, revision=start, exist_ok=True
                )
            )
        self.head = self._now()

    def _now(self) -> str:
        return self._ask(
            lambda: str(self._api.repo_info(self.repo, repo_type=_TYPE, revision=self.revision).sha)
        )

    def commit(self, add: Sequence[Ready], remove: Sequence[str], message: str) -> None:
        """Make one commit, of which readers see all or nothing.

        Raises:
            BuildError: if somebody else has committed to the branch meanwhile.
        """
        operations: list[Any] = [_addition(file) for file in add]
        operations += [client.CommitOperationDelete(path) for path in remove]

        def send() -> str:
            try:
                made = called(
                    lambda: self._api.create_commit(
                        self.repo,
                        operations,
                        repo_type=_TYPE,
                        commit_message=message,
                        revision=self.revision,
                        parent_commit=self.head,
                    )
                )
            except Failed as failure:
                if not failure.passing and failure.status != 412:
                    raise
                now = self._now()
                if now == self.head:
                    raise
                if not self._holds(now, add, remove):
                    raise self._moved(now) from None
                return now
            return str(made.oid)

        self.head = self._ask(send)

    def _holds(self, commit: str, add: Sequence[Ready], remove: Sequence[str]) -> bool:
        """Whether a commit is ours, of a lost answer: it follows the head and has our changes."""
        history = self._ask(
            lambda: self._api.list_repo_commits(self.repo, repo_type=_TYPE, revision=commit)
        )
        files = self._files(commit)
        return (
            [entry.commit_id for entry in history[1:2]] == [self.head]
            and all(file.path in files and files[file.path].size == file.size for file in add)
            and not any(path in files for path in remove)
        )

    def _moved(self, now: str) -> BuildError:
        return BuildError(
            f"{self.name}: somebody else committed meanwhile ({now[:12]}, where {self.head[:12]} "
            "was). What readers see is theirs, not half of ours; look at it, and run the same "
            "command again"
        )

    def tag(self, name: str) -> None:
        """Tag the head.

        Raises:
            BuildError: if the tag names another commit by now.
        """
        self._ask(
            lambda: self._api.create_tag(
                self.repo, repo_type=_TYPE, tag=name, revision=self.head, exist_ok=True
            )
        )
        tags = self._ask(lambda: self._api.list_repo_refs(self.repo, repo_type=_TYPE).tags)
        if (other := {tag.name: tag.target_commit for tag in tags}.get(name)) != self.head:
            raise BuildError(
                f"{self.name}: the tag {name} names commit {str(other)[:12]}; choose another one"
            )

    def _ask(self, fn: Callable[[], T]) -> T:
        """Call ``fn``, repeat it while its error may pass, and return its result.

        Raises:
            ConfigError: if the Hub does not accept the token.
            BuildError: for every other failure.
        """
        try:
            return persistent(
                lambda: called(fn), self.name, lambda error: getattr(error, "passing", False)
            )
        except Failed as failure:
            problem = self._explained(failure)
        raise problem  # outside the handler: the failure must not be its context

    def _explained(self, failure: Failed) -> StepmillError:
        """A failure as an error that tells the user what to do."""
        if failure.absent:
            return _Absent(
                f"{self.name}: there is no such dataset on the Hub, or the token may not see it"
            )
        if failure.status == 401:
            return ConfigError(
                f"{self.name}: the Hub does not know the token (401). Set HF_TOKEN to a valid one, "
                f"or log in with: hf auth login ({failure})"
            )
        if failure.status == 403:
            return ConfigError(
                f"{self.name}: the token may not do this (403). Use one with write access to "
                f"{self.repo} ({failure})"
            )
        if failure.passing:
            return BuildError(
                f"{self.name}: {failure}, tried for {patience():g} s. See that the Hub can be "
                f"reached from here, then run the same command again: it goes on where it stopped"
            )
        return BuildError(f"{self.name}: the Hub refuses this: {failure}")


def _addition(file: Ready) -> Any:
    """The client's operation for a file: send it, or copy it from a tag."""
    if file.at:
        return client.CommitOperationCopy(file.path, file.path, src_revision=file.at)
    addition = client.CommitOperationAdd(file.path, file.content)
    addition.upload_info.sha256 = bytes.fromhex(file.sha256)  # spares the client another read
    return addition


def _stored(file: Any) -> Stored:
    return Stored(file.size, file.lfs.sha256 if file.lfs else "", file.blob_id)
