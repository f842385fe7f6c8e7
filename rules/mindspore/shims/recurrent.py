"""Recurrent layers and attention with torch's parameters, step by step, in MindSpore."""

import math

import mindspore
from activation import tanh
from mindspore import nn, ops
from mindspore.common import initializer
from values import softmax


def uniform(shape, bound):
    """A trainable float32 parameter, even between -bound and bound."""
    return mindspore.Parameter(initializer.initializer(initializer.Uniform(bound), shape, mindspore.float32))


def sigmoid(x):
    """The logistic function to 2e-7: ops.sigmoid is an approximation to some 1e-6."""
    return 0.5 * tanh(0.5 * x) + 0.5


class Recurrent(nn.Cell):
    """Layers of cells along a sequence, l n i -> l n h (n l i with batch_first), as in torch."""

    gates = 1

    def __init__(self, input_size, hidden_size, num_layers=1, bias=True, batch_first=False, dropout=0.0,
                 bidirectional=False, proj_size=0):
        super().__init__()
        if proj_size:
            raise ValueError("projections of the hidden state are not ported")
        self.hidden_size, self.num_layers, self.bias = hidden_size, num_layers, bias
        self.batch_first, self.dropout = batch_first, dropout
        self.ways = ("", "_reverse") if bidirectional else ("",)
        bound, rows = 1 / math.sqrt(hidden_size), self.gates * hidden_size
        for layer in range(num_layers):
            for way in self.ways:
                size = hidden_size * len(self.ways) if layer else input_size
                setattr(self, f"weight_ih_l{layer}{way}", uniform((rows, size), bound))
                setattr(self, f"weight_hh_l{layer}{way}", uniform((rows, hidden_size), bound))
                if bias:
                    setattr(self, f"bias_ih_l{layer}{way}", uniform((rows,), bound))
                    setattr(self, f"bias_hh_l{layer}{way}", uniform((rows,), bound))

    def flatten_parameters(self):
        """Nothing to do here: torch's puts the weights side by side for its kernels on GPUs."""

    def along(self, x, state, layer, way):
        """Go along x, l n i: the outputs l n h, and the state at the end."""
        name = f"l{layer}{way}"
        inner, own = getattr(self, f"weight_ih_{name}"), getattr(self, f"weight_hh_{name}")
        given = ops.matmul(x, ops.swapaxes(inner, 0, 1))
        if self.bias:
            given = given + getattr(self, f"bias_ih_{name}")
        steps = range(int(x.shape[0]))
        outputs = []
        for t in reversed(steps) if way else steps:
            kept = ops.matmul(state[0], ops.swapaxes(own, 0, 1))
            if self.bias:
                kept = kept + getattr(self, f"bias_hh_{name}")
            state = self.step(given[t], kept, state)
            outputs.append(state[0])
        return ops.stack(outputs[::-1] if way else outputs, 0), state

    def over(self, x, first):
        """Go through all layers: the outputs, and each layer's state at the end."""
        flat = x.ndim == 2
        if flat:
            x = ops.expand_dims(x, 1)
        elif self.batch_first:
            x = ops.swapaxes(x, 0, 1)
        n = int(x.shape[1])
        ends, out = [], x
        for layer in range(self.num_layers):
            if layer and self.dropout:
                out = ops.dropout(out, self.dropout, training=self.training)
            found = []
            for at, way in enumerate(self.ways):
                place = layer * len(self.ways) + at
                if first is None:
                    state = tuple(ops.zeros((n, self.hidden_size), x.dtype) for _ in range(self.states))
                else:
                    state = tuple(s[place].reshape(n, self.hidden_size) for s in first)
                result, end = self.along(out, state, layer, way)
                found.append(result)
                ends.append(end)
            out = ops.cat(found, 2) if len(found) > 1 else found[0]
        last = tuple(ops.stack([end[i] for end in ends], 0) for i in range(self.states))
        if flat:
            return ops.squeeze(out, 1), tuple(ops.squeeze(s, 1) for s in last)
        return (ops.swapaxes(out, 0, 1) if self.batch_first else out), last


