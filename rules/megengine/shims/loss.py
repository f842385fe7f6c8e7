"""Losses with torch's signatures: MegEngine's functions have no weights and no ignored class."""

import megengine.functional as F
import megengine.module as M
from layers import reduced
from tensor import absolute, gather


def cross_entropy(input, target, weight=None, ignore_index=-100, reduction="mean", label_smoothing=0.0):
    """The cross entropy of n c *spatial logits and n *spatial classes."""
    classes = int(input.shape[1])
    logs = F.logsoftmax(input, 1)
    kept = F.not_equal(target, ignore_index).astype("float32")
    safe = (target.astype("float32") * kept).astype("int32")
    at = F.expand_dims(safe, 1)
    shape = (1, classes) + (1,) * (input.ndim - 2)
    scaled = logs if weight is None else logs * weight.reshape(shape)
    shares = kept if weight is None else weight[safe] * kept
    values = -F.squeeze(gather(scaled, 1, at), 1) * kept
    if label_smoothing:
        smooth = -F.sum(scaled, axis=1) * kept / classes
        values = (1 - label_smoothing) * values + label_smoothing * smooth
    if reduction != "mean":
        return reduced(values, reduction)
    count = F.sum(shares)
    none = F.equal(count, 0)  # torch's mean of none is NaN, with gradients of 0
    count = F.where(none, F.ones_like(count), count)
    return F.sum(values) / count + F.where(none, F.full_like(count, float("nan")), F.zeros_like(count))


def binary_cross_entropy(input, target, weight=None, reduction="mean"):
    """The cross entropy of probabilities; logarithms count as -100 at least, and slopes as 1e12 at most."""
    logs, others = F.maximum(F.log(input), -100.0), F.maximum(F.log1p(-input), -100.0)
    values = -(target * logs + (1 - target) * others)
    slope = (input - target) / F.maximum(input * (1 - input), 1e-12)
    linear = input * slope.detach() + target * (others - logs).detach()
    values = values.detach() + (linear - linear.detach())
    return reduced(values if weight is None else values * weight, reduction)


def binary_cross_entropy_with_logits(input, target, weight=None, reduction="mean", pos_weight=None):
    """The cross entropy of logits, without overflow."""
    factor = 1.0 if pos_weight is None else 1 + (pos_weight - 1) * target
    rest = F.log(1 + F.exp(-F.abs(input))) + F.maximum(-input, 0)
    values = (1 - target) * input + factor * rest
    return reduced(values if weight is None else values * weight, reduction)


def smooth_l1_loss(input, target, reduction="mean", beta=1.0):
    """Half the square below beta, the distance less half of beta above."""
    away = absolute(input - target)
    near = (away < beta).astype("float32")
    square = 0.5 * away * away / beta if beta else away
    return reduced(near * square + (1 - near) * (away - 0.5 * beta), reduction)


class MSELoss(M.Module):
    """The mean square as a layer."""

    def __init__(self, reduction="mean"):
        super().__init__()
        self.reduction = reduction

    def forward(self, input, target):
        return reduced((input - target) ** 2, self.reduction)


class L1Loss(M.Module):
    """The mean distance as a layer."""

    def __init__(self, reduction="mean"):
        super().__init__()
        self.reduction = reduction

    def forward(self, input, target):
        return reduced(absolute(input - target), self.reduction)


class SmoothL1Loss(M.Module):
    """The smooth distance as a layer."""

    def __init__(self, reduction="mean", beta=1.0):
        super().__init__()
        self.reduction, self.beta = reduction, beta

    def forward(self, input, target):
        return smooth_l1_loss(input, target, self.reduction, self.beta)


class TorchCrossEntropyLoss(M.Module):
    """The cross entropy as a layer."""

    def __init__(self, weight=None, ignore_index=-100, reduction="mean", label_smoothing=0.0):
        super().__init__()
        self.class_weight, self.ignore_index = weight, ignore_index
        self.reduction, self.label_smoothing = reduction, label_smoothing

    def forward(self, input, target):
        return cross_entropy(
            input, target, self.class_weight, self.ignore_index, self.reduction, self.label_smoothing
        )


class BCELoss(M.Module):
    """The cross entropy of probabilities as a layer."""

    def __init__(self, weight=None, reduction="mean"):
        super().__init__()
        self.element_weight, self.reduction = weight, reduction

    def forward(self, input, target):
        return binary_cross_entropy(input, target, self.element_weight, self.reduction)


class BCEWithLogitsLoss(M.Module):
    """The cross entropy of logits as a layer."""

    def __init__(self, weight=None, reduction="mean", pos_weight=None):
        super().__init__()
        self.element_weight, self.reduction, self.pos_weight = weight, reduction, pos_weight

    def forward(self, input, target):
        return binary_cross_entropy_with_logits(
            input, target, self.element_weight, self.reduction, self.pos_weight
        )


def margin_ranking_loss(input1, input2, target, margin=0, reduction="mean"):
    """How far input1 is from being target (1 or -1) times more than input2 by a margin; slope 1 at the margin."""
    return reduced(F.maximum(margin - target * (input1 - input2), 0), reduction)


class MarginRankingLoss(M.Module):
    """The margin ranking loss as a layer."""

    def __init__(self, margin=0.0, reduction="mean"):
        super().__init__()
        self.margin, self.reduction = margin, reduction

    def forward(self, input1, input2, target):
        return margin_ranking_loss(input1, input2, target, self.margin, self.reduction)
