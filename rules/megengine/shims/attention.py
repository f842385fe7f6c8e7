"""Attention and functional norms with torch's signatures."""

import math

import megengine.functional as F
from tensor import tril, where


def scaled_dot_product_attention(query, key, value, attn_mask=None, dropout_p=0.0, is_causal=False, scale=None):
    """Softmax of the scaled products with the keys, times the values; masks: bool keeps, numbers are added."""
    if scale is None:
        scale = 1.0 / math.sqrt(int(query.shape[-1]))
    scores = F.matmul(query, F.swapaxes(key, -2, -1)) * scale
    if is_causal:
        kept = tril(F.ones((int(scores.shape[-2]), int(scores.shape[-1])))) > 0
        scores = where(kept, scores, float("-inf"))
    if attn_mask is not None:
        masks = str(attn_mask.dtype).endswith("bool'>") or "bool" in str(attn_mask.dtype)
        scores = where(attn_mask, scores, float("-inf")) if masks else scores + attn_mask
    seen = F.sum((scores > float("-inf")).astype("float32"), -1, True) > 0
    weights = where(seen, F.softmax(where(seen, scores, 0.0), axis=[-1]), 0.0)
    if dropout_p:
        weights = F.dropout(weights, dropout_p, True)
    return F.matmul(weights, value)


def layer_norm(input, normalized_shape, weight=None, bias=None, eps=1e-05):
    """Normalise over the last axes."""
    count = 1 if isinstance(normalized_shape, int) else len(normalized_shape)
    axes = list(range(input.ndim - count, input.ndim))
    centred = input - F.mean(input, axis=axes, keepdims=True)
    out = centred / F.sqrt(F.mean(centred * centred, axis=axes, keepdims=True) + eps)
    if weight is not None:
        out = out * weight
    return out if bias is None else out + bias


def group_norm(input, num_groups, weight=None, bias=None, eps=1e-05):
    """Normalise groups of channels of n c *spatial."""
    flat = input.reshape(input.shape[0], num_groups, -1)
    centred = flat - F.mean(flat, axis=2, keepdims=True)
    out = centred / F.sqrt(F.mean(centred * centred, axis=2, keepdims=True) + eps)
    out = out.reshape(input.shape)
    shape = (1, -1) + (1,) * (input.ndim - 2)
    if weight is not None:
        out = out * weight.reshape(shape)
    return out if bias is None else out + bias.reshape(shape)


def batch_norm(input, running_mean, running_var, weight=None, bias=None, training=False, momentum=0.1, eps=1e-05):
    """Normalise the channels of n c *spatial, by the batch in training, which the running statistics follow."""
    axes, shape = [0, *range(2, input.ndim)], (1, -1) + (1,) * (input.ndim - 2)
    if training:
        mean = F.mean(input, axes, keepdims=True)
        var = F.mean((input - mean) * (input - mean), axes, keepdims=True)
        count = int(input.size) // int(input.shape[1])
        if count < 2:
            raise ValueError(f"more than one value for each channel is needed in training, got {input.shape}")
        follow(running_mean, mean, momentum)
        follow(running_var, var * (count / (count - 1)), momentum)
    else:
        # torch refuses statistics that need a gradient
        mean, var = running_mean.detach().reshape(shape), running_var.detach().reshape(shape)
    out = (input - mean) / F.sqrt(var + eps)
    if weight is not None:
        out = out * weight.reshape(shape)
    return out if bias is None else out + bias.reshape(shape)


def follow(running, batch, momentum):
    """Move a running statistic, where there is one, towards the batch's."""
    if running is None:
        return
    running[...] = (1 - momentum) * running + momentum * batch.detach().reshape(running.shape)


def instance_norm(input, weight=None, bias=None, eps=1e-05):
    """Normalise each channel of each sample of n c *spatial."""
    axes, shape = list(range(2, input.ndim)), (1, -1) + (1,) * (input.ndim - 2)
    centred = input - F.mean(input, axes, keepdims=True)
    out = centred / F.sqrt(F.mean(centred * centred, axes, keepdims=True) + eps)
    if weight is not None:
        out = out * weight.reshape(shape)
    return out if bias is None else out + bias.reshape(shape)
