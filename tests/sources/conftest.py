"""What several files of tests of `etl.sources` share."""

from __future__ import annotations

import pickle
import sys
import types
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest


@dataclass
class StepTimestamps:
    env_start: float = 0.0


@dataclass
class StepInfo:
    step: Any = None
    obs: Any = None
    reward: Any = 0
    action: Any = None
    agent_info: Any = field(default_factory=dict)
    profiling: Any = field(default_factory=StepTimestamps)


@pytest.fixture
def dump(monkeypatch: pytest.MonkeyPatch) -> Callable[..., bytes]:
    """Pickles a record as BrowserGym does: a StepInfo of its own module, numpy by its old path."""
    module = types.ModuleType("browsergym.experiments.loop")
    for name in ("browsergym", "browsergym.experiments"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    monkeypatch.setitem(sys.modules, module.__name__, module)
    for kind in (StepInfo, StepTimestamps):
        monkeypatch.setattr(kind, "__module__", module.__name__)
        monkeypatch.setattr(module, kind.__name__, kind, raising=False)

    def dump(fields: dict[str, Any], protocol: int = 4) -> bytes:
        obs = fields["obs"]
        if obs is not None:
            obs = obs | {"active_page_index": np.array([obs["active_page_index"]])}
        data = pickle.dumps(StepInfo(**(fields | {"obs": obs})), protocol)
        return data.replace(b"\x16numpy._core.multiarray", b"\x15numpy.core.multiarray")

    return dump
