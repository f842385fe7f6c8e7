"""Losses with torch's signatures, where MindSpore's have other limits."""

import mindspore
from mindspore import nn, ops


def reduced(values, reduction):
    """Apply a loss's reduction; of no elements ops.sum and ops.mean give what is in memory."""
    if reduction == "none":
        return values
    if 0 in values.shape:
        return mindspore.tensor(float("nan") if reduction == "mean" else 0.0, values.dtype)
    return {"mean": ops.mean, "sum": ops.sum}[reduction](values)


def mse_loss(input, target, reduction="mean"):
    """The squared error, 0 or NaN of no elements."""
    return reduced((input - target) ** 2, reduction)


def l1_loss(input, target, reduction="mean"):
    """The absolute error, 0 or NaN of no elements."""
    return reduced(ops.abs(input - target), reduction)


class TorchMSELoss(nn.Cell):
    """The squared error as a layer, 0 or NaN of no elements."""

    def __init__(self, reduction="mean"):
        super().__init__()
        self.reduction = reduction

    def construct(self, input, target):
        return mse_loss(input, target, self.reduction)


class TorchL1Loss(nn.Cell):
    """The absolute error as a layer, 0 or NaN of no elements."""

    def __init__(self, reduction="mean"):
        super().__init__()
        self.reduction = reduction

    def construct(self, input, target):
        return l1_loss(input, target, self.reduction)


def binary_cross_entropy(input, target, weight=None, reduction="mean"):
    """The cross entropy of probabilities; logarithms count as -100 at least, and slopes as 1e12 at most."""
    logs, others = ops.clamp(ops.log(input), -100.0), ops.clamp(ops.log1p(-input), -100.0)
    values = -(target * logs + (1 - target) * others)
    slope = (input - target) / ops.clamp(input * (1 - input), 1e-12)
    linear = input * ops.stop_gradient(slope) + target * ops.stop_gradient(others - logs)
    values = ops.stop_gradient(values) + (linear - ops.stop_gradient(linear))
    return reduced(values if weight is None else values * weight, reduction)


def binary_cross_entropy_with_logits(input, target, weight=None, reduction="mean", pos_weight=None):
    """The cross entropy of logits, without overflow; MindSpore's own has a wrong gradient beside the target's."""
    factor = 1.0 if pos_weight is None else 1 + (pos_weight - 1) * target
    values = (1 - target) * input + factor * ops.softplus(-input)
    return reduced(values if weight is None else values * weight, reduction)


class TorchBCELoss(nn.Cell):
    """The cross entropy of probabilities as a layer."""

    def __init__(self, weight=None, reduction="mean"):
        super().__init__()
        self.element_weight, self.reduction = weight, reduction

    def construct(self, input, target):
        return binary_cross_entropy(input, target, self.element_weight, self.reduction)


class TorchBCEWithLogitsLoss(nn.Cell):
    """The cross entropy of logits as a layer."""

    def __init__(self, weight=None, reduction="mean", pos_weight=None):
        super().__init__()
        self.element_weight, self.reduction, self.pos_weight = weight, reduction, pos_weight

    def construct(self, input, target):
        return binary_cross_entropy_with_logits(
            input, target, self.element_weight, self.reduction, self.pos_weight
        )


def margin_ranking_loss(input1, input2, target, margin=0, reduction="mean"):
    """How far input1 is from being target (1 or -1) times more than input2 by a margin; slope 1 at the margin."""
    values = margin - target * (input1 - input2)
    return reduced(ops.where(values >= 0, values, ops.zeros_like(values)), reduction)


class MarginRankingLoss(nn.Cell):
    """The margin ranking loss as a layer."""

    def __init__(self, margin=0.0, reduction="mean"):
        super().__init__()
        self.margin, self.reduction = margin, reduction

    def construct(self, input1, input2, target):
        return margin_ranking_loss(input1, input2, target, self.margin, self.reduction)
