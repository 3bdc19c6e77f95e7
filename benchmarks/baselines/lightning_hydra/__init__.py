"""A Lightning + Hydra program."""
