"""`hydra/sweeper=optuna`: a search, whose trials are chosen from the results of earlier ones."""
