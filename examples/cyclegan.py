"""CycleGAN's generator: residual blocks between two strided convolutions and two transposed ones."""

import torch
from torch import nn
from torch.nn import functional as F


class ResidualBlock(nn.Module):
    """Two reflected 3 x 3 convolutions with instance norm, added to the input."""

    def __init__(self, dim, use_dropout=False):
        super(ResidualBlock, self).__init__()
        block = [
            nn.ReflectionPad2d(1),
            nn.Conv2d(dim, dim, kernel_size=3),
            nn.InstanceNorm2d(dim),
            nn.ReLU(True),
        ]
        if use_dropout:
            block += [nn.Dropout(0.5)]
        block += [
            nn.ReflectionPad2d(1),
            nn.Conv2d(dim, dim, kernel_size=3),
            nn.InstanceNorm2d(dim),
        ]
        self.block = nn.Sequential(*block)

    def forward(self, x):
        return x + self.block(x)


class SqueezeExcite(nn.Module):
    """Weigh the channels by what they hold on average."""

    def __init__(self, channels, reduction=4):
        super(SqueezeExcite, self).__init__()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Sequential(
            nn.Linear(channels, channels // reduction, bias=False),
            nn.ELU(),
            nn.Linear(channels // reduction, channels, bias=False),
            nn.Sigmoid(),
        )

    def forward(self, x):
        b, c = x.shape[:2]
        y = self.pool(x).view(b, c)
        y = self.fc(y).view(b, c, 1, 1)
        return x * y


class ResnetGenerator(nn.Module):
    """Image -> image of the same size in [-1, 1].

    Arguments:
        n_blocks: residual blocks at the lowest resolution; 6 for 128 pixels, 9 for 256.
        attend: weigh the channels behind the residual blocks.
    """

    def __init__(self, input_nc=3, output_nc=3, ngf=64, n_blocks=6, use_dropout=False, attend=True):
        super(ResnetGenerator, self).__init__()
        model = [
            nn.ReflectionPad2d(3),
            nn.Conv2d(input_nc, ngf, kernel_size=7, padding=0),
            nn.InstanceNorm2d(ngf),
            nn.ReLU(True),
        ]
        n_downsampling = 2
        for i in range(n_downsampling):
            mult = 2**i
            model += [
                nn.Conv2d(ngf * mult, ngf * mult * 2, kernel_size=3, stride=2, padding=1),
                nn.InstanceNorm2d(ngf * mult * 2),
                nn.ReLU(True),
            ]
        mult = 2**n_downsampling
        for _ in range(n_blocks):
            model.append(ResidualBlock(ngf * mult, use_dropout))
        if attend:
            model.append(SqueezeExcite(ngf * mult))
        for i in range(n_downsampling):
            mult = 2 ** (n_downsampling - i)
            model += [
                nn.ConvTranspose2d(ngf * mult, int(ngf * mult / 2),
                                   kernel_size=3, stride=2,
                                   padding=1, output_padding=1),  # undoes the strided one exactly
                nn.InstanceNorm2d(int(ngf * mult / 2), affine=True),
                nn.PReLU(),
            ]
        model += [nn.ReflectionPad2d(3)]
        model += [nn.Conv2d(ngf, output_nc, kernel_size=7, padding=0)]
        model += [nn.Tanh()]
        self.model = nn.Sequential(*model)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.model(x)


class SuperResolution(nn.Module):
    """A small upscaler by pixel shuffle, for the cycle's output."""

    def __init__(self, channels=3, width=32, scale=2):
        super(SuperResolution, self).__init__()
        self.entry = nn.Conv2d(channels, width, 5, padding=2, padding_mode="reflect")
        self.body = nn.Conv2d(width, channels * scale**2, 3, padding=1)
        self.shuffle = nn.PixelShuffle(scale)
        self.scale = scale

    def forward(self, x):
        y = F.gelu(self.entry(x))
        y = self.shuffle(self.body(y))
        return y + F.interpolate(x, scale_factor=2, mode="nearest")
