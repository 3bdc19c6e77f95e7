"""Points of a sweep: prepared together, they are what each of them is alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from unittest.mock import Mock

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.types import RunMode
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from sweepboard.building import prepare as building
from sweepboard.building.frozen_variants import FrozenVariants
from sweepboard.building.number_variants import number_in
from sweepboard.compose.config_search import hydra_ready
from sweepboard.errors import UserError
from sweepboard.execution import Resources
from sweepboard.sweeps.composer import Composer
from sweepboard.sweeps.grid import grid
from sweepboard.sweeps.plan import Point
from sweepboard.sweeps.points import BadPoint, check_points

FAST = ["model=linear", "dataset=gaussian", "threads=1", "trainer.epochs=2"]
RATES = "optimizer.lr=0.1,1e-2,1"

SWEEPS = {
    "numbers": (["seed=1,2,3", RATES, "optimizer.weight_decay=0,0.1"], 1),
    "numbers of both types": (["seed=1,2", "optimizer.lr=0.1,1,2,.5,1e-3,5.,1E-2,1e+1,2.5e0,1."], 1),
    "numbers and options": (["optimizer=sgd,adam", RATES, "model=linear,mlp", "seed=1,2"], 4),
    "a schedule that follows": (["scheduler=onecycle", RATES], 1),
    "an optimizer's number that follows": (["optimizer.weight_decay=${optimizer.lr}", RATES, "seed=1,2"], 1),
    "a chain": (["scheduler=cosine", "optimizer.weight_decay=${optimizer.lr}",
                 "scheduler.eta_min=${optimizer.weight_decay}", RATES], 1),
    "a model that follows": (["model=mlp", "model.dropout=${optimizer.lr}", "optimizer.lr=0.1,0.2"], 2),
    "a list that follows": (["model=mlp", "model.hidden=[${seed},8]", "seed=4,5"], 2),
    "a computed value": (["optimizer.weight_decay=${oc.select:optimizer.lr}", RATES], 3),
    "other values": (["dataset.batch_size=8,16", "seed=1,2", "optimizer.fused=true,false"], 4),
    "widths": (["model=mlp", "model.hidden=[8],[16],[8,8]", RATES, "seed=1,2"], 1),
    "widths of both types": (["model=mlp", "model.dropout=0.1,0,0.2,3e-1", "seed=1,2"], 2),
    "widths that are followed": (["model=mlp", "optimizer.weight_decay=${model.dropout}",
                                  "model.dropout=0.1,0.2"], 2),
    "widths and a number that is followed": (["model=mlp", "model.dropout=${optimizer.lr}",
                                              "model.hidden=[8],[16]", "optimizer.lr=0.1,0.2"], 4),
    "lists": (["optimizer.betas=[0.9,0.99],[0.8,0.9]", RATES], 2),
    "longer lists": (["model=mlp", "model.hidden=extend_list(8),extend_list(16)", "seed=1,2"], 2),
    "mappings": (["optimizer.groups={w:{params:'*weight',lr:1}},{b:{params:'*bias',lr:2}}", "seed=1,2"], 2),
    "lazy weights": (["model={_target_: torch.nn.LazyLinear, out_features: 10}", RATES], 3),
    "a class": (["optimizer._target_=torch.optim.SGD", RATES, "+optimizer.momentum=0,0.9"], 2),
}  # fmt: skip
"""Sweeps, and how many of their points are prepared from nothing."""

ALONE = 7
"""How many of them are composed alone, too, by Hydra, at most."""


@given(st.from_regex(r"-?[0-9]{0,3}(\.[0-9]{0,3})?([eE][+-]?[0-9]{1,2})?", fullmatch=True))
@settings(deadline=None)
def test_numbers_are_those_of_hydras_grammar(text: str) -> None:
    override = f"optimizer.lr={text}"
    found = number_in(override)
    assume(found is not None)
    assert repr(found) == repr(("optimizer.lr", OverridesParser.create().parse_override(override).value()))


NewComposer = Callable[[], Composer]


def composer_and_points(words: Sequence[str]) -> tuple[NewComposer, list[list[str]]]:
    """What makes a composer that has composed nothing yet, and the points of a sweep."""
    with hydra_ready() as hydra:
        master = hydra.compose_config("config", [*FAST, *words], run_mode=RunMode.MULTIRUN)
        points = grid([*FAST, *words], (), hydra.config_loader)
        return partial(Composer, hydra.config_loader, master), points


def prepared(composer: NewComposer, points: Sequence[Sequence[str]]) -> list[Point]:
    with hydra_ready():
        return check_points(points, composer().compose, Resources(2))


@pytest.mark.parametrize("name", SWEEPS)
def test_points_are_what_they_are_alone(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    words, whole = SWEEPS[name]
    composer, points = composer_and_points(words)
    prepare = Mock(wraps=building.prepare)
    monkeypatch.setattr("sweepboard.sweeps.preparation.prepare", prepare)
    together = [point.prepared.config for point in prepared(composer, points)]
    assert prepare.call_count == whole
    assert len({config.digest for config in together}) == len(points) > 1
    for point, config in [*zip(points, together, strict=True)][:: len(points) // ALONE + 1]:
        alone = prepared(composer, [point])[0].prepared.config
        assert config == alone
        assert config.checksum == alone.checksum


@pytest.mark.parametrize(
    ("words", "own"),
    [
        (["optimizer.lr=0.1,-1"], "optimizer.lr=-1"),
        (["optimizer.lr=0.1", "seed=1,-1"], "seed=-1"),
        (["seed=1,0.5"], "seed=0.5"),
        (["scheduler=onecycle", "scheduler.max_lr=${optimizer.lr}", "optimizer.lr=0.1,0"], "optimizer.lr=0"),
        (["optimizer=sgd", "optimizer.momentum=0.5,-1"], "optimizer.momentum=-1"),
        (["optimizer=adam", "optimizer.eps=1e-8,1e-9,-1"], "optimizer.eps=-1"),
        (["model=mlp", "model.dropout=0.1,0.2,1.5"], "model.dropout=1.5"),
        (["model=mlp", "model.hidden=[8],[16],[-1]"], "model.hidden=[-1]"),
        (["model=mlp", "model.hidden=[8],[16],[1.5]"], "model.hidden=[1.5]"),
    ],
)
def test_a_later_point_is_refused_as_it_would_be_alone(words: list[str], own: str) -> None:
    composer, points = composer_and_points(words)
    with pytest.raises(BadPoint) as told:
        prepared(composer, points)
    with pytest.raises(UserError) as alone:
        prepared(composer, [point for point in points if own in point])
    assert str(told.value) == f"in {own}: {alone.value}"


def test_frozen_configurations_are_checked_from_one_that_differs_in_numbers() -> None:
    composer, points = composer_and_points(["model=linear,mlp", "scheduler=onecycle", RATES, "seed=1,2"])
    configs = [point.prepared.config for point in prepared(composer, points)]
    prepare = Mock(wraps=building.prepare_resolved)
    variants = FrozenVariants(prepare)
    assert [variants.prepare(config).config for config in configs] == configs
    assert prepare.call_count == 2
    for wrong, calls in ((-1.0, 2), ("x", 3)):
        with pytest.raises(UserError, match=r"optimizer\.lr"):
            variants.prepare(configs[0].with_leaves([(["optimizer", "lr"], wrong)]))
        assert prepare.call_count == calls
