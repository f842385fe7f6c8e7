"""mindcv's file asks MindSpore for its signatures when it runs; this is what it takes with MindSpore 2."""

from mindspore import nn, ops


class Dropout(nn.Dropout):
    def __init__(self, p=0.5):
        super().__init__(p=p)


class Split(nn.Cell):
    def __init__(self, split_size_or_sections, output_num, axis=0):
        super().__init__()
        self.split_size_or_sections, self.axis = split_size_or_sections, axis

    def construct(self, x):
        return ops.split(x, self.split_size_or_sections, self.axis)


class Interpolate(nn.Cell):
    def __init__(self, mode="nearest", align_corners=None):
        super().__init__()
        self.mode, self.align_corners = mode, align_corners

    def construct(self, x, size=None):
        return ops.interpolate(x, size, mode=self.mode, align_corners=self.align_corners)
