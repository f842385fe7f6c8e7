"""More small models in the idioms of well-known families."""

from __future__ import annotations

import math
from typing import Any, Callable, Dict, List, Optional, Sequence, Union, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn import init
from torch.nn.parameter import Parameter

cfgs: Dict[str, List[Union[str, int]]] = {
    "A": [4, "M", 8, "M"],
    "B": [4, 4, "M", 8, 8, "M"],
}


def make_layers(cfg: List[Union[str, int]], batch_norm: bool = False) -> nn.Sequential:
    layers: List[nn.Module] = []
    in_channels = 3
    for v in cfg:
        if v == "M":
            layers += [nn.MaxPool2d(kernel_size=2, stride=2)]
        else:
            v = cast(int, v)
            conv2d = nn.Conv2d(in_channels, v, kernel_size=3, padding=1)
            if batch_norm:
                layers += [conv2d, nn.BatchNorm2d(v), nn.ReLU(inplace=True)]
            else:
                layers += [conv2d, nn.ReLU(inplace=True)]
            in_channels = v
    return nn.Sequential(*layers)


class VGG(nn.Module):
    def __init__(
        self, cfg="B", num_classes: int = 5, init_weights: bool = True, dropout: float = 0.5
    ) -> None:
        super().__init__()
        self.features = make_layers(cfgs[cfg], batch_norm=True)
        self.avgpool = nn.AdaptiveAvgPool2d((2, 2))
        self.classifier = nn.Sequential(
            nn.Linear(8 * 2 * 2, 16),
            nn.ReLU(True),
            nn.Dropout(p=dropout),
            nn.Linear(16, num_classes),
        )
        if init_weights:
            for m in self.modules():
                if isinstance(m, nn.Conv2d):
                    init.kaiming_normal_(m.weight, mode="fan_out", nonlinearity="relu")
                    if m.bias is not None:
                        init.constant_(m.bias, 0)
                elif isinstance(m, nn.BatchNorm2d):
                    init.constant_(m.weight, 1)
                    init.constant_(m.bias, 0)
                elif isinstance(m, nn.Linear):
                    init.normal_(m.weight, 0, 0.01)
                    init.constant_(m.bias, 0)

    def forward(self, x: Tensor) -> Tensor:
        x = self.features(x)
        x = self.avgpool(x)
        x = torch.flatten(x, 1)
        x = self.classifier(x)
        return x


class BasicConv2d(nn.Module):
    def __init__(self, in_channels: int, out_channels: int, **kwargs: Any) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, bias=False, **kwargs)
        self.bn = nn.BatchNorm2d(out_channels, eps=0.001)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        x = self.bn(x)
        return F.relu(x, inplace=True)


class Inception(nn.Module):
    def __init__(self, in_channels=4):
        super().__init__()
        self.branch1 = BasicConv2d(in_channels, 2, kernel_size=1)
        self.branch2 = nn.Sequential(
            BasicConv2d(in_channels, 2, kernel_size=1), BasicConv2d(2, 3, kernel_size=3, padding=1)
        )
        self.branch7 = BasicConv2d(in_channels, 2, kernel_size=(1, 7), padding=(0, 3))
        self.branch4 = nn.Sequential(
            nn.MaxPool2d(kernel_size=3, stride=1, padding=1, ceil_mode=True),
            BasicConv2d(in_channels, 2, kernel_size=1),
        )

    def _forward(self, x: Tensor) -> List[Tensor]:
        branch1 = self.branch1(x)
        branch2 = self.branch2(x)
        branch7 = self.branch7(x)
        branch4 = self.branch4(x)
        return [branch1, branch2, branch7, branch4]

    def forward(self, x: Tensor) -> Tensor:
        outputs = self._forward(x)
        return torch.cat(outputs, 1)


class Fire(nn.Module):
    def __init__(self, inplanes: int = 4, squeeze: int = 2, e1: int = 3, e3: int = 3) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(inplanes, squeeze, kernel_size=1)
        self.squeeze_activation = nn.ReLU(inplace=True)
        self.expand1x1 = nn.Conv2d(squeeze, e1, kernel_size=1)
        self.expand1x1_activation = nn.ReLU(inplace=True)
        self.expand3x3 = nn.Conv2d(squeeze, e3, kernel_size=3, padding=1)
        self.expand3x3_activation = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        x = self.squeeze_activation(self.squeeze(x))
        return torch.cat(
            [self.expand1x1_activation(self.expand1x1(x)), self.expand3x3_activation(self.expand3x3(x))], 1
        )


