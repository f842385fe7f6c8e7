"""A model in MegEngine: its tree and state, forward, gradients, fed randomness."""

from __future__ import annotations

import collections
import contextlib
import pickle
import sys

import megengine
import megengine.functional as F
import megengine.module as M
import megengine.optimizer
import numpy
import side
import tensorfile
from megengine.autodiff import GradManager
from megengine.core.tensor.array_method import ArrayMethodMixin

# Errors come where they happen, not at the next .numpy() (FACTS.md section 3).
megengine.config.async_level = 0


class Hollow(megengine.Parameter):
    """A parameter with a shape and one element: MegEngine itself makes no model without its weights."""

    def __new__(cls, data, *args, **kwargs):
        return super().__new__(cls, numpy.zeros((1,), data.dtype))

    def __init__(self, data, *args, **kwargs):
        super().__init__(numpy.zeros((1,), data.dtype))
        self._hollow = tuple(int(n) for n in data.shape)

    @property
    def shape(self):
        return self._hollow


def _refused(self, *args, **kwargs):
    raise TypeError("a parameter without values is computed with")


for _name, _method in vars(ArrayMethodMixin).items():
    if callable(_method) and _name not in ("__init__", "__hash__"):
        setattr(Hollow, _name, _refused)


@contextlib.contextmanager
def hollow():
    """Make every parameter hollow meanwhile, and initialise none."""
    whole, replaced = megengine.Parameter, []
    for name, module in list(sys.modules.items()):
        # Where the name is asked for, not called, it stays.
        if name.split(".")[0] == "megengine" and name not in ("megengine.module.module", "megengine.tensor"):
            if vars(module).get("Parameter") is whole:
                replaced.append((module, "Parameter", whole, Hollow))
    for name, value in vars(M.init).items():
        if name.endswith("_") and not name.startswith("_") and callable(value):
            replaced.append((M.init, name, value, lambda tensor, *args, **kwargs: None))
    for owner, name, _, new in replaced:
        setattr(owner, name, new)
    try:
        yield
    finally:
        for owner, name, old, _ in replaced:
            setattr(owner, name, old)


