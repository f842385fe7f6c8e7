"""Constructors of torch that take a length or values, which only the run tells."""

import mindspore
import numpy as np
from mindspore import ops


def tensor_or_empty(data, dtype):
    """Of a whole number that many zeros (torch: arbitrary values), of a list, an array or a tensor its values, a constant."""
    if isinstance(data, (int, np.integer)) and not isinstance(data, bool):
        return ops.zeros((int(data),), dtype=dtype)
    if isinstance(data, list) or (isinstance(data, np.ndarray) and data.ndim):
        return mindspore.tensor(data, dtype=dtype)
    if isinstance(data, mindspore.Tensor) and data.dtype == dtype:
        return ops.stop_gradient(data)
    raise TypeError("%r may be a size or values: write torch.tensor or torch.empty" % (data,))


def type_name(input):
    """Torch's name of a tensor's type, as torch.FloatTensor."""
    names = {
        "float16": "Half", "float32": "Float", "float64": "Double", "bfloat16": "BFloat16", "int8": "Char",
        "int16": "Short", "int32": "Int", "int64": "Long", "uint8": "Byte", "bool": "Bool",
    }
    return "torch.%sTensor" % names[str(input.dtype).lower().rpartition(".")[2].rstrip("_")]
