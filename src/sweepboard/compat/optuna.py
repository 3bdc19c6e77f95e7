"""Private names of Optuna. Read from optuna 5.0.0."""

from __future__ import annotations

import optuna
from optuna.trial import FrozenTrial


def continued_trial(study: optuna.Study, trial: FrozenTrial) -> optuna.Trial:
    """Return the trial of a dead process, to continue it.

    When the id goes, record the trial as failed, and enqueue its values as a new one.
    """
    return optuna.Trial(study, trial._trial_id)
