"""A 3-D U-Net for volumes: group norm, max pooling down, transposed convolution up."""

import torch
import torch.nn as nn


class DoubleConv(nn.Module):
    """(convolution, group norm, ReLU) twice."""

    def __init__(self, in_channels: int, out_channels: int, groups: int = 4):
        super().__init__()
        self.step1 = nn.Conv3d(in_channels, out_channels, 3, padding=1, bias=False)
        self.norm1 = nn.GroupNorm(groups, out_channels)
        self.step2 = nn.Conv3d(out_channels, out_channels, (3, 3, 3), padding=(1, 1, 1), bias=False)
        self.norm2 = nn.GroupNorm(num_groups=groups, num_channels=out_channels)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x):
        x = self.relu(self.norm1(self.step1(x)))
        return self.relu(self.norm2(self.step2(x)))


class UpBlock(nn.Module):
    """Double the volume, join the skip, convolve."""

    def __init__(self, in_channels: int, out_channels: int):
        super().__init__()
        self.up = nn.ConvTranspose3d(in_channels, out_channels, kernel_size=2, stride=2)
        self.conv = DoubleConv(out_channels * 2, out_channels)

    def forward(self, x: torch.Tensor, skip: torch.Tensor) -> torch.Tensor:
        x = torch.cat((skip, self.up(x)), dim=1)
        return self.conv(x)


class UNet3D(nn.Module):
    """Volume n c d h w -> class probabilities n classes d h w; d, h and w divisible by 4."""

    def __init__(self, in_channels=1, num_classes=3, width=8):
        super().__init__()
        self.enc1 = DoubleConv(in_channels, width)
        self.pool1 = nn.MaxPool3d(2)
        self.enc2 = DoubleConv(width, width * 2)
        self.pool2 = nn.MaxPool3d(kernel_size=2, stride=2)
        self.bottom = nn.Sequential(
            nn.Conv3d(width * 2, width * 4, 3, padding=1),
            nn.BatchNorm3d(width * 4),
            nn.GELU(),
        )
        self.dec2 = UpBlock(width * 4, width * 2)
        self.dec1 = UpBlock(width * 2, width)
        self.head = nn.Conv3d(width, num_classes, kernel_size=1)
        self.softmax = nn.Softmax(dim=1)
        self._initialise()

    def _initialise(self):
        for m in self.modules():
            if isinstance(m, nn.Conv3d):
                nn.init.normal_(m.weight, 0.0, 0.1)
                if m.bias is not None:
                    nn.init.constant_(m.bias, 0.0)

    def forward(self, x):
        e1 = self.enc1(x)
        e2 = self.enc2(self.pool1(e1))
        h = self.bottom(self.pool2(e2))
        h = self.dec2(h, e2)
        h = self.dec1(h, e1)
        return self.softmax(self.head(h))


class VolumeClassifier(nn.Module):
    """Pool each half of the channels and classify."""

    def __init__(self, width: int = 8, num_classes: int = 5):
        super().__init__()
        self.features = DoubleConv(1, width)
        self.pool = nn.AvgPool3d(2)
        self.fc = nn.Linear(width, num_classes)

    def forward(self, x):
        x = self.pool(self.features(x))
        a, b = torch.chunk(x, 2, dim=1)
        pooled = torch.stack([a, -b], dim=1)
        n, two, c, d, h, w = pooled.shape
        pooled = pooled.reshape(n, two * c, d * h * w).mean(dim=2)
        first, second = torch.split(pooled, c, dim=1)
        return self.fc(torch.cat([first, second], 1))
