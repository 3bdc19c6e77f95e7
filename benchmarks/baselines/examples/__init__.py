"""Every folder of `examples/` as a user of another library writes it.

Each is a script of its own, with the same data, model, measurements, pictures and schedule as the example, a
TensorBoard log, checkpoints by the primary metric, a test of the best one, and options for the learning rate,
for what the README of the example sweeps, and for the checkpoint to resume. What does not depend on the
library is imported from the example, and counted here too. To run one, copy it and `fashion.py` into the
folder of the example.
"""
