"""The words for what an expression is, and what several of them have in common."""

from __future__ import annotations

import ast

# Operators no tuple has: an operand or a result of one is a number.
NUMERIC = (ast.Sub, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow)
NUMBERS = {"int", "float", "bool"}
ANY_NUMBER = NUMBERS | {"number", "numpy"}
# What iterating over something gives, and unpacking it.
PARTS = {"tensors": "tensor", "ints": "int", "modules": "module", "tensor": "tensor"}
# What these functions of NumPy give of numbers is one of NumPy's numbers ("numpy"; of an array an array), which
# frameworks take in other ways than Python's. np.random gives Python's.
_NUMPY_NAMES = (
    "abs absolute arccos arcsin arctan arctan2 cbrt ceil cos cosh deg2rad exp exp2 expm1 float32 float64 floor"
    " floor_divide hypot int32 int64 log log10 log1p log2 max maximum mean min minimum mod power prod rad2deg"
    " rint round sign sin sinh sqrt square std sum tan tanh trunc var"
)
OF_NUMPY = {f"numpy.{name}" for name in _NUMPY_NAMES.split()}
# These give arrays of anything; so do their slices, and most of their methods.
_ARRAY_NAMES = (
    "arange array asarray ascontiguousarray broadcast_to concatenate empty eye expand_dims flip full full_like"
    " hstack identity linspace meshgrid moveaxis ones ones_like outer pad ravel repeat reshape roll stack swapaxes"
    " tile transpose tri tril triu vstack zeros zeros_like"
)
ARRAYS_OF_NUMPY = {f"numpy.{name}" for name in _ARRAY_NAMES.split()}
_ARRAY_METHODS = (
    "argsort astype clip copy cumsum flatten ravel repeat reshape round squeeze swapaxes transpose"
)
ARRAY_METHODS = set(_ARRAY_METHODS.split())
REDUCING = {"max", "mean", "min", "prod", "std", "sum", "var"}
MAYBE = "?"  # behind a kind: that, or None
OBJECTS = {"tensor", "tensors", "module", "modules", "module class"}


def sure(kind: str) -> str:
    """Give the kind of what is used as an object: None has no methods, items or arithmetic in any framework."""
    return kind.removesuffix(MAYBE)


def join(kinds: list[str]) -> str:
    """Give what several possible kinds have in common."""
    if len(kinds) == 1:
        return kinds[0]
    left = {k for k in kinds if k != "same"}
    objects = {sure(k) for k in left - {"none"}}
    if len(objects) == 1 and left & {"none", *(k + MAYBE for k in OBJECTS)} and objects <= OBJECTS:
        return objects.pop() + MAYBE
    if not left and kinds:
        return "same"
    if len(left) == 1:
        return left.pop()
    if left and left <= NUMBERS | {"number"}:
        return "number"
    if left and left <= ANY_NUMBER:
        return "numpy"
    return "unknown"
