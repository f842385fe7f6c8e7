"""Constructors of torch that take a length or values, which only the run tells."""

import megengine
import megengine.functional as F
import numpy as np


def tensor_or_empty(data, dtype):
    """Of a whole number that many zeros (torch: arbitrary values), of a list, an array or a tensor its values, a constant."""
    if isinstance(data, (int, np.integer)) and not isinstance(data, bool):
        return F.zeros((int(data),), dtype=dtype)
    if isinstance(data, list) or (isinstance(data, np.ndarray) and data.ndim):
        return megengine.Tensor(np.asarray(data).astype(dtype))
    if isinstance(data, megengine.Tensor) and data.dtype == np.dtype(dtype):
        return data.detach()
    raise TypeError("%r may be a size or values: write torch.tensor or torch.empty" % (data,))


def type_name(input):
    """Torch's name of a tensor's type, as torch.FloatTensor; whole numbers have 32 bits here where torch has 64."""
    names = {
        "float16": "Half", "float32": "Float", "int8": "Char", "int16": "Short", "int32": "Long", "uint8": "Byte",
        "bool": "Bool",
    }
    return "torch.%sTensor" % names[np.dtype(input.dtype).name]
