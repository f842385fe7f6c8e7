"""A model in MindSpore (PyNative mode): its tree and state, forward, gradients, fed randomness."""

from __future__ import annotations

import contextlib
import itertools
import os
import tempfile

import mindspore
import numpy
import side
import tensorfile
from mindspore import Tensor, nn, ops
from mindspore.common.api import _pynative_executor
from mindspore.nn.utils import no_init_parameters
from mindspore.train import checkpoint_pb2

# Each operator is handed to threads and waited for otherwise: three times as long for small ones.
mindspore.runtime.launch_blocking()


class Model:
    """One loaded model."""

    def __init__(self, path, entry, number, shapes_only=False):
        """``shapes_only``: the weights take no memory, where the model makes no use of them, and it can't run."""
        mindspore.set_seed(0)  # the same fresh weights in every run
        self.module = side.load_module(path, number)
        if shapes_only:
            try:
                with no_init_parameters():
                    self.net = side.evaluate(self.module, entry)
                return
            except Exception:  # noqa: BLE001 - it needs its weights: then they are made
                pass
        self.net = side.evaluate(self.module, entry)

    def _parameters(self):
        for path, cell in _walk(self.net, ""):
            for name, parameter in cell._params.items():
                if parameter is not None:
                    yield (path + "." + name if path else name), path, cell, name, parameter

    def _trained(self):
        """Every parameter that is trained, once, under the first of its names."""
        found = {}
        for full, _, _, _, parameter in self._parameters():
            if parameter.requires_grad:
                found.setdefault(id(parameter), (full, parameter))
        return list(found.values())

    def _buffers(self):
        """Registered buffers: tensors that are no parameters."""
        for path, cell in _walk(self.net, ""):
            for name, tensor in getattr(cell, "_buffers", {}).items():
                if tensor is not None:
                    yield (path + "." + name if path else name), path, cell, name, tensor

    def tree(self):
        rows = {}
        for path, cell in _walk(self.net, ""):
            kind = type(cell)
            rows[path] = {"path": path, "class": side.name_of(kind),
                          "bases": side.bases_of(kind), "parameters": {}, "buffers": {}, "formats": {},
                          "ids": {}}  # fmt: skip
        for _, path, _, name, parameter in self._parameters():
            group = "parameters" if parameter.requires_grad else "buffers"
            rows[path][group][name] = list(parameter.shape)
            rows[path]["formats"][name] = str(parameter.dtype).lower()
            rows[path]["ids"][name] = id(parameter)
        for _, path, _, name, tensor in self._buffers():
            rows[path]["buffers"][name] = list(tensor.shape)
            rows[path]["formats"][name] = str(tensor.dtype).lower()
            rows[path]["ids"][name] = id(tensor)
        return list(rows.values())

    def get_state(self):
        # asnumpy() shares memory with a parameter that training updates in place.
        return {full: p.asnumpy().copy() for full, _, _, _, p in (*self._parameters(), *self._buffers())}

    def set_state(self, arrays):
        own = {full: p for full, _, _, _, p in self._parameters()}
        buffers = {full: row for full, *row in self._buffers()}
        for name, array in arrays.items():
            if name in buffers:
                _, cell, local, tensor = buffers[name]
                if tuple(tensor.shape) != array.shape:
                    raise ValueError("%s: shape %s, not %s" % (name, tuple(tensor.shape), array.shape))
                cell._buffers[local] = Tensor(array, tensor.dtype)
                continue
            if name not in own:
                raise KeyError("no parameter %r" % name)
            # Parameter.set_data accepts any shape and takes it over (FACTS.md section 2).
            if tuple(own[name].shape) != array.shape:
                raise ValueError("%s: shape %s, not %s" % (name, tuple(own[name].shape), array.shape))
            own[name].set_data(Tensor(array, own[name].dtype))

    def load_checkpoint(self, path):
        """Load a file as users do; name what it lacks and what it has too much."""
        state = mindspore.load_checkpoint(path)
        buffers = {full for full, *_ in self._buffers()}
        missing, unexpected = mindspore.load_param_into_net(self.net, state)
        if buffers:  # no parameters: only load_state_dict takes them
            self.net.load_state_dict({k: v for k, v in state.items() if k in buffers}, strict=False)
        return {"missing": list(missing), "unexpected": [n for n in unexpected if n not in buffers]}

    def train_steps(self, batches, lists, targets, optimizer, rate, noise_seed):
        """Train on batches in turn, and take the steps back; see torch_side."""
        before, losses = self.get_state(), []
        self.net.set_train(True)
        weights = [p for _, p in self._trained()]
        if optimizer == "sgd":
            momentum = nn.SGD(weights, learning_rate=rate, momentum=0.9)
        else:
            adam = side.Adam(rate, ops.sqrt)
        try:
            for number, (arrays, wanted) in enumerate(zip(batches, targets)):
                tensors = [Tensor(a.astype("float32") if a.dtype.kind == "f" else a) for a in arrays]

                def forward(*values, wanted=wanted):
                    outputs = side.flatten(self.net(*side.arguments(values, lists)), _is_tensor)
                    return sum(((y - Tensor(t)) ** 2).mean() for (_, y), t in zip(outputs, wanted))

                with side.Patched(self.module, self._random(side.Noise(noise_seed + number))), _whole():
                    loss, grads = mindspore.value_and_grad(forward, None, weights)(*tensors)
                if optimizer == "sgd":
                    momentum(grads)
                else:
                    for p, new in zip(weights, adam.step(weights, grads)):
                        p.set_data(new)
                losses.append(float(loss.asnumpy()))
        finally:
            self.set_state(before)
        return losses

    def trace(self, inputs, lists, train, noise_seed):
        """Give what every layer took and gave in a forward pass, in the order they finish."""
        before, steps, hooks = self.get_state(), [], []
        self.net.set_train(train)

        def watch(path):
            def hook(cell, taken, given):
                steps.append(side.step(path, type(cell), taken, given, _is_tensor, Tensor.asnumpy))

            return hook

        for path, cell in self.net.cells_and_names():
            hooks.append(cell.register_forward_hook(watch(path)))
        tensors = [Tensor(a.astype("float32") if a.dtype.kind == "f" else a) for a in inputs]
        try:
            with side.Patched(self.module, self._random(side.Noise(noise_seed))):
                self.net(*side.arguments(tensors, lists))
        finally:
            for hook in hooks:
                hook.remove()
            self.set_state(before)
        return steps

    def run(self, inputs, lists, train, cotangents, dtype, noise_seed):
        before = self.get_state()
        self.net.set_train(train)
        tensors = [Tensor(a.astype("float32") if a.dtype.kind == "f" else a) for a in inputs]
        noise = side.Noise(noise_seed)
        named = self._trained()
        floats = tuple(i for i, a in enumerate(inputs) if a.dtype.kind == "f")
        found, grads, weights = [], [], {}

        def forward(*values):
            outputs = side.flatten(self.net(*side.arguments(values, lists)), lambda v: isinstance(v, Tensor))
            found[:] = outputs
            if cotangents is None:
                return outputs[0][1].sum()
            total = 0.0
            for (_, y), c in zip(outputs, cotangents):
                total = total + (y * Tensor(c.astype("float32"))).sum()
            return total

        with side.Patched(self.module, self._random(noise)):
            if cotangents is None:
                forward(*tensors)
            else:
                step = mindspore.value_and_grad(forward, floats or None, [p for _, p in named])
                with _whole():
                    _, found_grads = step(*tensors)
                by_input, by_weight = found_grads if floats else ((), found_grads)
                by_input = by_input if isinstance(by_input, tuple) else (by_input,)
                grads = [None] * len(inputs)
                for place, grad in zip(floats, by_input):
                    grads[place] = grad.asnumpy()
                by_id = {id(p): g.asnumpy() for (_, p), g in zip(named, by_weight)}
                weights = {full: by_id[id(p)] for full, _, _, _, p in self._parameters() if id(p) in by_id}
        after = {full: p.asnumpy().copy() for full, _, _, _, p in self._parameters() if not p.requires_grad}
        after.update({full: p.asnumpy().copy() for full, _, _, _, p in self._buffers()})
        result = {
            "names": [n for n, _ in found],
            "outputs": [y.asnumpy() for _, y in found],
            "input_grads": grads,
            "param_grads": weights,
            "state_after": after,
            "random": noise.drawn,
        }
        self.set_state(before)
        return result

    @staticmethod
    def _random(noise):
        def shape_of(size):
            return size[0] if len(size) == 1 and not isinstance(size[0], int) else size

        def normal(*size, **_):
            return Tensor(noise.normal(shape_of(size)))

        def uniform(*size, **_):
            return Tensor(noise.uniform(shape_of(size)))

        def dropout(input, p=0.5, training=True, seed=None):
            return input * Tensor(noise.mask(input.shape, p)) if training and p else input

        def layer(cell, x):
            p = cell.p if cell.p is not None else 1 - cell.keep_prob
            return dropout(x, p, cell.training)

        def layer2d(cell, x):
            p, shape = 1 - cell.keep_prob, (*x.shape[:2], *[1] * (x.ndim - 2))
            return x * Tensor(noise.mask(shape, p)) if cell.training and p else x

        return [
            (ops, "randn", normal),
            (ops, "randn_like", lambda x, **_: normal(*x.shape)),
            (ops, "rand", uniform),
            (ops, "rand_like", lambda x, **_: uniform(*x.shape)),
            (ops, "dropout", dropout),
            (nn.Dropout, "construct", layer),
            (nn.Dropout2d, "construct", layer2d),
            (nn.Dropout3d, "construct", layer2d),
        ]


