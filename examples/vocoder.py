"""A vocoder in the style of HiFi-GAN: mel spectrogram -> waveform."""

import torch
import torch.nn as nn
import torch.nn.functional as F

LRELU_SLOPE = 0.1


def get_padding(kernel_size, dilation=1):
    """Zeros on both sides that keep the length."""
    return int((kernel_size * dilation - dilation) / 2)


def init_weights(m):
    if isinstance(m, nn.Conv1d):
        nn.init.normal_(m.weight, 0.0, 0.01)


class ResBlock(nn.Module):
    """Dilated convolutions, each followed by a plain one, each pair added to its input."""

    def __init__(self, channels, kernel_size=3, dilation=(1, 3, 5)):
        super().__init__()
        self.convs1 = nn.ModuleList(
            [
                nn.Conv1d(
                    channels,
                    channels,
                    kernel_size,
                    1,
                    dilation=d,
                    padding=get_padding(kernel_size, d),  # same length
                )
                for d in dilation
            ]
        )
        self.convs2 = nn.ModuleList(
            [
                nn.Conv1d(channels, channels, kernel_size, 1, dilation=1, padding=get_padding(kernel_size, 1))
                for _ in dilation
            ]
        )
        self.convs2.apply(init_weights)

    def forward(self, x):
        for c1, c2 in zip(self.convs1, self.convs2):
            xt = F.leaky_relu(x, LRELU_SLOPE)
            xt = c1(xt)
            xt = F.leaky_relu(xt, LRELU_SLOPE)
            xt = c2(xt)
            x = xt + x
        return x


class Generator(nn.Module):
    """``h`` holds the configuration: upsample_rates, upsample_kernel_sizes, ... as attributes."""

    def __init__(self, h):
        super().__init__()
        self.num_kernels = len(h.resblock_kernel_sizes)
        self.num_upsamples = len(h.upsample_rates)
        ch = h.upsample_initial_channel
        self.conv_pre = nn.Conv1d(h.num_mels, ch, 7, 1, padding=3)

        self.ups = nn.ModuleList()
        for i, (u, k) in enumerate(zip(h.upsample_rates, h.upsample_kernel_sizes)):
            self.ups.append(
                nn.ConvTranspose1d(ch // (2**i), ch // (2 ** (i + 1)), k, u, padding=(k - u) // 2)
            )

        self.resblocks = nn.ModuleList()
        for i in range(self.num_upsamples):
            width = ch // (2 ** (i + 1))
            for k, d in zip(h.resblock_kernel_sizes, h.resblock_dilation_sizes):
                self.resblocks.append(ResBlock(width, k, d))

        self.conv_post = nn.Conv1d(width, 1, 7, 1, padding=3)

    def forward(self, x):
        x = self.conv_pre(x)
        for i in range(self.num_upsamples):
            x = F.leaky_relu(x, LRELU_SLOPE)
            x = self.ups[i](x)
            xs = self.resblocks[i * self.num_kernels](x)
            for j in range(1, self.num_kernels):
                xs = xs + self.resblocks[i * self.num_kernels + j](x)
            x = xs / self.num_kernels
        x = F.leaky_relu(x)
        x = self.conv_post(x)
        return torch.tanh(x)


class ScaleDiscriminator(nn.Module):
    """Grouped, strided convolutions over the waveform; gives the features of each layer too."""

    def __init__(self, width=16):
        super().__init__()
        self.convs = nn.ModuleList(
            [
                nn.Conv1d(1, width, 15, 1, padding=7),
                nn.Conv1d(width, width * 2, 41, 2, groups=4, padding=20),
                nn.Conv1d(width * 2, width * 4, 41, 2, groups=8, padding=20),
                nn.Conv1d(width * 4, width * 4, 5, 1, padding=2),
            ]
        )
        self.conv_post = nn.Conv1d(width * 4, 1, 3, 1, padding=1)
        self.pool = nn.AvgPool1d(4, 2, padding=2)

    def forward(self, x):
        x = self.pool(x)
        features = []
        for conv in self.convs:
            x = conv(x)
            x = F.leaky_relu(x, LRELU_SLOPE)
            features.append(x)
        x = self.conv_post(x)
        features.append(x)
        return torch.flatten(x, 1, -1), features