def lstm_step(given, kept, state):
    """One step of an LSTM cell: its gates are input, forget, cell and output."""
    both, h = given + kept, int(given.shape[1]) // 4
    i, f = sigmoid(both[:, :h]), sigmoid(both[:, h : 2 * h])
    g, o = tanh(both[:, 2 * h : 3 * h]), sigmoid(both[:, 3 * h :])
    c = f * state[1] + i * g
    return o * tanh(c), c


def gru_step(given, kept, state):
    """One step of a GRU cell: its gates are reset, update and new."""
    h = int(given.shape[1]) // 3
    r = sigmoid(given[:, :h] + kept[:, :h])
    z = sigmoid(given[:, h : 2 * h] + kept[:, h : 2 * h])
    new = tanh(given[:, 2 * h :] + r * kept[:, 2 * h :])
    return (new + z * (state[0] - new),)


def simple_step(given, kept, nonlinearity):
    """One step of a plain cell."""
    return (tanh(given + kept) if nonlinearity == "tanh" else ops.relu(given + kept),)


class TorchLSTM(Recurrent):
    """nn.LSTM with torch's parameters and gates (input, forget, cell, output)."""

    gates, states = 4, 2

    def step(self, given, kept, state):
        """One step of the cell."""
        return lstm_step(given, kept, state)

    def construct(self, input, hx=None):
        return self.over(input, hx)


class TorchGRU(Recurrent):
    """nn.GRU with torch's parameters and gates (reset, update, new)."""

    gates, states = 3, 1

    def step(self, given, kept, state):
        """One step of the cell."""
        return gru_step(given, kept, state)

    def construct(self, input, hx=None):
        out, last = self.over(input, None if hx is None else (hx,))
        return out, last[0]


class TorchRNN(Recurrent):
    """nn.RNN with torch's parameters."""

    gates, states = 1, 1

    def __init__(self, input_size, hidden_size, num_layers=1, nonlinearity="tanh", bias=True, batch_first=False,
                 dropout=0.0, bidirectional=False):
        super().__init__(input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional)
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(f"nonlinearity={nonlinearity!r}: tanh or relu")
        self.nonlinearity = nonlinearity

    def step(self, given, kept, state):
        """One step of the cell."""
        return simple_step(given, kept, self.nonlinearity)

    def construct(self, input, hx=None):
        out, last = self.over(input, None if hx is None else (hx,))
        return out, last[0]


class RecurrentCell(nn.Cell):
    """One step of a recurrent layer, n i -> n h, as in torch."""

    gates, states = 1, 1

    def __init__(self, input_size, hidden_size, bias=True):
        super().__init__()
        self.input_size, self.hidden_size, self.bias = input_size, hidden_size, bias
        bound, rows = 1 / math.sqrt(hidden_size), self.gates * hidden_size
        self.weight_ih = uniform((rows, input_size), bound)
        self.weight_hh = uniform((rows, hidden_size), bound)
        self.bias_ih = uniform((rows,), bound) if bias else None
        self.bias_hh = uniform((rows,), bound) if bias else None

    def advance(self, input, states):
        """Give the states behind one step; none before it are zeros."""
        flat = input.ndim == 1
        x = ops.expand_dims(input, 0) if flat else input
        n = int(x.shape[0])
        if states is None:
            states = tuple(ops.zeros((n, self.hidden_size), x.dtype) for _ in range(self.states))
        elif flat:
            states = tuple(ops.expand_dims(s, 0) for s in states)
        given = ops.matmul(x, ops.swapaxes(self.weight_ih, 0, 1))
        kept = ops.matmul(states[0], ops.swapaxes(self.weight_hh, 0, 1))
        if self.bias:
            given, kept = given + self.bias_ih, kept + self.bias_hh
        states = self.step(given, kept, states)
        return tuple(ops.squeeze(s, 0) for s in states) if flat else states


class TorchLSTMCell(RecurrentCell):
    """nn.LSTMCell with torch's parameters and gates (input, forget, cell, output)."""

    gates, states = 4, 2

    def step(self, given, kept, state):
        """One step of the cell."""
        return lstm_step(given, kept, state)

    def construct(self, input, hx=None):
        return self.advance(input, hx)


class TorchGRUCell(RecurrentCell):
    """nn.GRUCell with torch's parameters and gates (reset, update, new)."""

    gates = 3

    def step(self, given, kept, state):
        """One step of the cell."""
        return gru_step(given, kept, state)

    def construct(self, input, hx=None):
        return self.advance(input, None if hx is None else (hx,))[0]


