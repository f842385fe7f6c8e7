import torch
import torch.nn as nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(6, 5, num_layers=2, bidirectional=True, batch_first=True)
        self.gru = nn.GRU(10, 4)
        self.attention = nn.MultiheadAttention(4, 2, batch_first=True)
        self.plain = nn.MultiheadAttention(4, 2, bias=False)
        self.parts = nn.ModuleDict({"a": nn.Linear(4, 4), "b": nn.ReLU()})
        self.parts["c"] = nn.Linear(4, 3)
        self.register_parameter("scale", nn.Parameter(torch.ones(3)))
        self.register_parameter("none", None)

    def forward(self, x):
        torch._assert(x.dim() == 3, "three axes")
        out, (h, c) = self.lstm(x)
        out, last = self.gru(out)
        mask = torch.triu(torch.ones(x.size(1), x.size(1)), 1) > 0
        seen, weights = self.attention(out, out, out, attn_mask=mask)
        more, _ = self.plain(seen, seen, seen, need_weights=False)
        more = self.parts["b"](self.parts["a"](more))
        if "c" in self.parts:
            more = self.parts["c"](more) * self.scale
        return more, h, c, last, weights
