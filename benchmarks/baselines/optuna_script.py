"""A search as a script: Optuna's TPE sampler, every trial trains in this process."""

from __future__ import annotations

import argparse
import json

import optuna
import torch
import torch.nn.functional as F
from torch import nn


def objective(trial: optuna.Trial) -> float:
    """One update of a line with the learning rate of the trial; returns the loss on held-out points."""
    torch.manual_seed(0)
    inputs = torch.rand(256, 1)
    targets = 3 * inputs + 2
    model = nn.Linear(1, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=trial.suggest_float("lr", 1e-4, 1e-1, log=True))
    F.mse_loss(model(inputs[:64]), targets[:64]).backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    return F.mse_loss(model(inputs[64:]), targets[64:]).item()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, required=True)
    args = parser.parse_args()

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=0))
    study.optimize(objective, n_trials=args.trials)
    print(json.dumps({"trials": len(study.trials)}))


if __name__ == "__main__":
    main()
