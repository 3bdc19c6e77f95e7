"""The classes by which Hydra finds our launcher and sweeper.

Every Hydra program in the environment imports these, so they import nothing heavy and cannot fail.
"""