class CausalConv1d(nn.Conv1d):
    def __init__(self, in_channels, out_channels, kernel_size, dilation=1):
        self.left = (kernel_size - 1) * dilation
        super().__init__(in_channels, out_channels, kernel_size, dilation=dilation)

    def forward(self, x):
        return super().forward(F.pad(x, (self.left, 0)))


class WaveNet(nn.Module):
    def __init__(self, ch=4, layers=3):
        super().__init__()
        self.start = nn.Conv1d(2, ch, 1)
        self.filters = nn.ModuleList()
        self.gates = nn.ModuleList()
        self.skips = nn.ModuleList()
        for i in range(layers):
            self.filters.append(nn.Conv1d(ch, ch, 2, dilation=2**i))
            self.gates.append(nn.Conv1d(ch, ch, 2, dilation=2**i))
            self.skips.append(nn.Conv1d(ch, ch, 1))
        self.end = nn.Conv1d(ch, 3, 1)

    def forward(self, x):
        x = self.start(x)
        skip = 0
        for i, (f, g, s) in enumerate(zip(self.filters, self.gates, self.skips)):
            padded = F.pad(x, (2**i, 0))
            out = torch.tanh(f(padded)) * torch.sigmoid(g(padded))
            skip = skip + s(out)
            x = x + out
        return self.end(F.relu(skip))


class ModulatedConv(nn.Module):
    def __init__(self, in_ch=3, out_ch=4, k=3, style=5, demodulate=True):
        super().__init__()
        self.scale = 1 / math.sqrt(in_ch * k**2)
        self.padding = k // 2
        self.k, self.in_ch, self.out_ch = k, in_ch, out_ch
        self.weight = nn.Parameter(torch.randn(1, out_ch, in_ch, k, k))
        self.modulation = nn.Linear(style, in_ch)
        self.demodulate = demodulate

    def forward(self, x, style):
        b, c, h, w = x.shape
        s = self.modulation(style).view(b, 1, c, 1, 1)
        weight = self.scale * self.weight * s
        if self.demodulate:
            demod = torch.rsqrt(weight.pow(2).sum([2, 3, 4]) + 1e-8)
            weight = weight * demod.view(b, self.out_ch, 1, 1, 1)
        weight = weight.view(b * self.out_ch, c, self.k, self.k)
        x = x.view(1, b * c, h, w)
        out = F.conv2d(x, weight, padding=self.padding, groups=b)
        return out.view(b, self.out_ch, h, w)


