"""Private names of other libraries: no other package of sweepboard uses any (tests/test_layers.py).

One file per library. Each function says which version it was read from, and what to do when the name goes.
"""
