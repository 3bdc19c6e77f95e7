"""`hydra/sweeper=optuna`: a search, in which each trial is chosen by what came out of those before it."""
