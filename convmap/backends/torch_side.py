"""A model in torch: its tree and state, forward, gradients, fed randomness."""

from __future__ import annotations

import collections
import contextlib
import copy

import numpy
import side
import tensorfile
import torch

NORMS = (torch.nn.modules.batchnorm._NormBase, torch.nn.GroupNorm, torch.nn.LayerNorm)
BIASED = (*NORMS, torch.nn.modules.conv._ConvNd, torch.nn.Linear)  # output = ... + bias of channels
LAST = (torch.nn.LayerNorm, torch.nn.Linear)  # whose channels are the last axis


FLOAT32 = torch.float32


class Wide(torch.overrides.TorchFunctionMode):
    """Takes float32 for float64 wherever a function is given it: a model may have kept it before."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        given = [torch.float64 if a is FLOAT32 else a for a in args]
        named = {k: torch.float64 if a is FLOAT32 else a for k, a in (kwargs or {}).items()}
        return func(*given, **named)


class Sums:
    """Gradients of the vectors of layers (bias, norm's scale), summed one by one in float32.

    The terms are those of the float64 run; the order is the one that loops over batch and positions
    use (MindSpore's and MegEngine's kernels), which torch's own kernels don't.
    """

    def __init__(self, net):
        self.found = {}
        for name, module in net.named_modules():
            if not isinstance(module, BIASED):
                continue  # the terms of other layers' gradients are not those below
            vectors = {k: v for k, v in module._parameters.items() if v is not None and v.dim() == 1}
            if vectors:
                module.register_forward_hook(self._hook(name, vectors))

    def _hook(self, name, vectors):
        def watch(module, _, output):
            if not (torch.is_tensor(output) and output.requires_grad and output.dim() > 1):
                return
            axis = output.dim() - 1 if isinstance(module, LAST) else 1
            channels = output.shape[axis]
            if any(v.shape != (channels,) for v in vectors.values()):
                return
            terms = {"bias": torch.ones_like(output)} if "bias" in vectors else {}
            if "weight" in vectors and isinstance(module, NORMS):
                shape = [channels if i == axis else 1 for i in range(output.dim())]
                shift = vectors["bias"].reshape(shape) if "bias" in vectors else 0.0
                terms["weight"] = ((output - shift) / vectors["weight"].reshape(shape)).detach()
            output.register_hook(lambda grad: self._add(name, terms, grad, axis))

        return watch

    def _add(self, name, terms, grad, axis):
        for vector, term in terms.items():
            rows = (grad * term).movedim(axis, -1).reshape(-1, grad.shape[axis])
            total = numpy.add.accumulate(rows.numpy().astype(numpy.float32), axis=0)[-1]
            full = name + "." + vector if name else vector
            self.found[full] = self.found.get(full, 0) + total


def _unregistered(module):
    """Name the tensors that a module holds beside its parameters and buffers, in its lists too."""
    for name, value in vars(module).items():
        if type(value) is torch.Tensor:
            yield name
        elif isinstance(value, (list, tuple)):
            yield from ("%s.%d" % (name, i) for i, part in enumerate(value) if type(part) is torch.Tensor)


def _copied(net):
    """Copy a model, with the tensors that a layer computed from its parameters (weight_norm) as they are."""
    for module in net.modules():
        for name, value in vars(module).items():
            if isinstance(value, torch.Tensor) and value.grad_fn is not None:
                setattr(module, name, value.detach())
    return copy.deepcopy(net)


class Disturbance:
    """Functions whose results are a little off."""

    def __init__(self, sizes, signs, by_channel=()):
        self.signs, self.by_channel, self.called, self.inside = signs, by_channel, set(), False
        self.stream = numpy.random.RandomState(0)
        owners = (torch, torch.nn.functional, torch.Tensor, torch.special)
        self.replaced = [
            (owner, name, self._off(getattr(owner, name), name, size))
            for name, size in sizes.items() for owner in owners if hasattr(owner, name)
        ]  # fmt: skip

    def _off(self, function, name, size):
        def disturbed(*args, **kwargs):
            if self.inside:  # functional.softmax calls the tensor's
                return function(*args, **kwargs)
            self.inside = True
            try:
                out = function(*args, **kwargs)
            finally:
                self.inside = False
            self.called.add(name)
            shape = {"element": tuple(out.shape), "call": ()}.get(self.signs)
            if self.signs == "channel" and name in self.by_channel:
                # Means that are off: the same for a channel, as a part of the largest value.
                signs = self._drawn((1, out.shape[1], *[1] * (out.dim() - 2)))
                return out + (size * signs).to(out.dtype) * out.detach().abs().max()
            signs = self._drawn(tuple(out.shape) if shape is None else shape)
            return out * (1 + size * signs).to(out.dtype)

        return disturbed

    def _drawn(self, shape):
        return torch.from_numpy(numpy.asarray(self.stream.randint(0, 2, shape) * 2.0 - 1))


class Model:
    """One loaded model."""

    def __init__(self, path, entry, number, shapes_only=False):
        """``shapes_only``: the weights take no memory, and the model can't run."""
        torch.manual_seed(0)  # the same fresh weights in every run
        self.module = side.load_module(path, number)
        with torch.device("meta" if shapes_only else "cpu"):
            self.net = side.evaluate(self.module, entry)

    def tree(self):
        rows = []
        for path, module in self.net.named_modules(remove_duplicate=False):
            kind = type(module)
            rows.append({
                "path": path,
                "class": side.name_of(kind),
                "bases": side.bases_of(kind),
                "parameters": {k: list(v.shape) for k, v in module._parameters.items() if v is not None},
                "buffers": {
                    k: list(v.shape) for k, v in module._buffers.items()
                    if v is not None and k not in module._non_persistent_buffers_set
                },
                "computed": sorted([*module._non_persistent_buffers_set, *_unregistered(module)]),
                "ids": {
                    k: id(v) for k, v in (*module._parameters.items(), *module._buffers.items()) if v is not None
                },
                "formats": {
                    k: str(v.dtype)[6:] for k, v in (*module._parameters.items(), *module._buffers.items())
                    if v is not None
                },
            })  # fmt: skip
        return rows

    def settings(self, path, names):
        """Give what a layer was made with, as far as it keeps that under the arguments' names."""
        module = self.net.get_submodule(path)
        found = {name: getattr(module, name, None) for name in names}
        found = {k: tuple(v) if isinstance(v, (list, tuple)) else v for k, v in found.items()}
        plain = {k: v for k, v in found.items() if isinstance(v, (int, float, str, tuple))}
        return {**plain, **({"bias": module.bias is not None} if "bias" in names else {})}

    def get_state(self):
        return {k: v.detach().numpy() for k, v in self.net.state_dict().items()}

    def set_state(self, arrays):
        own = self.net.state_dict()
        for name, array in arrays.items():
            if name not in own:
                raise KeyError("no parameter %r" % name)
            if tuple(own[name].shape) != array.shape:
                raise ValueError("%s: shape %s, not %s" % (name, tuple(own[name].shape), array.shape))
            with torch.no_grad():
                own[name].copy_(torch.from_numpy(array))

    def load_checkpoint(self, path):
        """Load a file as users do; name what it lacks and what it has too much."""
        found = self.net.load_state_dict(torch.load(path, weights_only=True), strict=False)
        return {"missing": list(found.missing_keys), "unexpected": list(found.unexpected_keys)}

    def train_steps(self, batches, lists, targets, optimizer, rate, noise_seed, dtype="float32", onednn=True):
        """Train a copy on batches in turn: the loss before each step, the mean square off the targets."""
        net, kind = _copied(self.net).train(), getattr(torch, dtype)
        net = net.double() if dtype == "float64" else net
        weights = [p for p in net.parameters() if p.requires_grad]
        if optimizer == "sgd":
            stepper = torch.optim.SGD(weights, lr=rate, momentum=0.9)
        else:
            stepper = torch.optim.Adam(weights, lr=rate)
        losses, usual = [], torch.get_default_dtype()
        torch.set_default_dtype(kind)
        try:
            for number, (arrays, wanted) in enumerate(zip(batches, targets)):
                tensors = [torch.from_numpy(a) for a in arrays]
                tensors = [t.to(kind) if t.is_floating_point() else t for t in tensors]
                with torch.backends.mkldnn.flags(enabled=onednn):
                    with self._drawing(side.Noise(noise_seed + number), kind):
                        outputs = side.flatten(net(*side.arguments(tensors, lists)), torch.is_tensor)
                    loss = sum(
                        ((y - torch.from_numpy(t).to(kind)) ** 2).mean() for (_, y), t in zip(outputs, wanted)
                    )
                    stepper.zero_grad()
                    loss.backward()
                stepper.step()
                losses.append(float(loss.detach()))
        finally:
            torch.set_default_dtype(usual)
        return losses

    def trace(self, inputs, lists, train, noise_seed, dtype="float32"):
        """Give what every layer took and gave in a forward pass, in the order they finish."""
        net = _copied(self.net).train(train)
        if dtype == "float64":
            net = net.double()
        kind, steps = getattr(torch, dtype), []

        entered = []

        def enter(module, taken):
            # A layer may change what it takes, so that is kept before.
            entered.append([_array(t.clone()) for _, t in side.flatten(taken, torch.is_tensor)])

        def watch(path):
            def hook(module, taken, given):
                found = side.step(path, type(module), (), given, torch.is_tensor, _array)
                steps.append({**found, "inputs": entered.pop()})

            return hook

        for path, module in net.named_modules():
            module.register_forward_pre_hook(enter)
            module.register_forward_hook(watch(path))
        tensors = [torch.from_numpy(a) for a in inputs]
        tensors = [t.to(kind) if t.is_floating_point() else t for t in tensors]
        usual = torch.get_default_dtype()
        torch.set_default_dtype(kind)
        try:
            with torch.no_grad(), self._drawing(side.Noise(noise_seed), kind):
                net(*side.arguments(tensors, lists))
        finally:
            torch.set_default_dtype(usual)
        return steps

    def run(
        self,
        inputs,
        lists,
        train,
        cotangents,
        dtype,
        noise_seed,
        state=None,
        onednn=True,
        disturbed=None,
        signs="element",
        by_channel=(),
    ):
        """Run a copy of the model; ``state``: values of weights, which keep their precision here.

        ``disturbed``: functions by name, each with the relative size of the errors that its results get,
        of random sign: for each ``element``, for all of a ``call``, or for each ``channel`` of the functions
        ``by_channel``, whose errors are then added.
        """
        disturbance = Disturbance(disturbed or {}, signs, by_channel)
        with torch.backends.mkldnn.flags(enabled=onednn), side.Patched(self.module, disturbance.replaced):
            answer = self._run(inputs, lists, train, cotangents, dtype, noise_seed, state)
        return {**answer, "disturbed": sorted(disturbance.called)}

    def _run(self, inputs, lists, train, cotangents, dtype, noise_seed, state):
        net = _copied(self.net).train(train)
        if dtype == "float64":
            net = net.double()
        if state is not None:
            given = collections.OrderedDict((k, torch.from_numpy(a)) for k, a in state.items())
            given._metadata = net.state_dict()._metadata  # some models ask which version wrote it
            net.load_state_dict(given, strict=False)
        kind = getattr(torch, dtype)
        tensors = []
        for array in inputs:
            tensor = torch.from_numpy(array)
            if tensor.is_floating_point():
                tensor = tensor.to(kind).requires_grad_(cotangents is not None)
            tensors.append(tensor)
        noise = side.Noise(noise_seed)
        sums = Sums(net) if dtype == "float64" and cotangents is not None else None
        usual = torch.get_default_dtype()
        torch.set_default_dtype(kind)  # what the model makes on the way
        try:
            with self._drawing(noise, kind):
                outputs = side.flatten(net(*side.arguments(tensors, lists)), torch.is_tensor)
        finally:
            torch.set_default_dtype(usual)
        grads, weights = [], {}
        if cotangents is not None:
            total = sum((y * torch.from_numpy(c).to(y.dtype)).sum() for (_, y), c in zip(outputs, cotangents))
            total.backward()
            grads = [None if t.grad is None else t.grad.numpy() for t in tensors]
            weights = {
                k: p.grad.numpy()
                for k, p in net.named_parameters(remove_duplicate=False)
                if p.grad is not None
            }
        return {
            "names": [n for n, _ in outputs],
            "outputs": [y.detach().numpy() for _, y in outputs],
            "input_grads": grads,
            "param_grads": weights,
            "summed": sums.found if sums else {},
            "state_after": {
                k: b.detach().numpy()
                for k, b in (*net.named_buffers(), *net.named_parameters(remove_duplicate=False))
                if not b.requires_grad
            },
            "random": noise.drawn,
        }

    @contextlib.contextmanager
    def _drawing(self, noise, kind):
        """Feed the random draws; in float64, judge a model that asks for float32 in float64 all the same."""
        wide = Wide() if kind is torch.float64 else contextlib.nullcontext()
        with side.Patched(self.module, self._random(noise, kind)), wide:
            yield

    @staticmethod
    def _random(noise, kind):
        functional = torch.nn.functional

        def shape_of(size):
            return size[0] if len(size) == 1 and not isinstance(size[0], int) else size

        def normal(*size, **_):
            return torch.from_numpy(noise.normal(shape_of(size))).to(kind)

        def uniform(*size, **_):
            return torch.from_numpy(noise.uniform(shape_of(size))).to(kind)

        def dropout(input, p=0.5, training=True, inplace=False):
            return (
                input * torch.from_numpy(noise.mask(input.shape, p)).to(input.dtype)
                if training and p
                else input
            )

        def dropout2d(input, p=0.5, training=True, inplace=False):
            shape = (*input.shape[:2], *[1] * (input.dim() - 2))
            return input * torch.from_numpy(noise.mask(shape, p)).to(input.dtype) if training and p else input

        # By these names; Wide sees to what a model has kept of them.
        wide = [
            (torch, "float32", torch.float64), (torch, "float", torch.float64),
            (torch.Tensor, "float", torch.Tensor.double),
        ] if kind is torch.float64 else []  # fmt: skip
        return [
            *wide,
            (torch.Tensor, "normal_", lambda x, mean=0, std=1, **_: x.copy_(normal(*x.shape) * std + mean)),
            (torch.Tensor, "uniform_", lambda x, low=0, to=1: x.copy_(uniform(*x.shape) * (to - low) + low)),
            (torch, "randn", normal),
            (torch, "randn_like", lambda x, **_: normal(*x.shape)),
            (torch, "rand", uniform),
            (torch, "rand_like", lambda x, **_: uniform(*x.shape)),
            (functional, "dropout", dropout),
            (functional, "dropout2d", dropout2d),
            (functional, "dropout3d", dropout2d),
        ]


def call(text, layer, shims, weights, x, cotangent, device="cpu", tf32=False):
    """Run one call: its output, and its gradients where a cotangent is given.

    ``weights``: (canonical name, torch's name, array) of each; ``layer``: whether the text makes a layer.
    """
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = tf32
    names = side.names_for("torch", torch, shims)
    back = cotangent is not None
    given = torch.from_numpy(x).to(device).requires_grad_(back)
    arrays = {name: torch.from_numpy(array).to(device) for _, name, array in weights}
    if layer:
        net = eval(text, dict(names)).to(device)  # noqa: S307 - text from the rules
        own = dict(net.named_parameters())
        with torch.no_grad():
            for name, array in arrays.items():
                own[name].copy_(array.reshape(own[name].shape))
        out = net(given)
    else:
        own = {name: array.requires_grad_(back) for name, array in arrays.items()}
        out = side.function_of(text, names)(given, own["weight"], own.get("bias"))
    answer = {"output": out.detach().cpu().numpy()}
    if back:
        out.backward(torch.from_numpy(cotangent).to(device))
        answer["input gradient"] = given.grad.cpu().numpy()
        for canonical, name, array in weights:
            answer[canonical + " gradient"] = own[name].grad.cpu().numpy().reshape(array.shape)
    return answer


def _array(tensor):
    return tensor.detach().numpy().copy()


class Checkpoint:
    """A file of torch.save, read without running anything in it."""

    KEYS = ("state_dict", "model_state_dict", "model", "net", "params", "generator")

    def __init__(self, path, key=""):
        options = {"map_location": "cpu", "weights_only": True}
        try:
            content = torch.load(path, mmap=True, **options)
        except RuntimeError:  # the format before 1.6 has no map
            content = torch.load(path, **options)
        self.others = []
        self.key = key
        if key:
            for part in key.split("."):
                content = content[part]
        elif not self._is_state(content):
            inner = [k for k in content if isinstance(content[k], dict) and self._is_state(content[k])]
            chosen = [k for k in self.KEYS if k in inner] or inner
            if len(inner) != 1 and not (chosen and chosen[0] in self.KEYS[:2]):
                raise ValueError("the file holds %s: say which with --key" % ", ".join(map(str, content)))
            self.key = str(chosen[0])
            self.others = [str(k) for k in content if k != chosen[0]]
            content = content[chosen[0]]
        if not self._is_state(content):
            raise ValueError("%r holds no tensors by name" % (key or "the file"))
        self.tensors = {k: v for k, v in content.items() if torch.is_tensor(v)}
        self.others += [k for k, v in content.items() if not torch.is_tensor(v)]

    @staticmethod
    def _is_state(content):
        return isinstance(content, dict) and any(torch.is_tensor(v) for v in content.values())

    def rows(self):
        return [[k, str(v.dtype)[6:], list(v.shape)] for k, v in self.tensors.items()]

    def read(self, name):
        tensor = self.tensors[name].detach().contiguous()
        return (tensor.view(torch.uint16) if tensor.dtype == torch.bfloat16 else tensor).numpy()


def save_checkpoint(path, tensors):
    """Write the tensors of a safetensors file as torch.save does, which takes all at once: maps of the file."""
    state = {}
    for name, entry in tensorfile.read(tensors).items():
        tensor = torch.from_numpy(entry.mapped())
        state[name] = tensor.view(torch.bfloat16) if entry.format == "BF16" else tensor
    torch.save(state, path)


def info(device="cpu"):
    name = torch.cuda.get_device_name(0) if device == "cuda" else "CPU"
    return {"version": torch.__version__, "device": name}
