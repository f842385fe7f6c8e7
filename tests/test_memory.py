"""What torch gives as the same memory: the rules must not take it for a tensor of its own."""

from __future__ import annotations

import json
import subprocess

import pytest

from convmap.backends.environments import clean_environment, locate
from convmap.rules import load

# API: a call on x, 2x4x4x4 of ones, whose result may share x's memory where the rules don't say "fresh".
CALLS = {
    "Tensor.detach": "x.detach()",
    "Tensor.float": "x.float()",
    "Tensor.to": "x.to(torch.float32)",
    "Tensor.type": "x.type(torch.float32)",
    "Tensor.type_as": "x.type_as(x)",
    "Tensor.contiguous": "x.contiguous()",
    "Tensor.unfold": "x.unfold(1, 2, 1)",
    "Tensor.clone": "x.clone()",
    "Tensor.repeat": "x.repeat(1, 1, 1, 1)",
    "Tensor.repeat_interleave": "x.repeat_interleave(1)",
    "Tensor.cumsum": "x.cumsum(0)",
    "Tensor.amax": "x.amax(dim=())",
    "as_tensor": "torch.as_tensor(x)",
    "tensor": "torch.tensor(x)",
    "autograd.Variable": "torch.autograd.Variable(x)",
    "meshgrid": "torch.meshgrid(x[0, 0, 0], x[0, 0, 0], indexing='ij')[0]",
    "where": "torch.where(x > 0, x, x)",
    "roll": "torch.roll(x, 0, 0)",
    "flip": "torch.flip(x, [])",
    "tile": "torch.tile(x, (1,))",
    "cat": "torch.cat([x])",
    "tril": "torch.tril(x)",
    "diff": "torch.diff(x, n=0)",
    "clamp": "torch.clamp(x, 0, 2)",
    "nn.functional.pad": "F.pad(x, (0, 0))",
    "nn.functional.interpolate": "F.interpolate(x, scale_factor=1)",
    "nn.functional.pixel_shuffle": "F.pixel_shuffle(x, 1)",
    "nn.functional.pixel_unshuffle": "F.pixel_unshuffle(x, 1)",
    "nn.functional.adaptive_avg_pool2d": "F.adaptive_avg_pool2d(x, 4)",
    "nn.functional.avg_pool2d": "F.avg_pool2d(x, 1)",
    "nn.functional.max_pool2d": "F.max_pool2d(x, 1)",
    "nn.functional.normalize": "F.normalize(x)",
    "nn.ReflectionPad2d": "nn.ReflectionPad2d(0)(x)",
    "nn.ReplicationPad2d": "nn.ReplicationPad2d(0)(x)",
    "nn.ZeroPad2d": "nn.ZeroPad2d(0)(x)",
    "nn.Upsample": "nn.Upsample(scale_factor=1)(x)",
    "nn.Identity": "nn.Identity()(x)",
    "nn.Flatten": "nn.Flatten()(x)",
}
ASK = """import json, sys, torch, torch.nn as nn, torch.nn.functional as F
x = torch.ones(2, 4, 4, 4)
calls = json.load(sys.stdin)
print(json.dumps({api: eval(call).data_ptr() == x.data_ptr() for api, call in calls.items()}))
"""


@pytest.mark.frameworks
def test_what_shares_memory_is_not_called_new() -> None:
    told = subprocess.run(
        [locate("torch"), "-W", "ignore", "-c", ASK],
        input=json.dumps(CALLS), capture_output=True, text=True, check=True, env=clean_environment(),
    )  # fmt: skip
    shares = json.loads(told.stdout.strip().splitlines()[-1])
    by_api = load().frameworks["torch"].by_api
    said = {api: all(b.operator.fresh for b in by_api[f"torch.{api}"]) for api in CALLS}
    assert {api for api in CALLS if shares[api] and said[api]} == set()
    # and the list would show it
    assert {"Tensor.detach", "Tensor.float", "as_tensor", "nn.Identity"} <= {
        api for api in CALLS if shares[api]
    }
    assert {"Tensor.clone", "where", "nn.ZeroPad2d"} <= {
        api for api in CALLS if not shares[api] and said[api]
    }