class TorchRNNCell(RecurrentCell):
    """nn.RNNCell with torch's parameters."""

    def __init__(self, input_size, hidden_size, bias=True, nonlinearity="tanh"):
        super().__init__(input_size, hidden_size, bias)
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(f"nonlinearity={nonlinearity!r}: tanh or relu")
        self.nonlinearity = nonlinearity

    def step(self, given, kept, state):
        """One step of the cell."""
        return simple_step(given, kept, self.nonlinearity)

    def construct(self, input, hx=None):
        return self.advance(input, None if hx is None else (hx,))[0]


def hidden(scores, mask):
    """Add a mask to scores: numbers as they are, of bools the true ones hide."""
    if mask.dtype == mindspore.bool_:
        return ops.where(mask, mindspore.tensor(float("-inf"), scores.dtype), scores)
    return scores + mask


class TorchMultiheadAttention(nn.Cell):
    """nn.MultiheadAttention with torch's parameters: l n e (n l e with batch_first)."""

    def __init__(self, embed_dim, num_heads, dropout=0.0, bias=True, add_bias_kv=False, add_zero_attn=False,
                 kdim=None, vdim=None, batch_first=False):
        super().__init__()
        if add_bias_kv or add_zero_attn or kdim is not None or vdim is not None:
            raise ValueError("added keys and values, and those of other sizes, are not ported")
        self.embed_dim, self.num_heads, self.dropout = embed_dim, num_heads, dropout
        self.batch_first = batch_first
        self.in_proj_weight = uniform((3 * embed_dim, embed_dim), math.sqrt(6 / (4 * embed_dim)))
        self.in_proj_bias = mindspore.Parameter(ops.zeros((3 * embed_dim,), mindspore.float32)) if bias else None
        self.out_proj = nn.Dense(embed_dim, embed_dim, has_bias=bias)

    def project(self, x, part):
        """Give the queries, keys or values by head: l n e -> n heads l d."""
        e, heads = self.embed_dim, self.num_heads
        out = ops.matmul(x, ops.swapaxes(self.in_proj_weight[part * e : (part + 1) * e], 0, 1))
        if self.in_proj_bias is not None:
            out = out + self.in_proj_bias[part * e : (part + 1) * e]
        length, n = int(x.shape[0]), int(x.shape[1])
        out = out.reshape(length, n, heads, e // heads)
        return ops.permute(out, (1, 2, 0, 3))

    def construct(self, query, key, value, key_padding_mask=None, need_weights=True, attn_mask=None,
                average_attn_weights=True, is_causal=False):
        flat = query.ndim == 2
        if flat:
            query, key, value = (ops.expand_dims(x, 1) for x in (query, key, value))
            key_padding_mask = None if key_padding_mask is None else ops.expand_dims(key_padding_mask, 0)
        elif self.batch_first:
            query, key, value = (ops.swapaxes(x, 0, 1) for x in (query, key, value))
        target, n, source = int(query.shape[0]), int(query.shape[1]), int(key.shape[0])
        q, k, v = self.project(query, 0), self.project(key, 1), self.project(value, 2)
        scores = ops.matmul(q, ops.swapaxes(k, 2, 3)) / math.sqrt(self.embed_dim // self.num_heads)
        if attn_mask is not None:
            mask = attn_mask
            scores = hidden(scores, mask if mask.ndim == 2 else mask.reshape(n, self.num_heads, target, source))
        if key_padding_mask is not None:
            scores = hidden(scores, key_padding_mask.reshape(n, 1, 1, source))
        weights = softmax(scores, -1)
        if self.dropout:
            weights = ops.dropout(weights, self.dropout, training=self.training)
        out = ops.permute(ops.matmul(weights, v), (2, 0, 1, 3))
        out = self.out_proj(out.reshape(target, n, self.embed_dim))
        if flat:
            out = ops.squeeze(out, 1)
        elif self.batch_first:
            out = ops.swapaxes(out, 0, 1)
        if not need_weights:
            return out, None
        if average_attn_weights:
            weights = ops.mean(weights, 1)
        return out, (ops.squeeze(weights, 0) if flat else weights)