class CausalSelfAttention(nn.Module):
    def __init__(self, n_embd=8, n_head=2, block_size=6, dropout=0.1):
        super().__init__()
        assert n_embd % n_head == 0
        self.c_attn = nn.Linear(n_embd, 3 * n_embd, bias=False)
        self.c_proj = nn.Linear(n_embd, n_embd, bias=False)
        self.attn_dropout = nn.Dropout(dropout)
        self.n_head, self.n_embd = n_head, n_embd
        self.register_buffer(
            "bias", torch.tril(torch.ones(block_size, block_size)).view(1, 1, block_size, block_size)
        )

    def forward(self, x):
        B, T, C = x.size()
        q, k, v = self.c_attn(x).split(self.n_embd, dim=2)
        k = k.view(B, T, self.n_head, C // self.n_head).transpose(1, 2)
        q = q.view(B, T, self.n_head, C // self.n_head).transpose(1, 2)
        v = v.view(B, T, self.n_head, C // self.n_head).transpose(1, 2)
        att = (q @ k.transpose(-2, -1)) * (1.0 / math.sqrt(k.size(-1)))
        att = att.masked_fill(self.bias[:, :, :T, :T] == 0, float("-inf"))
        att = F.softmax(att, dim=-1)
        att = self.attn_dropout(att)
        y = att @ v
        y = y.transpose(1, 2).contiguous().view(B, T, C)
        return self.c_proj(y)


class GPT(nn.Module):
    def __init__(self, vocab=11, n_embd=8, n_layer=2, block=6):
        super().__init__()
        self.transformer = nn.ModuleDict(
            dict(
                wte=nn.Embedding(vocab, n_embd),
                wpe=nn.Embedding(block, n_embd),
                h=nn.ModuleList([CausalSelfAttention(n_embd, 2, block) for _ in range(n_layer)]),
                ln_f=nn.LayerNorm(n_embd),
            )
        )
        self.lm_head = nn.Linear(n_embd, vocab, bias=False)

    def forward(self, idx):
        b, t = idx.size()
        pos = torch.arange(0, t, dtype=torch.long, device=idx.device)
        x = self.transformer.wte(idx) + self.transformer.wpe(pos)
        for block in self.transformer.h:
            x = x + block(x)
        x = self.transformer.ln_f(x)
        return self.lm_head(x[:, [-1], :])


class Mixer(nn.Module):
    def __init__(self, tokens=4, dim=6):
        super().__init__()
        self.norm = nn.LayerNorm(dim)
        self.token = nn.Sequential(nn.Linear(tokens, 8), nn.GELU(), nn.Linear(8, tokens))
        self.channel = nn.Sequential(nn.Linear(dim, 8), nn.GELU(), nn.Linear(8, dim))

    def forward(self, x):
        y = self.norm(x).permute(0, 2, 1)
        x = x + self.token(y).permute(0, 2, 1)
        return x + self.channel(self.norm(x))


class Ghost(nn.Module):
    def __init__(self, inp=4, oup=7, ratio=2, dw=3):
        super().__init__()
        self.oup = oup
        init_ch = math.ceil(oup / ratio)
        new_ch = init_ch * (ratio - 1)
        self.primary = nn.Sequential(
            nn.Conv2d(inp, init_ch, 1, bias=False), nn.BatchNorm2d(init_ch), nn.ReLU(inplace=True)
        )
        self.cheap = nn.Sequential(
            nn.Conv2d(init_ch, new_ch, dw, 1, dw // 2, groups=init_ch, bias=False),
            nn.BatchNorm2d(new_ch),
            nn.ReLU(inplace=True),
        )

    def forward(self, x):
        x1 = self.primary(x)
        x2 = self.cheap(x1)
        out = torch.cat([x1, x2], dim=1)
        return out[:, : self.oup, :, :]


class ResidualBlock(nn.Module):
    def __init__(self, ch):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(ch, ch, 3, padding=1),
            nn.BatchNorm2d(ch),
            nn.PReLU(),
            nn.Conv2d(ch, ch, 3, padding=1),
            nn.BatchNorm2d(ch),
        )

    def forward(self, x):
        return self.body(x) + x


class SRGAN(nn.Module):
    def __init__(self, ch=4, n=2, scale=4):
        upsample_block_num = int(math.log(scale, 2))
        super(SRGAN, self).__init__()
        self.block1 = nn.Sequential(nn.Conv2d(3, ch, kernel_size=9, padding=4), nn.PReLU())
        self.body = nn.Sequential(*[ResidualBlock(ch) for _ in range(n)])
        block8 = [
            nn.Sequential(nn.Conv2d(ch, ch * 4, 3, padding=1), nn.PixelShuffle(2), nn.PReLU())
            for _ in range(upsample_block_num)
        ]
        block8.append(nn.Conv2d(ch, 3, kernel_size=9, padding=4))
        self.block8 = nn.Sequential(*block8)

    def forward(self, x):
        block1 = self.block1(x)
        body = self.body(block1)
        block8 = self.block8(block1 + body)
        return (torch.tanh(block8) + 1) / 2


class SPPF(nn.Module):
    def __init__(self, c1=4, c2=4, k=5):
        super().__init__()
        c_ = c1 // 2
        self.cv1 = nn.Conv2d(c1, c_, 1, 1)
        self.cv2 = nn.Conv2d(c_ * 4, c2, 1, 1)
        self.m = nn.MaxPool2d(kernel_size=k, stride=1, padding=k // 2)

    def forward(self, x):
        y = [self.cv1(x)]
        y.extend(self.m(y[-1]) for _ in range(3))
        return self.cv2(torch.cat(y, 1))


class Detect(nn.Module):
    def __init__(self, nc=3, anchors=((1.0, 2.0), (3.0, 4.0)), ch=4, stride=8):
        super().__init__()
        self.nc, self.no, self.na, self.stride = nc, nc + 5, len(anchors), stride
        self.register_buffer("anchors", torch.tensor(anchors).float().view(1, -1, 1, 1, 2))
        self.m = nn.Conv2d(ch, self.no * self.na, 1)
        self.neck = SPPF(ch, ch)

    def forward(self, x):
        x = self.m(self.neck(x))
        bs, _, ny, nx = x.shape
        x = x.view(bs, self.na, self.no, ny, nx).permute(0, 1, 3, 4, 2).contiguous()
        yv, xv = torch.meshgrid(torch.arange(ny), torch.arange(nx), indexing="ij")
        grid = torch.stack((xv, yv), 2).view((1, 1, ny, nx, 2)).float()
        y = x.sigmoid()
        xy = (y[..., 0:2] * 2.0 - 0.5 + grid) * self.stride
        wh = (y[..., 2:4] * 2) ** 2 * self.anchors
        return torch.cat((xy, wh, y[..., 4:]), -1).view(bs, -1, self.no)


class BiFPN(nn.Module):
    def __init__(self, ch=4, eps=1e-4):
        super().__init__()
        self.eps = eps
        self.w = Parameter(torch.ones(2, dtype=torch.float32), requires_grad=True)
        self.conv = nn.Conv2d(ch, ch, 3, padding=1, groups=ch)
        self.pool = nn.MaxPool2d(3, 2, 1)
        self.act = nn.SiLU()

    def forward(self, a, b):
        w = F.relu(self.w)
        w = w / (torch.sum(w, dim=0) + self.eps)
        a = w[0] * F.interpolate(a, scale_factor=2, mode="nearest") + w[1] * b
        return self.pool(self.conv(self.act(a)))


class PointNet(nn.Module):
    def __init__(self, k=3):
        super().__init__()
        self.conv1 = nn.Conv1d(k, 8, 1)
        self.bn1 = nn.BatchNorm1d(8)
        self.fc = nn.Linear(8, k * k)
        self.k = k

    def forward(self, x):
        b = x.size(0)
        y = F.relu(self.bn1(self.conv1(x)))
        y = torch.max(y, 2, keepdim=True)[0].view(-1, 8)
        y = self.fc(y)
        iden = (
            torch.from_numpy(np.eye(self.k, dtype=np.float32).reshape(-1))
            .view(1, self.k * self.k)
            .repeat(b, 1)
        )
        t = (y + iden).view(-1, self.k, self.k)
        return torch.bmm(x.transpose(2, 1), t).transpose(2, 1)


class NeRF(nn.Module):
    def __init__(self, levels=2, width=8):
        super().__init__()
        self.levels = levels
        self.layers = nn.ModuleList(
            [nn.Linear(3 + 6 * levels, width)]
            + [
                nn.Linear(width, width) if i != 1 else nn.Linear(width + 3 + 6 * levels, width)
                for i in range(3)
            ]
        )
        self.rgb = nn.Linear(width, 3)
        self.sigma = nn.Linear(width, 1)

    def encode(self, x: Tensor) -> Tensor:
        out = [x]
        for i in range(self.levels):
            for fn in (torch.sin, torch.cos):
                out.append(fn((2.0**i) * x))
        return torch.cat(out, -1)

    def forward(self, x):
        e = self.encode(x)
        h = e
        for i, layer in enumerate(self.layers):
            h = F.relu(layer(h))
            if i == 1:
                h = torch.cat([e, h], -1)
        return torch.cat([torch.sigmoid(self.rgb(h)), F.softplus(self.sigma(h))], -1)


class RepVGG(nn.Module):
    def __init__(self, ch=4):
        super().__init__()
        self.id = nn.BatchNorm2d(ch)
        self.dense = nn.Sequential()
        self.dense.add_module("conv", nn.Conv2d(ch, ch, 3, 1, 1, bias=False))
        self.dense.add_module("bn", nn.BatchNorm2d(ch))
        self.one = nn.Sequential()
        self.one.add_module("conv", nn.Conv2d(ch, ch, 1, bias=False))
        self.one.add_module("bn", nn.BatchNorm2d(ch))
        self.nonlinearity = nn.ReLU()

    def forward(self, inputs):
        if hasattr(self, "reparam"):
            return self.nonlinearity(self.reparam(inputs))
        return self.nonlinearity(self.dense(inputs) + self.one(inputs) + self.id(inputs))


class TextCNN(nn.Module):
    def __init__(self, vocab=12, dim=6, sizes=(2, 3), n=4, classes=3):
        super().__init__()
        self.embedding = nn.Embedding(vocab, dim)
        self.convs = nn.ModuleList([nn.Conv2d(1, n, (k, dim)) for k in sizes])
        self.dropout = nn.Dropout(0.5)
        self.fc = nn.Linear(n * len(sizes), classes)

    def conv_and_pool(self, x, conv):
        x = F.relu(conv(x)).squeeze(3)
        return F.max_pool1d(x, x.size(2)).squeeze(2)

    def forward(self, x):
        out = self.embedding(x).unsqueeze(1)
        out = torch.cat([self.conv_and_pool(out, conv) for conv in self.convs], 1)
        return F.log_softmax(self.fc(self.dropout(out)), dim=-1)


class VAE3d(nn.Module):
    def __init__(self, ch=2, latent=3):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv3d(1, ch, 4, 2, 1), nn.InstanceNorm3d(ch), nn.LeakyReLU(0.2, True)
        )
        self.mu = nn.Linear(ch * 8, latent)
        self.logvar = nn.Linear(ch * 8, latent)
        self.decode_in = nn.Linear(latent, ch * 8)
        self.decoder = nn.Sequential(nn.ConvTranspose3d(ch, 1, 4, 2, 1), nn.Sigmoid())
        self.ch = ch

    def reparameterize(self, mu: Tensor, logvar: Tensor) -> Tensor:
        std = torch.exp(0.5 * logvar)
        eps = torch.randn_like(std)
        return eps * std + mu

    def forward(self, x):
        h = torch.flatten(self.encoder(x), start_dim=1)
        mu, logvar = self.mu(h), self.logvar(h)
        z = self.reparameterize(mu, logvar)
        out = self.decoder(self.decode_in(z).view(-1, self.ch, 2, 2, 2))
        kld = torch.mean(-0.5 * torch.sum(1 + logvar - mu**2 - logvar.exp(), dim=1), dim=0)
        return out, F.binary_cross_entropy(out, x.clamp(0, 1)) + kld


class Seq2Seq(nn.Module):
    def __init__(self, n=5, hidden=4):
        super().__init__()
        self.encoder = nn.GRU(n, hidden, batch_first=True)
        self.cell = nn.Linear(hidden, n)
        self.decoder = nn.GRU(n, hidden, batch_first=True)

    def forward(self, x):
        _, h = self.encoder(x)
        step = x[:, -1:, :]
        outs = []
        for _ in range(3):
            o, h = self.decoder(step, h)
            step = self.cell(o)
            outs.append(step)
        return torch.cat(outs, dim=1)


class CoordAtt(nn.Module):
    def __init__(self, ch=4):
        super().__init__()
        self.pool_h = nn.AdaptiveAvgPool2d((None, 1))
        self.pool_w = nn.AdaptiveAvgPool2d((1, None))
        self.conv1 = nn.Conv2d(ch, 2, kernel_size=1)
        self.act = nn.Hardswish()
        self.conv_h = nn.Conv2d(2, ch, 1)
        self.conv_w = nn.Conv2d(2, ch, 1)

    def forward(self, x):
        identity = x
        n, c, h, w = x.size()
        x_h = self.pool_h(x)
        x_w = self.pool_w(x).permute(0, 1, 3, 2)
        y = self.act(self.conv1(torch.cat([x_h, x_w], dim=2)))
        x_h, x_w = torch.split(y, [h, w], dim=2)
        x_w = x_w.permute(0, 1, 3, 2)
        return identity * self.conv_h(x_h).sigmoid() * self.conv_w(x_w).sigmoid()