@contextlib.contextmanager
def _whole():
    """Take gradients, or leave nothing of it behind.

    What raises within leaves MindSpore 2.10 recording: ``x[0]`` raises TypeError in this process from then on.
    """
    try:
        yield
    except BaseException:
        _pynative_executor.clear_res()
        raise


def _walk(cell, path):
    """Give every cell by every path that leads to it, a cell before its children."""
    yield path, cell
    for name, child in cell._cells.items():
        if child is not None:
            yield from _walk(child, path + "." + name if path else name)


def _is_tensor(value):
    return isinstance(value, Tensor)


def call(text, layer, shims, weights, x, cotangent, graph=False):
    """Run one call: its output, and its gradients where a cotangent is given; see torch_side.call."""
    mindspore.set_context(mode=mindspore.GRAPH_MODE if graph else mindspore.PYNATIVE_MODE)
    names = side.names_for("mindspore", mindspore, shims)
    if layer or not graph:
        return _call(text, layer, names, weights, x, cotangent)
    with tempfile.TemporaryDirectory() as folder:  # Graph mode reads a function's source
        path = os.path.join(folder, "call_%d.py" % next(_COUNT))
        with open(path, "w") as stream:
            stream.write("def call(x, weight, bias=None):\n    return %s\n" % text)
        module = side.load_module(path, next(_COUNT), names)
        return _call(module.call, layer, names, weights, x, cotangent)


