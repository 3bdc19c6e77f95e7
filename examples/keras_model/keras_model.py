"""A model of Keras 3 on torch."""

import os

os.environ["KERAS_BACKEND"] = "torch"

import keras
from keras import layers


def classifier(input_shape, outputs, width=16, dropout=0.5):
    """Return a small convolutional network for images as torch has them, channels first."""
    return keras.Sequential(
        [
            keras.Input(input_shape),
            layers.Permute((2, 3, 1)),
            layers.Conv2D(width, 3, strides=2, activation="relu"),
            layers.BatchNormalization(),
            layers.Conv2D(2 * width, 3, strides=2, activation="relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dropout(dropout),
            layers.Dense(outputs),
        ]
    )
