"""Store arrays and texts as TensorBoard's tensors.

TensorBoard's own `make_tensor_proto` imports its stand-in for TensorFlow, a fortieth of a run's start.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from tensorboard.compat.proto import types_pb2
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto

_TYPES = {
    "float32": types_pb2.DT_FLOAT,
    "float64": types_pb2.DT_DOUBLE,
    "int32": types_pb2.DT_INT32,
    "int64": types_pb2.DT_INT64,
    "uint8": types_pb2.DT_UINT8,
}


def array_tensor(content: npt.NDArray[np.generic]) -> TensorProto:
    """Return numbers of any shape as a tensor. Raise `KeyError` for a type that no panel shows."""
    shape = TensorShapeProto(dim=[TensorShapeProto.Dim(size=size) for size in content.shape])
    kind = _TYPES[content.dtype.name]
    return TensorProto(dtype=kind, tensor_shape=shape, tensor_content=content.tobytes())


def text_tensor(content: bytes) -> TensorProto:
    """Return a text, or any bytes, as a tensor of rank 0."""
    return TensorProto(dtype=types_pb2.DT_STRING, tensor_shape=TensorShapeProto(), string_val=[content])
