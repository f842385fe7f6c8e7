"""A model as MegEngine users write it."""

import megengine as mge
import megengine.functional as F
import megengine.module as M


class Net(M.Module):
    def __init__(self, c=8):
        super().__init__()
        self.conv = M.Conv2d(3, c, 3, padding=1, groups=1)
        self.gconv = M.Conv2d(c, c, 3, stride=2, padding=1, groups=2)
        self.norm = M.BatchNorm2d(c, momentum=0.8)
        self.up = M.ConvTranspose2d(c, 4, 3, 2, 1, 1)
        self.up2 = M.ConvTranspose2d(4, 4, 3, 2, 1, 0, 1, 2, False)
        self.fc = M.Linear(4, 5)

    def forward(self, x):
        x = F.relu(self.norm(self.gconv(self.conv(x))))
        x = F.leaky_relu(self.up2(self.up(x)), 0.2)
        x = F.mean(x.reshape(x.shape[0], x.shape[1], -1), axis=2)
        return self.fc(x), F.concat([x, x * 2], axis=1)