class Model:
    """One loaded model."""

    def __init__(self, path, entry, number, shapes_only=False):
        """``shapes_only``: the weights take no memory, where the model makes no use of them."""
        self.given = set()  # names of the state that the other side has too
        megengine.random.seed(0)  # the same fresh weights in every run
        megengine.config.disable_memory_forwarding = False  # as a user's is, unless the file says otherwise
        if shapes_only:
            try:
                with hollow():
                    self.module = side.load_module(path, number)
                    self.net = side.evaluate(self.module, entry)
                return
            except Exception:  # noqa: BLE001 - it needs its weights: then they are made
                pass
        self.module = side.load_module(path, number)
        self.net = side.evaluate(self.module, entry)

    def tree(self):
        rows = []
        for path, module in _walk(self.net, ""):
            kind = type(module)
            parameters = dict(module.named_parameters(recursive=False))
            buffers = dict(module.named_buffers(recursive=False))
            rows.append({
                "path": path,
                "class": side.name_of(kind),
                "bases": side.bases_of(kind),
                "parameters": {k: list(v.shape) for k, v in parameters.items()},
                "buffers": {k: list(v.shape) for k, v in buffers.items()},
                "ids": {k: id(v) for k, v in {**parameters, **buffers}.items()},
                "formats": {k: numpy.dtype(v.dtype).name for k, v in {**parameters, **buffers}.items()},
            })  # fmt: skip
        return rows

    def _own(self):
        """Every tensor by every name that it has; named_parameters gives each tensor once."""
        found = {}
        for path, module in _walk(self.net, ""):
            for own in (module.named_parameters(recursive=False), module.named_buffers(recursive=False)):
                found.update((path + "." + name if path else name, tensor) for name, tensor in own)
        return found

    def get_state(self):
        return {k: v.numpy() for k, v in self._own().items()}

    def set_state(self, arrays):
        own = self._own()
        self.given |= set(arrays)
        for name, array in arrays.items():
            if name not in own:
                raise KeyError("no parameter %r" % name)
            if tuple(own[name].shape) != array.shape:
                raise ValueError("%s: shape %s, not %s" % (name, tuple(own[name].shape), array.shape))
            own[name]._reset(megengine.Tensor(array.astype(own[name].dtype)))

    def _restore(self, before):
        """Undo what a run did to the state; other tensors that a module keeps are no state in torch."""
        own = self._own()
        for name in own.keys() & before.keys() & self.given:
            own[name]._reset(megengine.Tensor(before[name].astype(own[name].dtype)))

    def load_checkpoint(self, path):
        """Load a file as users do; name what it lacks and what it has too much."""
        state, own = megengine.load(path), set(self._own())
        self.net.load_state_dict(state, strict=False)
        return {"missing": sorted(own - set(state)), "unexpected": sorted(set(state) - own)}

    def train_steps(self, batches, lists, targets, optimizer, rate, noise_seed):
        """Train on batches in turn, and take the steps back; see torch_side."""
        before, losses = self.get_state(), []
        self.net.train(True)
        weights = list(self.net.parameters())
        manager = GradManager().attach(weights)
        if optimizer == "sgd":
            stepper = megengine.optimizer.SGD(weights, lr=rate, momentum=0.9)
        else:
            adam = side.Adam(rate, F.sqrt)
        try:
            for number, (arrays, wanted) in enumerate(zip(batches, targets)):
                tensors = [
                    megengine.Tensor(a.astype("float32") if a.dtype.kind == "f" else a) for a in arrays
                ]
                with side.Patched(self.module, self._random(side.Noise(noise_seed + number))), manager:
                    outputs = side.flatten(self.net(*side.arguments(tensors, lists)), _is_tensor)
                    loss = sum(F.mean((y - megengine.Tensor(t)) ** 2) for (_, y), t in zip(outputs, wanted))
                    manager.backward(loss)
                if optimizer == "sgd":
                    stepper.step().clear_grad()
                else:
                    grads = [F.zeros_like(w) if w.grad is None else w.grad for w in weights]
                    for weight, new in zip(weights, adam.step(weights, grads)):
                        weight._reset(new)
                        weight.grad = None
                losses.append(float(loss.numpy()))
        finally:
            self._restore(before)
        return losses

    def trace(self, inputs, lists, train, noise_seed):
        """Give what every layer took and gave in a forward pass, in the order they finish."""
        before, steps, hooks = self.get_state(), [], []
        self.net.train(train)

        def watch(path):
            def hook(module, taken, given):
                steps.append(side.step(path, type(module), taken, given, _is_tensor, megengine.Tensor.numpy))

            return hook

        for path, module in self.net.named_modules():
            hooks.append(module.register_forward_hook(watch(path)))
        tensors = [megengine.Tensor(a.astype("float32") if a.dtype.kind == "f" else a) for a in inputs]
        try:
            with side.Patched(self.module, self._random(side.Noise(noise_seed))):
                self.net(*side.arguments(tensors, lists))
        finally:
            for hook in hooks:
                hook.remove()
            self._restore(before)
        return steps

    def run(self, inputs, lists, train, cotangents, dtype, noise_seed):
        before = self.get_state()
        self.net.train(train)
        tensors = [megengine.Tensor(a.astype("float32") if a.dtype.kind == "f" else a) for a in inputs]
        noise = side.Noise(noise_seed)
        named = dict(self.net.named_parameters())
        floats = [t for t, a in zip(tensors, inputs) if a.dtype.kind == "f"]
        grads, weights = [], {}
        with side.Patched(self.module, self._random(noise)):
            if cotangents is None:
                found = side.flatten(
                    self.net(*side.arguments(tensors, lists)), lambda v: isinstance(v, megengine.Tensor)
                )
            else:
                manager = GradManager()
                manager.attach(list(named.values()) + floats)
                with manager:
                    found = side.flatten(
                        self.net(*side.arguments(tensors, lists)), lambda v: isinstance(v, megengine.Tensor)
                    )
                    # Through a product: an output that is the input itself would get no gradient.
                    total = 0.0
                    for (_, y), c in zip(found, cotangents):
                        total = total + F.sum(y * megengine.Tensor(c.astype("float32")))
                    manager.backward(total)
                grads = [None if t.grad is None else t.grad.numpy() for t in tensors]
                every = self._own().items()
                weights = {k: p.grad.numpy() for k, p in every if getattr(p, "grad", None) is not None}
                for tensor in named.values():
                    tensor.grad = None
        result = {
            "names": [n for n, _ in found],
            "outputs": [y.numpy() for _, y in found],
            "input_grads": grads,
            "param_grads": weights,
            "state_after": {k: v.numpy() for k, v in self.net.named_buffers()},
            "random": noise.drawn,
        }
        self._restore(before)
        return result

    @staticmethod
    def _random(noise):
        def normal(mean=0.0, std=1.0, size=None):
            return megengine.Tensor(noise.normal(size or ())) * std + mean

        def uniform(low=0.0, high=1.0, size=None):
            return megengine.Tensor(noise.uniform(size or ())) * (high - low) + low

        def dropout(inp, drop_prob, training=True):
            return inp * megengine.Tensor(noise.mask(inp.shape, drop_prob)) if training and drop_prob else inp

        return [
            (megengine.random, "normal", normal),
            (megengine.random, "uniform", uniform),
            (F, "dropout", dropout),
            (M.Dropout, "forward", lambda own, x: dropout(x, own.drop_prob, own.training)),
        ]


