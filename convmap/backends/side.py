"""What every framework's side of a worker does alike: loading a model file, naming outputs, noise.

Runs inside the framework's interpreter (Python 3.8 and later); convmap itself is not importable there.
"""

from __future__ import annotations

import importlib.util
import os
import sys
import types

import numpy as np


def namespace(**fields):
    """Make an attribute object, for models that take a configuration."""
    return types.SimpleNamespace(**fields)


def load_module(path, number, names=()):
    """Execute a model file as a module, ``names`` defined in it; its folder is importable meanwhile.

    A file of a package is imported as part of it, for its relative imports.
    """
    folder = os.path.dirname(os.path.abspath(path))
    if os.path.exists(os.path.join(folder, "__init__.py")):
        return _import_from_package(path, folder)
    name = "convmap_model_%d" % number
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    vars(module).update(names)
    sys.path.insert(0, folder)
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(folder)
    return module


def _import_from_package(path, folder):
    parts = [] if os.path.basename(path) == "__init__.py" else [os.path.splitext(os.path.basename(path))[0]]
    while os.path.exists(os.path.join(folder, "__init__.py")):
        folder, name = os.path.split(folder)
        parts.insert(0, name)
    for loaded in [m for m in sys.modules if m == parts[0] or m.startswith(parts[0] + ".")]:
        del sys.modules[loaded]  # of another port of the package
    sys.path.insert(0, folder)
    importlib.invalidate_caches()
    try:
        return importlib.import_module(".".join(parts))
    finally:
        sys.path.remove(folder)


def evaluate(module, entry):
    """Evaluate the entry expression in the model's module."""
    return eval(entry, {**vars(module), "namespace": namespace})  # noqa: S307 - verify runs user code


def arguments(tensors, lists):
    """Give the call's arguments: a tensor each, or a list of as many as ``lists`` says."""
    stream = iter(tensors)
    return [next(stream) if n is None else [next(stream) for _ in range(n)] for n in lists]


class Adam:
    """torch's Adam in a framework's own arithmetic: the frameworks' kernels round otherwise (quirks.toml).

    Source: the algorithm in the documentation of torch.optim.Adam, betas 0.9 and 0.999, epsilon 1e-8.
    """

    def __init__(self, rate, sqrt):
        self.rate, self.sqrt, self.moments, self.steps = rate, sqrt, {}, 0

    def step(self, weights, gradients):
        """Give the new weights, in order."""
        self.steps += 1
        first, second = 1 - 0.9**self.steps, 1 - 0.999**self.steps
        out = []
        for i, (weight, gradient) in enumerate(zip(weights, gradients)):
            m, v = self.moments.get(i, (gradient * 0.0, gradient * 0.0))
            m, v = m * 0.9 + gradient * 0.1, v * 0.999 + gradient * gradient * 0.001
            self.moments[i] = (m, v)
            size = self.sqrt(v) / second**0.5 + 1e-8
            out.append(weight - m / size * (self.rate / first))
        return out


_SHIMS = {}


def names_for(framework, package, folder):
    """Give what a call's text may name: the framework's package and the shims in a folder."""
    if folder not in _SHIMS:
        found = {framework: package}
        if folder:
            sys.path.insert(0, folder)
            for file in sorted(os.listdir(folder)):
                if file.endswith(".py"):
                    module = importlib.import_module(file[:-3])
                    found.update({k: v for k, v in vars(module).items() if not k.startswith("_")})
        _SHIMS[folder] = found
    return _SHIMS[folder]


def function_of(text, names):
    """Make the function of a functional call's text."""
    return eval("lambda x, weight, bias: " + text, dict(names))  # noqa: S307 - text from the rules


def flatten(value, is_tensor, name=""):
    """Give (name, tensor) for each tensor of a nested output."""
    if is_tensor(value):
        return [(name or "output", value)]
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, (list, tuple)):
        items = enumerate(value)
    else:
        return []
    return [
        pair
        for key, item in items
        for pair in flatten(item, is_tensor, "%s.%s" % (name, key) if name else str(key))
    ]


def name_of(kind):
    return kind.__module__ + "." + kind.__qualname__


def bases_of(kind):
    """Give a class and its bases by name, the nearest first."""
    return [name_of(k) for k in kind.__mro__ if k is not object]


def step(path, kind, taken, given, is_tensor, array):
    """Give one layer's turn in a forward pass: every tensor that it took and gave."""
    return {
        "path": path,
        "class": name_of(kind),
        "inputs": [array(t) for _, t in flatten(taken, is_tensor)],
        "outputs": [array(t) for _, t in flatten(given, is_tensor)],
    }


class Noise:
    """One NumPy stream for every random draw in a forward pass, the same in all frameworks."""

    def __init__(self, seed):
        self.stream = np.random.RandomState(seed)
        self.drawn = []

    def normal(self, shape):
        self.drawn.append(["normal", list(shape)])
        return self.stream.standard_normal(tuple(shape)).astype(np.float32)

    def uniform(self, shape):
        self.drawn.append(["uniform", list(shape)])
        return self.stream.random_sample(tuple(shape)).astype(np.float32)

    def mask(self, shape, p):
        """Give the factors of dropout: 0, or 1 / (1 - p)."""
        self.drawn.append(["dropout", list(shape)])
        kept = self.stream.random_sample(tuple(shape)) >= p
        return (kept / (1.0 - p) if p < 1 else kept * 0.0).astype(np.float32)


class Patched:
    """Replace attributes for a while; also the same objects under any name in the model's module."""

    def __init__(self, module, replacements):
        self.targets = []
        for owner, name, new in replacements:
            old = getattr(owner, name, None)
            if old is None:
                continue
            self.targets.append((owner, name, old, new))
            for local, value in list(vars(module).items()):
                if value is old:
                    self.targets.append((module, local, old, new))

    def __enter__(self):
        for owner, name, _, new in self.targets:
            setattr(owner, name, new)

    def __exit__(self, *error):
        for owner, name, old, _ in reversed(self.targets):
            setattr(owner, name, old)