_COUNT = itertools.count()


def _call(text, layer, names, weights, x, cotangent):
    given = Tensor(x)
    if layer:
        net = eval(text, dict(names))  # noqa: S307 - text from the rules
        own = net.parameters_dict()
        for _, name, array in weights:
            own[name].set_data(Tensor(array.reshape(own[name].shape)))
        inputs, parameters = (given,), [own[name] for _, name, _ in weights]
    else:
        net, parameters = Function(text if callable(text) else side.function_of(text, names)), None
        inputs = (given, *[Tensor(array) for _, _, array in weights])
    answer = {}
    if cotangent is None:
        return {"output": net(*inputs).asnumpy()}
    answer["output"] = net(*inputs).asnumpy()
    if answer["output"].shape != cotangent.shape:
        return answer  # wrong already
    step = ops.GradOperation(get_all=True, get_by_list=parameters is not None, sens_param=True)
    step = step(net, mindspore.ParameterTuple(parameters)) if layer else step(net)
    with _whole():
        found = step(*inputs, Tensor(cotangent))
    (first, *rest), by_weight = (found[0], found[1]) if layer else (found, ())
    answer["input gradient"] = first.asnumpy()
    for (canonical, _, array), grad in zip(weights, by_weight if layer else rest):
        answer[canonical + " gradient"] = grad.asnumpy().reshape(array.shape)
    return answer


class Function(nn.Cell):
    """A function as a cell, so that Graph mode compiles it."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def construct(self, x, weight, bias=None):
        return self.function(x, weight, bias)


def info():
    return {"version": mindspore.__version__, "device": "CPU"}


class Checkpoint:
    """A file of mindspore.save_checkpoint: protobuf, nothing in it runs."""

    def __init__(self, path, key=""):
        if key:
            raise ValueError("--key is for files of torch.save: a MindSpore checkpoint has one level")
        self.key, self.others = "", []
        self.tensors = mindspore.load_checkpoint(path)

    def rows(self):
        return [[k, str(v.dtype).lower(), list(v.shape)] for k, v in self.tensors.items()]

    def read(self, name):
        tensor = self.tensors[name]
        if tensor.dtype == mindspore.bfloat16:
            return (tensor.astype(mindspore.float32).asnumpy().view(numpy.uint32) >> 16).astype(numpy.uint16)
        return tensor.asnumpy()


def save_checkpoint(path, tensors):
    """Write the tensors of a safetensors file as a checkpoint, one by one, a large one piece by piece.

    mindspore.save_checkpoint takes four times a tensor's size in memory. The format is MindSpore's own: a
    protobuf message of one repeated field; such messages one after the other are one message
    (protobuf.dev, Encoding, "Last One Wins"), and values of one name that follow each other are one
    tensor (mindspore/train/serialization.py, which cuts at 512 MiB).
    """
    with open(path, "wb") as stream:
        for name, entry in tensorfile.read(tensors).items():
            kind = str(_tensor(entry._replace(shape=(0,))).dtype)
            for piece in entry.pieces():
                whole = checkpoint_pb2.Checkpoint()
                value = whole.value.add()
                value.tag = name
                value.tensor.dims.extend(entry.shape)
                value.tensor.tensor_type = kind
                value.tensor.tensor_content = piece
                stream.write(whole.SerializeToString())


def _tensor(entry):
    array = entry.array()
    if entry.format != "BF16":
        return Tensor(array)
    wide = (array.astype(numpy.uint32) << 16).view(numpy.float32)
    return Tensor(wide).astype(mindspore.bfloat16)
