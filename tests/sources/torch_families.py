"""Small models in the idioms of well-known families, for verification."""

import math
from collections import OrderedDict
from functools import partial
from typing import List, Optional, Tuple

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor


class ConvBNAct(nn.Sequential):
    def __init__(self, in_ch, out_ch, kernel=3, stride=1, groups=1, norm_layer=None, act_layer=nn.ReLU6):
        padding = (kernel - 1) // 2
        if norm_layer is None:
            norm_layer = nn.BatchNorm2d
        super().__init__(
            nn.Conv2d(in_ch, out_ch, kernel, stride, padding, groups=groups, bias=False),
            norm_layer(out_ch),
            act_layer(inplace=True),
        )


class InvertedResidual(nn.Module):
    def __init__(self, inp, oup, stride, expand):
        super().__init__()
        hidden = int(round(inp * expand))
        self.use_res = stride == 1 and inp == oup
        layers: List[nn.Module] = []
        if expand != 1:
            layers.append(ConvBNAct(inp, hidden, kernel=1))
        layers.extend(
            [
                ConvBNAct(hidden, hidden, stride=stride, groups=hidden),
                nn.Conv2d(hidden, oup, 1, 1, 0, bias=False),
                nn.BatchNorm2d(oup),
            ]
        )
        self.conv = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        if self.use_res:
            return x + self.conv(x)
        return self.conv(x)


class MobileNet(nn.Module):
    def __init__(self, classes=5):
        super().__init__()
        setting = [[1, 8, 1, 1], [2, 12, 2, 2]]
        features = [ConvBNAct(3, 8, stride=2)]
        ch = 8
        for t, c, n, s in setting:
            for i in range(n):
                features.append(InvertedResidual(ch, c, s if i == 0 else 1, t))
                ch = c
        self.features = nn.Sequential(*features)
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(ch, classes))
        for m in self.modules():
            if isinstance(m, nn.Conv2d):
                nn.init.kaiming_normal_(m.weight, mode="fan_out")
                if m.bias is not None:
                    nn.init.zeros_(m.bias)
            elif isinstance(m, (nn.BatchNorm2d, nn.GroupNorm)):
                nn.init.ones_(m.weight)
                nn.init.zeros_(m.bias)
            elif isinstance(m, nn.Linear):
                nn.init.normal_(m.weight, 0, 0.01)
                nn.init.zeros_(m.bias)

    def forward(self, x):
        x = self.features(x)
        x = nn.functional.adaptive_avg_pool2d(x, (1, 1))
        x = torch.flatten(x, 1)
        return self.classifier(x)


