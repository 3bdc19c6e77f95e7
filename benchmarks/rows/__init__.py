"""The table: one row per claim with its bar, by the name that `python -m benchmarks NAME` takes."""

from benchmarks.harness import Row
from benchmarks.rows import (
    analysis,
    board,
    checkpoints,
    launchers,
    learning,
    pictures,
    plans,
    ranks,
    runs,
    search,
    startup,
    sweeps,
    tasks,
    updates,
)

ROWS: dict[str, Row] = {
    row.name: row
    for row in (
        runs.CNN_ROW,
        runs.CNN_BF16_ROW,
        runs.MEMORY_ROW,
        updates.CNN_ROW,
        updates.MLP_ROW,
        ranks.RANKS_ROW,
        tasks.LANGUAGE_MODEL_ROW,
        tasks.GAN_ROW,
        tasks.TABULAR_ROW,
        pictures.FOLDER_ROW,
        pictures.KEPT_ROW,
        runs.MLP_ROW,
        sweeps.CNN_ROW,
        sweeps.LAUNCHERS_ROW,
        sweeps.MLP_ROW,
        sweeps.JOBS_ROW,
        sweeps.SECONDS_ROW,
        search.SEARCH_ROW,
        sweeps.MEMORY_ROW,
        plans.PLANS_ROW,
        analysis.MANY_RUNS_ROW,
        startup.HELP_ROW,
        startup.FIRST_ROW,
        startup.TWICE_ROW,
        startup.RESUME_ROW,
        checkpoints.STALL_ROW,
        launchers.LAUNCHERS_ROW,
        board.SCALARS_ROW,
        board.READING_ROW,
        learning.ACCURACY_ROW,
        learning.VERIFY_ROW,
    )
}
