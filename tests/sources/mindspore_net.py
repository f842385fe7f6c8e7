"""A model as MindSpore users write it."""

import mindspore as ms
from mindspore import nn, ops


class Net(nn.Cell):
    def __init__(self, c=8):
        super().__init__()
        self.conv = nn.Conv2d(3, c, 3, has_bias=True)
        self.down = nn.Conv2d(c, c, 4, 2, pad_mode="pad", padding=(1, 1, 2, 2), group=2)
        self.norm = nn.BatchNorm2d(c, momentum=0.8)
        self.act = nn.LeakyReLU()
        self.up = nn.Conv2dTranspose(c, 4, 3, stride=2, pad_mode="pad", padding=(1, 0, 1, 0))
        self.same = nn.Conv2dTranspose(4, 4, 4, stride=2, has_bias=True)
        self.fc = nn.Dense(4, 5)
        self.drop = nn.Dropout(p=0.3)

    def construct(self, x: ms.Tensor):
        x = self.act(self.norm(self.down(self.conv(x))))
        x = self.same(self.up(x))
        b, c = x.shape[:2]
        x = ops.mean(x.reshape(b, c, -1), axis=2)
        return self.drop(self.fc(x)), ops.cat([x, x * 2], axis=1)
