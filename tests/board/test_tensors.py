"""`sweepboard.board.tensors`, held equal to what TensorBoard's own functions make and read."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from tensorboard.util.tensor_util import make_ndarray, make_tensor_proto

from sweepboard.board.tensors import array_tensor, text_tensor


@pytest.mark.parametrize("kind", ["float32", "float64", "int32", "int64", "uint8"])
@pytest.mark.parametrize("shape", [(2, 3), (1, 4, 3), (1,), (0, 3), ()])
def test_numbers_are_read_as_they_were(kind: str, shape: tuple[int, ...]) -> None:
    content: npt.NDArray[np.generic] = (np.arange(np.prod(shape)) * 1.5).reshape(shape).astype(kind)
    read = make_ndarray(array_tensor(content))
    assert (read.dtype, read.shape) == (content.dtype, shape)
    assert read.tobytes() == content.tobytes()
    if content.size > 1:
        assert array_tensor(content) == make_tensor_proto(content)


def test_an_array_in_another_order_is_read_as_it_was() -> None:
    content = np.arange(6.0).reshape(2, 3).T
    assert np.array_equal(make_ndarray(array_tensor(content)), content)


@pytest.mark.parametrize("text", ["", "# Title\n", "Grüße", "with \0 in it"])
def test_a_text_is_stored_as_tensorboard_stores_it(text: str) -> None:
    assert text_tensor(text.encode()) == make_tensor_proto(text.encode())


def test_a_type_that_no_panel_shows_is_a_bug() -> None:
    with pytest.raises(KeyError):
        array_tensor(np.zeros(2, np.complex64))
