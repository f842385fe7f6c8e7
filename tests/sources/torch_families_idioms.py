import copy
import math
from typing import Optional, Tuple

import torch
import torch.nn as nn
import torch.nn.functional as F


class Tied(nn.Module):
    def __init__(self, n=7, d=4):
        super().__init__()
        self.emb = nn.Embedding(n, d)
        self.fc = nn.Linear(d, n, bias=False)
        self.fc.weight = self.emb.weight

    def forward(self, i):
        return self.fc(self.emb(i))


class Ema(nn.Module):
    def __init__(self, c=3, momentum=0.9):
        super().__init__()
        self.register_buffer("mean", torch.zeros(c))
        self.register_buffer("steps", torch.tensor(0.0))
        self.momentum = momentum

    def forward(self, x):
        if self.training:
            m = x.mean((0, 2, 3)).detach()
            self.mean = self.momentum * self.mean + (1 - self.momentum) * m
            self.steps = self.steps + 1
        return x - self.mean.view(1, -1, 1, 1)


class Index(nn.Module):
    def forward(self, x, i):
        a = x[:, i]
        m = x > 0.5
        b = torch.where(m, x, torch.zeros_like(x))
        c = x[..., -1] * x[:, 0:1].squeeze(1)
        d = x.gather(1, i.unsqueeze(0).expand(x.size(0), -1))
        e = x.masked_fill(x < 0, 0.0).sum(1, keepdim=True)
        f = torch.index_select(x, 1, i)
        g = F.one_hot(i, 6).float()
        return a, b, c, d, e, f, g


class Loops(nn.Module):
    expansion = 2

    def __init__(self, c=4, n=4):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(c, c) for _ in range(n)])
        self.net = nn.Sequential(
            nn.Linear(c, c * self.expansion), nn.ReLU(), nn.Linear(c * self.expansion, c)
        )
        self.head = nn.Sequential(*list(self.net.children())[:-1])
        self.scale = None

    @property
    def depth(self):
        return len(self.layers)

    @staticmethod
    def act(x):
        return F.leaky_relu(x, 0.1)

    def forward(self, x):
        for i, layer in enumerate(self.layers):
            x = layer(x) if i % 2 == 0 else self.act(layer(x))
        for layer in reversed(self.layers):
            x = x + layer(x)
        x = self.layers[-1](x) + self.layers[0](x)
        for layer in self.layers[1:3]:
            x = layer(x)
        y = self.net[0](x)
        return self.head(x) + y, x * self.depth


class Reduce(nn.Module):
    def forward(self, x):
        a = x.var(dim=1, unbiased=False)
        b = x.std(1)
        c = x.norm(dim=-1)
        d = x.prod(dim=1)
        e = x.cumsum(dim=1)
        f = torch.logsumexp(x, dim=1)
        v, k = x.topk(2, dim=1)
        s, o = torch.sort(x, dim=1, descending=True)
        g = x.amax(dim=(0, 1)) - x.min()
        h = (x > 0).any(dim=1).float() + (x > -9).all(1).float()
        mean, std = torch.mean(x, dim=0), torch.std(x, dim=0, keepdim=True)
        z = (x - mean) / (std + 1e-6)
        return a, b, c, d, e, f, v, k, s, o, g, h, z, x.abs().max(dim=1).values, torch.argmax(x, -1)


class Matrix(nn.Module):
    def forward(self, x, y):
        a = torch.bmm(x, y.transpose(1, 2))
        b = torch.einsum("bik,bjk->bij", x, y)
        c = x @ y.permute(0, 2, 1)
        d = a + torch.matmul(x, y.transpose(-1, -2))
        e = torch.outer(x[0, 0], y[0, 0])
        f = x + y
        g = F.normalize(x, dim=-1)
        h = ((x.unsqueeze(2) - y.unsqueeze(1)) ** 2).sum(-1)
        t = torch.triu(a, 1) + torch.tril(b, -1)
        i = torch.eye(3)
        return a, b, c, d, e, f, g, h, t, i


class Shapes(nn.Module):
    def forward(self, x):
        b, c, h, w = x.shape
        a = x.reshape(b, c // 2, 2, h, w).transpose(1, 2).flatten(1, 2)
        u = x.unflatten(1, (2, c // 2)).sum(2)
        p = F.unfold(x, kernel_size=3, padding=1)
        f = x.flip([-1]) + torch.flip(x, [2])
        r = torch.roll(x, 1, dims=3)
        e = x[:, :1].expand(-1, c, -1, -1)
        q = x.repeat(1, 2, 1, 1).chunk(4, dim=1)[2]
        s = torch.stack(x.unbind(dim=1), dim=-1)
        m = x.movedim(1, -1) if False else x.permute(0, 2, 3, 1)
        pad = F.pad(x, [1, 2, 0, 1], mode="replicate")
        t = torch.tile(x, (1, 1, 2, 1)) if False else torch.cat([x, x], 2)
        n = x.new_zeros(b, 1) + x.new_ones((b, 1)) * x.numel()
        g = x.view(b, -1).unsqueeze(1).squeeze(1)
        k = torch.split(x, [1, c - 1], dim=1)[1]
        return a, u, p, f, r, e, q, s, m, pad, t, n, g, k


class Copies(nn.Module):
    def __init__(self, c=4):
        super().__init__()
        base = nn.Linear(c, c)
        self.layers = nn.ModuleList([copy.deepcopy(base) for _ in range(2)])
        self.bias = nn.Parameter(torch.zeros(c), requires_grad=True)
        self.fixed = 1.5
        self.alpha = None
        nn.init.uniform_(self.bias, -0.1, 0.1)
        with torch.no_grad():
            self.layers[0].weight.fill_(0.25)

    def forward(self, x, mask: Optional[torch.Tensor] = None) -> Tuple[torch.Tensor, torch.Tensor]:
        for layer in self.layers:
            x = torch.tanh(layer(x)) + self.bias * self.fixed
        if mask is not None:
            x = x * mask
        return x, x.detach() * 2


class Losses(nn.Module):
    def __init__(self):
        super().__init__()
        self.ce = nn.CrossEntropyLoss(label_smoothing=0.1)
        self.l1 = nn.SmoothL1Loss(beta=0.5)
        self.bce = nn.BCEWithLogitsLoss(reduction="none")

    def forward(self, x, y):
        t = torch.argmax(y, dim=1)
        p = torch.softmax(y, 1)
        return (
            self.ce(x, t),
            self.l1(x, y),
            self.bce(x, p).mean(),
            F.l1_loss(x, y, reduction="sum"),
            F.mse_loss(x, y),
        )
