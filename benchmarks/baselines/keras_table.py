"""Keras 3 on torch trains the table. Prints the median time of an update as JSON."""

from __future__ import annotations

import argparse
import os

os.environ["KERAS_BACKEND"] = "torch"  # read when keras is imported

import keras  # type: ignore[import-untyped]

from benchmarks import workloads
from benchmarks.clock import Updates


class Clock(keras.callbacks.Callback):  # type: ignore[misc]
    """Notes when each update ended."""

    def __init__(self) -> None:
        super().__init__()
        self.updates = Updates()

    def on_train_batch_end(self, batch: int, logs: object = None) -> None:
        self.updates.end()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch", type=int, required=True)
    parser.add_argument("--updates", type=int, required=True)
    args = parser.parse_args()

    rows, classes = workloads.table().tensors
    dense = keras.layers.Dense
    model = keras.Sequential([dense(64, "relu"), dense(64, "relu"), dense(workloads.CLASSES)])
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    clock, per_epoch = Clock(), len(rows) // args.batch
    data = {"x": rows.numpy(), "y": classes.numpy(), "batch_size": args.batch, "verbose": 0}
    model.fit(**data, epochs=args.updates // per_epoch, callbacks=[clock])
    clock.updates.print()


if __name__ == "__main__":
    main()
