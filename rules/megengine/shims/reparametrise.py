"""torch.nn.utils' weight normalisation for modules: the weight is computed wherever the module reads it."""

import megengine
import megengine.functional as F
import megengine.module as M


def length(weight, kept):
    """The length of each part of a weight along its first axes, ``kept`` of them; the others have size 1."""
    return F.sqrt((weight * weight).sum(axis=list(range(kept, weight.ndim)), keepdims=True))


def parts_of(module):
    """Count the axes that torch's first one is: two for grouped weights, (groups, n / groups, ...)."""
    kernel = getattr(module, "kernel_size", None)
    if kernel is None:
        return 1
    return module.weight.ndim - (len(kernel) if isinstance(kernel, tuple) else 1) - 1


def with_computed_weight(module, compute):
    """Take a module's weight away, and give it one that is computed."""
    kind = type(module)
    del module.weight
    module.__class__ = type(kind.__name__, (kind,), {"weight": property(compute), "plain_class": kind})
    return module


def with_plain_weight(module):
    """Undo it: what is computed now becomes the parameter."""
    value = module.weight
    module.__class__ = module.plain_class
    module.weight = megengine.Parameter(value)
    return module


def weight_norm(module):
    """Train a weight as length and direction: weight_g * weight_v / |weight_v|."""
    kept = parts_of(module)
    module.weight_g = megengine.Parameter(length(module.weight, kept))
    module.weight_v = megengine.Parameter(module.weight)
    return with_computed_weight(module, lambda m: m.weight_v * (m.weight_g / length(m.weight_v, kept)))


def remove_weight_norm(module):
    """Make the weight a parameter again."""
    if not hasattr(module, "weight_g"):
        raise ValueError("weight_norm of 'weight' not found in %s" % module)
    with_plain_weight(module)
    del module.weight_g, module.weight_v
    return module


class Originals(M.Module):
    """What a weight is computed from."""

    def __init__(self, weight, kept):
        super().__init__()
        self.original0 = megengine.Parameter(length(weight, kept))
        self.original1 = megengine.Parameter(weight)

    def forward(self):
        raise NotImplementedError("it only holds parameters")


class Parametrizations(M.Module):
    """A module's parametrised weights by their names, which are those of torch's checkpoints."""

    def __init__(self, weight, kept):
        super().__init__()
        self.weight = Originals(weight, kept)

    def forward(self):
        raise NotImplementedError("it only holds parameters")


def parametrized_weight_norm(module):
    """Train a weight as length and direction, under the names of torch's parametrizations."""
    kept = parts_of(module)
    module.parametrizations = Parametrizations(module.weight, kept)

    def compute(module):
        parts = module.parametrizations.weight
        return parts.original1 * (parts.original0 / length(parts.original1, kept))

    return with_computed_weight(module, compute)


def remove_parametrizations(module):
    """Make the weight a parameter again."""
    if not hasattr(module, "parametrizations"):
        raise ValueError("%s has no parametrization on weight" % module)
    with_plain_weight(module)
    del module.parametrizations
    return module


def as_matrix(weight, kept, axis):
    """A weight as a matrix, one row for each place on an axis as torch counts them."""
    whole = weight.reshape(-1, *[int(n) for n in weight.shape[kept:]])
    order = (axis, *(i for i in range(whole.ndim) if i != axis))
    return F.transpose(whole, order).reshape(int(whole.shape[axis]), -1)


def unit(vector, eps):
    """A vector of length 1."""
    return vector / F.maximum(F.sqrt((vector * vector).sum()), eps)


def spectral_norm(module, name="weight", n_power_iterations=1, eps=1e-12):
    """Divide a weight by its largest singular value, estimated by power iteration in training."""
    if name != "weight":
        raise ValueError(f"only 'weight' is normalised here, not {name!r}")
    axis, kept = 1 if "Transpose" in type(module).__name__ else 0, parts_of(module)
    kind = type(module)
    rows, columns = as_matrix(module.weight, kept, axis).shape
    module.weight_orig = megengine.Parameter(module.weight)
    module.weight_u = unit(megengine.random.normal(0.0, 1.0, (int(rows),)), eps)
    module.weight_v = unit(megengine.random.normal(0.0, 1.0, (int(columns),)), eps)

    def forward(module, *inputs):
        if module.training:
            matrix = as_matrix(module.weight_orig.detach(), kept, axis)
            u, v = module.weight_u, module.weight_v
            for _ in range(n_power_iterations):
                v = unit(F.matmul(F.transpose(matrix, (1, 0)), u), eps)
                u = unit(F.matmul(matrix, v), eps)
            module.weight_u, module.weight_v = u.detach(), v.detach()
        return kind.forward(module, *inputs)

    def compute(module):
        largest = (module.weight_u * F.matmul(as_matrix(module.weight_orig, kept, axis), module.weight_v)).sum()
        return module.weight_orig / largest

    with_computed_weight(module, compute)
    type(module).forward = forward
    return module


def remove_spectral_norm(module):
    """Make the weight, as it is divided now, a parameter."""
    if not hasattr(module, "weight_orig"):
        raise ValueError("spectral_norm of 'weight' not found in %s" % module)
    with_plain_weight(module)
    del module.weight_orig, module.weight_u, module.weight_v
    return module