def call(text, layer, shims, weights, x, cotangent):
    """Run one call: its output, and its gradients where a cotangent is given; see torch_side.call."""
    # Its values come before the answer goes, so that errors do too; operators may run ahead, which
    # takes a third of the time.
    megengine.config.async_level = 2
    try:
        return _call(text, layer, shims, weights, x, cotangent)
    finally:
        megengine.config.async_level = 0


def _call(text, layer, shims, weights, x, cotangent):
    names = side.names_for("megengine", megengine, shims)
    given = megengine.Tensor(x)
    if layer:
        net = eval(text, dict(names))  # noqa: S307 - text from the rules
        own = dict(net.named_parameters())
        for _, name, array in weights:
            own[name]._reset(megengine.Tensor(array.reshape(own[name].numpy().shape)))
    else:
        function = side.function_of(text, names)
        own = {name: megengine.Tensor(array) for _, name, array in weights}

        def net(value):
            return function(value, own["weight"], own.get("bias"))

    if cotangent is None:
        return {"output": net(given).numpy()}
    wanted = [own[name] for _, name, _ in weights]
    manager = GradManager().attach([given, *wanted])
    with manager:
        out = net(given)
        if tuple(out.numpy().shape) != cotangent.shape:
            return {"output": out.numpy()}  # wrong already
        manager.backward(out, megengine.Tensor(cotangent))
    answer = {"output": out.numpy(), "input gradient": given.grad.numpy()}
    for (canonical, _, array), tensor in zip(weights, wanted):
        answer[canonical + " gradient"] = tensor.grad.numpy().reshape(array.shape)
        tensor.grad = None
    return answer


def info():
    return {"version": megengine.__version__, "device": "CPU"}


def _walk(module, path):
    """Give every module by every path that leads to it, a module before its children."""
    yield path, module
    for name, child in module.named_children():
        yield from _walk(child, path + "." + name if path else name)


def _is_tensor(value):
    return isinstance(value, megengine.Tensor)


class _Reader(pickle.Unpickler):
    """Reads the pickles that megengine.save makes of a state dict, and nothing that runs code."""

    KNOWN = {
        ("collections", "OrderedDict"): collections.OrderedDict,
        ("numpy", "ndarray"): numpy.ndarray,
        ("numpy", "dtype"): numpy.dtype,
    }

    def find_class(self, module, name):
        if (module, name) in self.KNOWN:
            return self.KNOWN[module, name]
        if module in ("numpy.core.multiarray", "numpy._core.multiarray") and name in (
            "_reconstruct",
            "scalar",
        ):
            return getattr(numpy.core.multiarray, name)
        raise ValueError(
            "the file needs %s.%s to be read, which may run code; where you trust it, load it and write"
            " megengine.save(net.state_dict(), path)" % (module, name)
        )


class Checkpoint:
    """A file of megengine.save(net.state_dict(), ...): a pickle of NumPy arrays."""

    def __init__(self, path, key=""):
        with open(path, "rb") as stream:
            content = _Reader(stream).load()
        if key:
            for part in key.split("."):
                content = content[part]
        self.key = key
        if not isinstance(content, dict) or not any(isinstance(v, numpy.ndarray) for v in content.values()):
            named = ", ".join(map(str, content)) if isinstance(content, dict) else type(content).__name__
            raise ValueError("the file holds %s: say which with --key" % named)
        self.tensors = {k: v for k, v in content.items() if isinstance(v, numpy.ndarray)}
        self.others = [str(k) for k in content if k not in self.tensors]

    def rows(self):
        return [[k, v.dtype.name, list(v.shape)] for k, v in self.tensors.items()]

    def read(self, name):
        return self.tensors[name]


def save_checkpoint(path, tensors):
    """Write the tensors of a safetensors file as megengine.save does, one by one."""
    entries = tensorfile.read(tensors)
    for name, entry in entries.items():
        if entry.format == "BF16":
            raise ValueError("%s is bfloat16, which MegEngine has not" % name)
    with open(path, "wb") as stream:
        pickler = pickle.Pickler(stream, pickle.DEFAULT_PROTOCOL)
        pickler.fast = True  # keep no reference to what has been written
        pickler.dump(Streamed(entries))


class Streamed:
    """An ordered dictionary as it is pickled, whose arrays are read when their turn comes."""

    def __init__(self, entries):
        self.entries = entries

    def __reduce__(self):
        return (
            collections.OrderedDict,
            (),
            None,
            None,
            ((n, StreamedArray(e)) for n, e in self.entries.items()),
        )


class StreamedArray:
    """An array as NumPy pickles it (its __reduce__), of bytes that are read when their turn comes."""

    def __init__(self, entry):
        self.entry = entry

    def __reduce__(self):
        make, empty, (version, *_) = numpy.empty(0).__reduce__()
        kind = numpy.dtype(tensorfile.FORMATS[self.entry.format])
        return make, empty, (version, self.entry.shape, kind, False, self.entry.data())
