"""The models that a runner holds: at most a limit, least recently used out.

A model is known by name and version, so that a newly published version is
loaded beside the old one, which then ages out by itself.
"""

from __future__ import annotations

import sys
import traceback
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, Callable, Optional


@dataclass(frozen=True)
class Model:
    """Names one model: what a `@runner.load` function is handed.

    ``version`` is 0 where there is no model store. ``dir`` is the version's
    folder, or None if the store has no such model.
    """

    name: str
    version: int = 0
    dir: Optional[str] = None


class ModelCache:
    """Holds what ``load`` returned for the last ``limit`` models used."""

    def __init__(
        self,
        load: Callable[[Model], Any],
        unload: Callable[[Model, Any], None] | None = None,
        limit: int = 10,
    ):
        self._load = load
        self._unload = unload
        self._limit = max(limit, 1)
        self._held: OrderedDict[tuple[str, int], tuple[Model, Any]]
        self._held = OrderedDict()

    def get(self, model: Model) -> Any:
        """Gives the loaded model, loading it if needed.

        Room is made before the load, so that no more than ``limit`` models
        are in memory at any time. What ``load`` raises goes to the caller.
        """
        key = (model.name, model.version)
        if key not in self._held:
            self._shrink(self._limit - 1)
            self._held[key] = (model, self._load(model))
        self._held.move_to_end(key)
        return self._held[key][1]

    def names(self) -> list[str]:
        """Gives the names of the models held, each once."""
        return list(dict.fromkeys(name for name, _ in self._held))

    def clear(self) -> None:
        """Unloads every model."""
        self._shrink(0)

    def _shrink(self, size: int) -> None:
        while len(self._held) > size:
            _, (model, value) = self._held.popitem(last=False)
            if self._unload is None:
                continue
            try:
                self._unload(model, value)
            except Exception:
                # the model is out of the cache either way; no job is to
                # blame for it
                print(
                    f"could not unload model {model.name}", file=sys.stderr
                )
                traceback.print_exc()
