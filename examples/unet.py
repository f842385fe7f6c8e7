"""A U-Net generator in the style of pix2pix: an encoder, a decoder, and skips between them."""

import torch
import torch.nn as nn
import torch.nn.functional as F


class Down(nn.Module):
    """Halve the size: convolution, batch norm, leaky ReLU."""

    def __init__(self, in_ch, out_ch, norm=True):
        super().__init__()
        self.conv = nn.Conv2d(in_ch, out_ch, kernel_size=4, stride=2, padding=1, bias=not norm)
        self.norm = nn.BatchNorm2d(out_ch) if norm else nn.Identity()
        self.act = nn.LeakyReLU(0.2)

    def forward(self, x):
        return self.act(self.norm(self.conv(x)))


class Up(nn.Module):
    """Double the size, then join the skip connection behind it."""

    def __init__(self, in_ch, out_ch, dropout=0.0):
        super().__init__()
        self.conv = nn.ConvTranspose2d(in_ch, out_ch, 4, stride=2, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(out_ch)
        self.act = nn.ReLU(inplace=True)
        self.drop = nn.Dropout(dropout)

    def forward(self, x, skip):
        x = self.conv(x)
        x = self.norm(x)
        x = self.act(x)
        x = self.drop(x)
        # odd sizes: the decoder may come out one row or column short
        dh = skip.size(2) - x.size(2)
        dw = skip.size(3) - x.size(3)
        if dh > 0 or dw > 0:
            x = F.pad(x, (0, dw, 0, dh))
        return torch.cat([x, skip], dim=1)


class Attention(nn.Module):
    """Self-attention over all positions, at the bottleneck."""

    def __init__(self, channels, reduction=4):
        super().__init__()
        inner = channels // reduction
        self.query = nn.Conv2d(channels, inner, 1)
        self.key = nn.Conv2d(channels, inner, 1)
        self.value = nn.Conv2d(channels, channels, 1)
        self.gamma = nn.Parameter(torch.zeros(1))

    def forward(self, x):
        b, c, h, w = x.size()
        q = self.query(x).view(b, -1, h * w).permute(0, 2, 1)  # b n c'
        k = self.key(x).view(b, -1, h * w)  # b c' n
        attention = F.softmax(torch.matmul(q, k), dim=-1)
        v = self.value(x).view(b, -1, h * w)
        out = torch.matmul(v, attention.transpose(1, 2)).view(b, c, h, w)
        return self.gamma * out + x


class UNetGenerator(nn.Module):
    """Image in_ch x h x w -> image out_ch x h x w in [-1, 1]; h and w at least 2**depth."""

    def __init__(self, in_ch=3, out_ch=3, ngf=64, depth=5, dropout=0.5):
        super().__init__()
        widths = [min(ngf * 2**i, ngf * 8) for i in range(depth)]
        self.inc = Down(in_ch, widths[0], norm=False)
        self.downs = nn.ModuleList()
        for a, b in zip(widths[:-1], widths[1:]):
            self.downs.append(Down(a, b))
        self.attention = Attention(widths[-1])
        self.ups = nn.ModuleList()
        prev = widths[-1]
        for i, width in enumerate(reversed(widths[:-1])):
            # only the innermost blocks drop
            self.ups.append(Up(prev, width, dropout if i < 2 else 0.0))
            prev = width * 2
        self.outc = nn.Sequential(
            nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False),
            nn.Conv2d(prev, out_ch, 3, padding=1),
            nn.Tanh(),
        )

    def forward(self, x):
        h, w = x.shape[2:]
        skips = [self.inc(x)]
        for down in self.downs:
            skips.append(down(skips[-1]))
        x = self.attention(skips.pop())
        for up in self.ups:
            x = up(x, skips.pop())
        x = self.outc(x)
        return x[:, :, :h, :w]


class PatchDiscriminator(nn.Module):
    """Judge 70 x 70 patches of a pair of images."""

    def __init__(self, in_ch=6, ndf=64, n_layers=3):
        super().__init__()
        model = [nn.Conv2d(in_ch, ndf, 4, 2, 1), nn.LeakyReLU(0.2, True)]
        mult = 1
        for n in range(1, n_layers + 1):
            prev, mult = mult, min(2**n, 8)
            stride = 2 if n < n_layers else 1
            model += [
                nn.Conv2d(ndf * prev, ndf * mult, kernel_size=4, stride=stride, padding=1, bias=False),
                nn.BatchNorm2d(ndf * mult),
                nn.LeakyReLU(0.2, True),
            ]
        model += [nn.Conv2d(ndf * mult, 1, 4, 1, 1)]
        self.model = nn.Sequential(*model)

    def forward(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return self.model(torch.cat((a, b), 1))
