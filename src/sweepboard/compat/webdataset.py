"""The random order of webdataset, which follows the clock and no seed of the run. Read from webdataset 1.0.2.

It is used only where the user's code has imported it.
"""

from __future__ import annotations

import copy
import inspect
import random
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


def follow_global_generator(stream: Any) -> None:
    """Let a pipeline of webdataset draw from Python's global generator, which is seeded for each pass.

    So do its shuffles without a seed, `detshuffle`, which counts passes by itself, and resampled shards. When
    a stage is none of these it is left alone, and a resumed run says that its samples are others.
    """
    webdataset = sys.modules.get("webdataset")
    if webdataset is not None and isinstance(stream, webdataset.DataPipeline):
        stream.pipeline = [_following(stage, webdataset) for stage in stream.pipeline]


def _following(stage: Any, webdataset: Any) -> Any:
    filters = webdataset.filters
    shuffle = filters.shuffle.f
    if isinstance(stage, filters.detshuffle):
        return filters.FilterFunction(shuffle, stage.bufsize, stage.initial, rng=GlobalGenerator())
    if isinstance(stage, filters.FilterFunction) and stage.f is shuffle:
        given = inspect.signature(shuffle).bind_partial(None, *stage.args, **stage.kw).arguments
        if given.get("rng") is None and given.get("seed") is None:
            given = {name: value for name, value in given.items() if name not in ("data", "rng", "seed")}
            return filters.FilterFunction(shuffle, **given, rng=GlobalGenerator())
    if isinstance(stage, webdataset.ResampledShards):
        stage = copy.copy(stage)
        stage.deterministic, stage.worker_seed = True, DrawnSeed(stage.worker_seed)
    follow_global_generator(stage)
    return stage


class GlobalGenerator(random.Random):
    """Python's global generator, as an object that can be copied and sent to a worker."""

    def random(self) -> float:
        return random.random()

    def getrandbits(self, k: int, /) -> int:
        return random.getrandbits(k)


@dataclass(frozen=True)
class DrawnSeed:
    """The seed of a worker, mixed with one that is drawn."""

    of_worker: Callable[[], int]

    def __call__(self) -> int:
        return (self.of_worker() << 32) + random.getrandbits(32)
