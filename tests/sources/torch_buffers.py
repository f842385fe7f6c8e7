import torch
import torch.nn as nn
from torch.nn import init


class PosEnc(nn.Module):
    def __init__(self, dim, length=8):
        super().__init__()
        pe = torch.zeros(length, dim)
        position = torch.arange(0, length, dtype=torch.float).unsqueeze(1)
        pe[:, 0::2] = torch.sin(position * 0.1)
        pe[:, 1::2] = torch.cos(position * 0.1)
        self.register_buffer("pe", pe)
        self.emb = nn.Embedding(10, dim)
        self.add_module("proj", nn.Linear(dim, dim))

    def forward(self, x):
        x = x + self.pe[: x.size(1)]
        return self.proj(x)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.enc = PosEnc(6)
        self.conv = nn.Conv1d(6, 4, 3)
        for m in self.modules():
            if isinstance(m, nn.Conv1d):
                init.kaiming_normal_(m.weight, mode="fan_out", nonlinearity="relu")
                m.bias.data.zero_()
            elif isinstance(m, nn.Linear):
                m.weight.data.normal_(0, 0.02)
                nn.init.constant_(m.bias.data, 0.1)

    def forward(self, x):
        y = self.enc(x)
        if self.training:
            y = y * 2
        return self.conv(y.transpose(1, 2)).max(dim=-1)[0]