def channel_shuffle(x: Tensor, groups: int) -> Tensor:
    b, c, h, w = x.size()
    x = x.view(b, groups, c // groups, h, w)
    x = torch.transpose(x, 1, 2).contiguous()
    return x.view(b, -1, h, w)


class Shuffle(nn.Module):
    def __init__(self, ch=8):
        super().__init__()
        half = ch // 2
        self.branch = nn.Sequential(
            nn.Conv2d(half, half, 1, bias=False),
            nn.BatchNorm2d(half),
            nn.ReLU(inplace=True),
            nn.Conv2d(half, half, 3, padding=1, groups=half, bias=False),
            nn.BatchNorm2d(half),
        )

    def forward(self, x):
        x1, x2 = x.chunk(2, dim=1)
        out = torch.cat((x1, self.branch(x2)), dim=1)
        return channel_shuffle(out, 2)


class SqueezeExcite(nn.Module):
    def __init__(self, ch, ratio=0.25, act=nn.ReLU, gate=nn.Hardsigmoid):
        super().__init__()
        mid = max(1, int(ch * ratio))
        self.reduce = nn.Conv2d(ch, mid, 1)
        self.act = act(inplace=True)
        self.expand = nn.Conv2d(mid, ch, 1)
        self.gate = gate()

    def forward(self, x):
        s = x.mean((2, 3), keepdim=True)
        s = self.expand(self.act(self.reduce(s)))
        return x * self.gate(s)


class CBAM(nn.Module):
    def __init__(self, ch=8):
        super().__init__()
        self.mlp = nn.Sequential(nn.Flatten(), nn.Linear(ch, ch // 2), nn.ReLU(), nn.Linear(ch // 2, ch))
        self.spatial = nn.Conv2d(2, 1, 7, padding=3)
        self.se = SqueezeExcite(ch)

    def forward(self, x):
        avg = self.mlp(F.avg_pool2d(x, (x.size(2), x.size(3)), stride=(x.size(2), x.size(3))))
        top = self.mlp(F.max_pool2d(x, (x.size(2), x.size(3)), stride=(x.size(2), x.size(3))))
        scale = torch.sigmoid(avg + top).unsqueeze(2).unsqueeze(3).expand_as(x)
        x = x * scale
        pooled = torch.cat((torch.max(x, 1)[0].unsqueeze(1), torch.mean(x, 1).unsqueeze(1)), dim=1)
        return self.se(x * torch.sigmoid(self.spatial(pooled)))


class LayerNorm2d(nn.LayerNorm):
    def forward(self, x):
        x = x.permute(0, 2, 3, 1)
        x = F.layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps)
        return x.permute(0, 3, 1, 2)


class ConvNeXtBlock(nn.Module):
    def __init__(self, dim=8, layer_scale=1e-2):
        super().__init__()
        self.dwconv = nn.Conv2d(dim, dim, kernel_size=7, padding=3, groups=dim)
        self.norm = nn.LayerNorm(dim, eps=1e-6)
        self.pwconv1 = nn.Linear(dim, 4 * dim)
        self.act = nn.GELU()
        self.pwconv2 = nn.Linear(4 * dim, dim)
        self.gamma = (
            nn.Parameter(layer_scale * torch.ones((dim)), requires_grad=True) if layer_scale > 0 else None
        )

    def forward(self, x):
        shortcut = x
        x = self.dwconv(x)
        x = x.permute(0, 2, 3, 1)
        x = self.norm(x)
        x = self.pwconv2(self.act(self.pwconv1(x)))
        if self.gamma is not None:
            x = self.gamma * x
        x = x.permute(0, 3, 1, 2)
        return shortcut + x


class Mlp(nn.Module):
    def __init__(self, dim, hidden=None, act_layer=nn.GELU, drop=0.0):
        super().__init__()
        hidden = hidden or dim
        self.fc1 = nn.Linear(dim, hidden)
        self.act = act_layer()
        self.fc2 = nn.Linear(hidden, dim)
        self.drop = nn.Dropout(drop)

    def forward(self, x):
        return self.drop(self.fc2(self.drop(self.act(self.fc1(x)))))


class Attention(nn.Module):
    def __init__(self, dim, heads=2, qkv_bias=True):
        super().__init__()
        self.heads = heads
        self.scale = (dim // heads) ** -0.5
        self.qkv = nn.Linear(dim, dim * 3, bias=qkv_bias)
        self.proj = nn.Linear(dim, dim)

    def forward(self, x):
        B, N, C = x.shape
        qkv = self.qkv(x).reshape(B, N, 3, self.heads, C // self.heads).permute(2, 0, 3, 1, 4)
        q, k, v = qkv.unbind(0)
        attn = (q * self.scale) @ k.transpose(-2, -1)
        attn = attn.softmax(dim=-1)
        x = (attn @ v).transpose(1, 2).reshape(B, N, C)
        return self.proj(x)


class DropPath(nn.Module):
    def __init__(self, p: float = 0.0):
        super().__init__()
        self.p = p

    def forward(self, x):
        if self.p == 0.0 or not self.training:
            return x
        keep = 1 - self.p
        shape = (x.shape[0],) + (1,) * (x.ndim - 1)
        mask = keep + torch.rand(shape, dtype=x.dtype, device=x.device)
        mask = mask.floor()
        return x.div(keep) * mask


class ViT(nn.Module):
    def __init__(
        self, img=16, patch=4, dim=8, depth=2, classes=5, norm_layer=partial(nn.LayerNorm, eps=1e-6)
    ):
        super().__init__()
        self.proj = nn.Conv2d(3, dim, kernel_size=patch, stride=patch)
        n = (img // patch) ** 2
        self.cls_token = nn.Parameter(torch.zeros(1, 1, dim))
        self.pos_embed = nn.Parameter(torch.zeros(1, n + 1, dim))
        dpr = [x.item() for x in torch.linspace(0, 0.1, depth)]
        self.blocks = nn.ModuleList(
            [
                nn.ModuleDict(
                    {
                        "norm1": norm_layer(dim),
                        "attn": Attention(dim),
                        "norm2": norm_layer(dim),
                        "mlp": Mlp(dim, dim * 2),
                        "path": DropPath(dpr[i]),
                    }
                )
                for i in range(depth)
            ]
        )
        self.norm = norm_layer(dim)
        self.head = nn.Linear(dim, classes) if classes > 0 else nn.Identity()
        nn.init.trunc_normal_(self.pos_embed, std=0.02)
        self.apply(self._init_weights)

    def _init_weights(self, m):
        if isinstance(m, nn.Linear):
            nn.init.trunc_normal_(m.weight, std=0.02)
            if isinstance(m, nn.Linear) and m.bias is not None:
                nn.init.constant_(m.bias, 0)
        elif isinstance(m, nn.LayerNorm):
            nn.init.constant_(m.bias, 0)
            nn.init.constant_(m.weight, 1.0)

    def forward(self, x):
        x = self.proj(x).flatten(2).transpose(1, 2)
        cls = self.cls_token.expand(x.shape[0], -1, -1)
        x = torch.cat((cls, x), dim=1)
        x = x + self.pos_embed
        for blk in self.blocks:
            x = x + blk["path"](blk["attn"](blk["norm1"](x)))
            x = x + blk["path"](blk["mlp"](blk["norm2"](x)))
        x = self.norm(x)
        return self.head(x[:, 0])


def window_partition(x, window_size: int):
    B, H, W, C = x.shape
    x = x.view(B, H // window_size, window_size, W // window_size, window_size, C)
    return x.permute(0, 1, 3, 2, 4, 5).contiguous().view(-1, window_size, window_size, C)


def window_reverse(windows, window_size: int, H: int, W: int):
    B = int(windows.shape[0] / (H * W / window_size / window_size))
    x = windows.view(B, H // window_size, W // window_size, window_size, window_size, -1)
    return x.permute(0, 1, 3, 2, 4, 5).contiguous().view(B, H, W, -1)


class Swin(nn.Module):
    def __init__(self, dim=8, size=8, window=4, heads=2):
        super().__init__()
        self.window, self.shift, self.heads = window, window // 2, heads
        self.relative_position_bias_table = nn.Parameter(
            torch.zeros((2 * window - 1) * (2 * window - 1), heads)
        )
        coords_h = torch.arange(window)
        coords_w = torch.arange(window)
        coords = torch.stack(torch.meshgrid([coords_h, coords_w], indexing="ij"))
        flat = torch.flatten(coords, 1)
        rel = flat[:, :, None] - flat[:, None, :]
        rel = rel.permute(1, 2, 0).contiguous()
        rel = rel + (window - 1)
        index = rel[:, :, 0] * (2 * window - 1) + rel[:, :, 1]
        self.register_buffer("relative_position_index", index)
        self.qkv = nn.Linear(dim, dim * 3)
        self.proj = nn.Linear(dim, dim)
        self.reduction = nn.Linear(4 * dim, 2 * dim, bias=False)
        self.norm = nn.LayerNorm(4 * dim)

    def forward(self, x):
        B, H, W, C = x.shape
        shifted = torch.roll(x, shifts=(-self.shift, -self.shift), dims=(1, 2))
        windows = window_partition(shifted, self.window).view(-1, self.window * self.window, C)
        n, N, _ = windows.shape
        qkv = self.qkv(windows).reshape(n, N, 3, self.heads, C // self.heads).permute(2, 0, 3, 1, 4)
        q, k, v = qkv[0], qkv[1], qkv[2]
        attn = q @ k.transpose(-2, -1) / math.sqrt(C // self.heads)
        bias = self.relative_position_bias_table[self.relative_position_index.view(-1)].view(N, N, -1)
        bias = bias.permute(2, 0, 1).contiguous()
        attn = F.softmax(attn + bias.unsqueeze(0), dim=-1)
        y = (attn @ v).transpose(1, 2).reshape(n, N, C)
        y = self.proj(y).view(-1, self.window, self.window, C)
        y = torch.roll(window_reverse(y, self.window, H, W), shifts=(self.shift, self.shift), dims=(1, 2))
        x = x + y
        x0 = x[:, 0::2, 0::2, :]
        x1 = x[:, 1::2, 0::2, :]
        x2 = x[:, 0::2, 1::2, :]
        x3 = x[:, 1::2, 1::2, :]
        x = torch.cat([x0, x1, x2, x3], -1)
        x = x.view(B, -1, 4 * C)
        return self.reduction(self.norm(x))


class DenseLayer(nn.Module):
    def __init__(self, ch, growth):
        super().__init__()
        self.add_module("norm1", nn.BatchNorm2d(ch))
        self.add_module("relu1", nn.ReLU(inplace=True))
        self.add_module("conv1", nn.Conv2d(ch, growth, kernel_size=3, stride=1, padding=1, bias=False))

    def forward(self, inputs: List[Tensor]) -> Tensor:
        x = torch.cat(inputs, 1)
        return self.conv1(self.relu1(self.norm1(x)))


class DenseNet(nn.Module):
    def __init__(self, growth=4, n=3):
        super().__init__()
        self.features = nn.Sequential(
            OrderedDict(
                [
                    ("conv0", nn.Conv2d(3, 6, kernel_size=3, padding=1, bias=False)),
                    ("norm0", nn.BatchNorm2d(6)),
                    ("relu0", nn.ReLU(inplace=True)),
                    ("pool0", nn.MaxPool2d(kernel_size=3, stride=2, padding=1)),
                ]
            )
        )
        self.block = nn.ModuleList()
        for i in range(n):
            self.block.append(DenseLayer(6 + i * growth, growth))

    def forward(self, x):
        features = [self.features(x)]
        for layer in self.block:
            features.append(layer(features))
        out = torch.cat(features, 1)
        return F.relu(out, inplace=True).sum(dim=(2, 3))


class Bottle2neck(nn.Module):
    def __init__(self, ch=8, scale=4):
        super().__init__()
        width = ch // scale
        self.nums = scale - 1
        self.conv1 = nn.Conv2d(ch, width * scale, 1, bias=False)
        self.convs = nn.ModuleList(
            [nn.Conv2d(width, width, 3, padding=1, bias=False) for _ in range(self.nums)]
        )
        self.bns = nn.ModuleList([nn.BatchNorm2d(width) for _ in range(self.nums)])
        self.width = width

    def forward(self, x):
        out = self.conv1(x)
        spx = torch.split(out, self.width, 1)
        sp = spx[0]
        outs = []
        for i, (conv, bn) in enumerate(zip(self.convs, self.bns)):
            sp = sp + spx[i] if i > 0 else spx[i]
            sp = F.relu(bn(conv(sp)))
            outs.append(sp)
        outs.append(spx[self.nums])
        return torch.cat(outs, 1) + x


class ASPP(nn.Module):
    def __init__(self, ch=4, rates=(1, 2, 3)):
        super().__init__()
        self.branches = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(ch, ch, 3, padding=r, dilation=r, bias=False), nn.BatchNorm2d(ch), nn.ReLU()
            )
            for r in rates
        )
        self.pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(ch, ch, 1), nn.ReLU())
        self.project = nn.Conv2d(ch * (len(rates) + 1), 2, 1)

    def forward(self, x):
        size = x.shape[-2:]
        out = [branch(x) for branch in self.branches]
        pooled = F.interpolate(self.pool(x), size=size, mode="bilinear", align_corners=False)
        out.append(pooled)
        out = self.project(torch.cat(out, dim=1))
        return F.interpolate(out, scale_factor=2, mode="bicubic", align_corners=False)


class FPN(nn.Module):
    def __init__(self, chs=(4, 8), out=4):
        super().__init__()
        self.body = nn.ModuleList([nn.Conv2d(3, chs[0], 3, 1, 1), nn.Conv2d(chs[0], chs[1], 3, 2, 1)])
        self.inner = nn.ModuleList([nn.Conv2d(c, out, 1) for c in chs])
        self.layer = nn.ModuleList([nn.Conv2d(out, out, 3, padding=1) for _ in chs])

    def forward(self, x) -> List[Tensor]:
        feats = []
        for conv in self.body:
            x = F.silu(conv(x))
            feats.append(x)
        last = self.inner[-1](feats[-1])
        results = [self.layer[-1](last)]
        for idx in range(len(feats) - 2, -1, -1):
            lateral = self.inner[idx](feats[idx])
            top = F.interpolate(last, size=lateral.shape[-2:], mode="nearest")
            last = lateral + top
            results.insert(0, self.layer[idx](last))
        return results


class TimeUNet(nn.Module):
    def __init__(self, ch=8):
        super().__init__()
        self.time = nn.Sequential(nn.Linear(ch, ch * 2), nn.SiLU(), nn.Linear(ch * 2, ch))
        self.conv_in = nn.Conv2d(3, ch, 3, padding=1)
        self.norm = nn.GroupNorm(2, ch, eps=1e-5)
        self.down = nn.Conv2d(ch, ch, 3, stride=2, padding=1)
        self.attn = nn.MultiheadAttention(ch, 2, batch_first=True)
        self.up = nn.ConvTranspose2d(ch, ch, 4, 2, 1)
        self.out = nn.Conv2d(ch * 2, 3, 3, padding=1)
        self.ch = ch

    def embed(self, t: Tensor) -> Tensor:
        half = self.ch // 2
        freqs = torch.exp(-math.log(10000) * torch.arange(start=0, end=half, dtype=torch.float32) / half)
        args = t[:, None].float() * freqs[None]
        return torch.cat([torch.cos(args), torch.sin(args)], dim=-1)

    def forward(self, x, t):
        emb = self.time(self.embed(t))
        h = self.conv_in(x)
        skip = h
        h = F.silu(self.norm(h)) + emb[:, :, None, None]
        h = self.down(h)
        b, c, hh, ww = h.shape
        seq = h.view(b, c, hh * ww).permute(0, 2, 1)
        seq = seq + self.attn(seq, seq, seq)[0]
        h = seq.permute(0, 2, 1).reshape(b, c, hh, ww)
        h = self.up(h)
        return self.out(torch.cat([h, skip], dim=1))


class CRNN(nn.Module):
    def __init__(self, classes=7):
        super().__init__()
        self.cnn = nn.Sequential(
            nn.Conv2d(1, 4, 3, 1, 1),
            nn.ReLU(True),
            nn.MaxPool2d(2, 2),
            nn.Conv2d(4, 8, 3, 1, 1),
            nn.BatchNorm2d(8),
            nn.ReLU(True),
            nn.MaxPool2d((2, 2), (2, 1), (0, 1)),
        )
        self.rnn = nn.LSTM(16, 6, bidirectional=True)
        self.fc = nn.Linear(12, classes)

    def forward(self, x):
        conv = self.cnn(x)
        b, c, h, w = conv.size()
        conv = conv.reshape(b, c * h, w).permute(2, 0, 1)
        recurrent, _ = self.rnn(conv)
        T, b, h = recurrent.size()
        out = self.fc(recurrent.view(T * b, h)).view(T, b, -1)
        return F.log_softmax(out, dim=2)


class VectorQuantizer(nn.Module):
    def __init__(self, n=6, dim=4, beta=0.25):
        super().__init__()
        self.beta = beta
        self.embedding = nn.Embedding(n, dim)
        self.embedding.weight.data.uniform_(-1.0 / n, 1.0 / n)
        self.enc = nn.Conv2d(3, dim, 1)

    def forward(self, x):
        z = self.enc(x).permute(0, 2, 3, 1).contiguous()
        flat = z.view(-1, z.shape[-1])
        d = (
            torch.sum(flat**2, dim=1, keepdim=True)
            + torch.sum(self.embedding.weight**2, dim=1)
            - 2 * torch.matmul(flat, self.embedding.weight.t())
        )
        index = torch.argmin(d, dim=1)
        q = self.embedding(index).view(z.shape)
        loss = torch.mean((q.detach() - z) ** 2) + self.beta * torch.mean((q - z.detach()) ** 2)
        q = z + (q - z).detach()
        return q.permute(0, 3, 1, 2).contiguous(), loss
