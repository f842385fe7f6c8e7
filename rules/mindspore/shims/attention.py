"""Attention and functional norms with torch's signatures, composed of what has CPU kernels."""

import math

import mindspore
from init import give
from mindspore import ops
from values import softmax_of_finite


def scaled_dot_product_attention(query, key, value, attn_mask=None, dropout_p=0.0, is_causal=False, scale=None):
    """Softmax of the scaled products with the keys, times the values; masks: bool keeps, numbers are added."""
    if scale is None:
        scale = 1.0 / math.sqrt(query.shape[-1])
    scores = ops.matmul(query, ops.swapaxes(key, -2, -1)) * scale
    low = mindspore.tensor(float("-inf"), scores.dtype)
    if is_causal:
        ones = ops.ones(scores.shape[-2:], mindspore.float32)
        scores = ops.where(ops.tril(ones) > 0, scores, low)
    if attn_mask is not None:
        if attn_mask.dtype == mindspore.bool_:
            scores = ops.where(attn_mask, scores, low)
        else:
            scores = scores + attn_mask
    none = ops.amax(scores, -1, True) == low  # a row of -inf, of which torch makes zeros
    weights = softmax_of_finite(scores.masked_fill(none, 0.0), -1).masked_fill(none, 0.0)
    if dropout_p:
        weights = ops.dropout(weights, dropout_p, training=True)
    return ops.matmul(weights, value)


def layer_norm(input, normalized_shape, weight=None, bias=None, eps=1e-05):
    """Normalise over the last axes."""
    count = 1 if isinstance(normalized_shape, int) else len(normalized_shape)
    axes = tuple(range(-count, 0))
    centred = input - ops.mean(input, axes, True)
    out = centred / ops.sqrt(ops.mean(centred * centred, axes, True) + eps)
    if weight is not None:
        out = out * weight
    return out if bias is None else out + bias


def group_norm(input, num_groups, weight=None, bias=None, eps=1e-05):
    """Normalise groups of channels of n c *spatial."""
    flat = input.reshape((input.shape[0], num_groups, -1))
    centred = flat - ops.mean(flat, 2, True)
    out = (centred / ops.sqrt(ops.mean(centred * centred, 2, True) + eps)).reshape(input.shape)
    shape = (1, -1) + (1,) * (input.ndim - 2)
    if weight is not None:
        out = out * weight.reshape(shape)
    return out if bias is None else out + bias.reshape(shape)


def batch_norm(input, running_mean, running_var, weight=None, bias=None, training=False, momentum=0.1, eps=1e-05):
    """Normalise the channels of n c *spatial, by the batch in training, which the running statistics follow."""
    axes, shape = (0, *range(2, input.ndim)), (1, -1) + (1,) * (input.ndim - 2)
    if training:
        mean = ops.mean(input, axes, True)
        var = ops.mean((input - mean) * (input - mean), axes, True)
        count = input.size // input.shape[1]
        if count < 2:
            raise ValueError(f"more than one value for each channel is needed in training, got {input.shape}")
        follow(running_mean, mean, momentum)
        follow(running_var, var * (count / (count - 1)), momentum)
    else:
        # torch refuses statistics that need a gradient
        mean, var = ops.stop_gradient(running_mean).reshape(shape), ops.stop_gradient(running_var).reshape(shape)
    out = (input - mean) / ops.sqrt(var + eps)
    if weight is not None:
        out = out * weight.reshape(shape)
    return out if bias is None else out + bias.reshape(shape)


def follow(running, batch, momentum):
    """Move a running statistic, where there is one, towards the batch's."""
    if running is None:
        return
    moved = (1 - momentum) * running + momentum * ops.stop_gradient(batch).reshape(running.shape)
    give(running, moved)


def instance_norm(input, weight=None, bias=None, eps=1e-05):
    """Normalise each channel of each sample of n c *spatial."""
    axes, shape = tuple(range(2, input.ndim)), (1, -1) + (1,) * (input.ndim - 2)
    centred = input - ops.mean(input, axes, True)
    out = centred / ops.sqrt(ops.mean(centred * centred, axes, True) + eps)
    if weight is not None:
        out = out * weight.reshape(shape)
    return out if bias is None else out + bias.reshape(shape)
