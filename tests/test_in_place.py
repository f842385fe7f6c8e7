"""Changes in place: written without the change where nothing else can see it, and said everywhere else."""

from __future__ import annotations

import pytest
from dialects import port_text

HEAD = (
    "import torch\nimport torch.nn as nn\nimport torch.nn.functional as F\n\n\nclass N(nn.Module):\n"
    "    def __init__(self, part):\n        super().__init__()\n        self.conv = nn.Conv2d(3, 3, 1)\n"
    "        self.drop = nn.Dropout(0.5)\n        self.part = part\n\n    def forward(self, x, y):\n"
)


def port(lines: str, target: str = "mindspore") -> tuple[list[str], set[str]]:
    text = HEAD + "".join(f"        {line}\n" for line in lines.split("; "))
    found = port_text(text, "torch", target)
    body = found.after.split(
        "def construct(self, x, y):\n" if target == "mindspore" else "forward(self, x, y):\n"
    )[1]
    return [line.strip() for line in body.splitlines()], {
        d.code for d in found.diagnostics if d.severity != "note"
    }


# The tensor was made here and nothing else holds it.
PRIVATE = [
    "z = self.conv(x); z += y; return z",
    "z = self.conv(x); z = self.drop(z); z += y; return z",
    "z = self.conv(x); z = self.part(z); z += y; return z",
    "z = self.conv(x).flatten(2).transpose(1, 2); z += 1; return z",
    "z = x * 2; z[:, 0] = 1; return z",
    "z = x * 2; w = z.mean(); z += w; return z",
    "z = x * 2; n = z.size(0); z += n; return z",
    "z = torch.cat([x, y]); w = torch.cat([z, z]); z += 1; return z, w",
    "z = (x * 2).float(); z -= 1; return z",
    "z = (x * 2).detach(); z /= 2; return z",
    "z = torch.einsum('nchw,nchw->nc', x, y); z += 1; return z",
]  # fmt: skip


@pytest.mark.parametrize("target", ["mindspore", "megengine"])
@pytest.mark.parametrize("lines", PRIVATE)
def test_a_private_change_stays(lines: str, target: str) -> None:
    assert port(lines, target)[1] == set()


# x of the caller, an alias, a view, a list, a closure, another name for it, a buffer.
SEEN = [
    "x += 1; return x",
    "z = x; z += 1; return z",
    "z = x * 2; w = z; z += 1; return w",
    "z = x * 2; w = z[0]; z += 1; return w",
    "z = x * 2; w = z.view(-1); z += 1; return w",
    "z = x * 2; w = self.drop(z); z += 1; return w",
    "z = x * 2; all = [z]; z += 1; return all",
    "all = [x]; z = x * 2; all += [z]; z += 1; return all",
    "z = x * 2; all = [x] + [z]; z += 1; return all",
    "z = x * 2; g = lambda: z; z += 1; return g",
    "z = x * 2; keep(z); z += 1; return z",
    "z = self.drop(x); z += 1; return z",
    "z = x.view(-1); z[0] = 1; return z",
    "z = other(x); z = torch.relu(z) if y is None else z; z += y; return z",
    # what torch gives may be the same memory
    "z = x.detach(); z += 1; return x",
    "z = x.data; z += 1; return x",
    "z = x.float(); z -= 1; return x",
    "z = x.to(torch.float32); z /= 2; return x",
    "z = x.type_as(y); z[0] = 1; return x",
    "z = torch.as_tensor(x); z += 1; return x",
    "z = torch.einsum('nchw->ncwh', x); z += 1; return x",
    "z = x.unfold(1, 2, 1); z += 1; return x",
    "z = torch.autograd.Variable(x); z += 1; return x",
    "z = x * 2; w = z.detach(); z += 1; return w",
    "z = x * 2; w = z.float(); z **= 2; return w",
]  # fmt: skip


@pytest.mark.parametrize("lines", SEEN)
def test_a_change_that_something_else_may_see_is_said(lines: str) -> None:
    assert "CM210" in port(lines)[1]


@pytest.mark.parametrize(
    "lines,written",
    [
        ("z = self.conv(x); z.mul_(2); return z", "z = ops.mul(z, 2)"),
        ("z = self.conv(x); z.mul_(2).add_(1); return z", "z = ops.add(ops.mul(z, 2), 1)"),
        ("z = self.conv(x); z.mul_(z.mean()); return z", "z = ops.mul(z, ops.mean(z))"),
        ("z = self.conv(x); z = z.clamp_(0, 1); return z", "z = ops.clamp(z, 0, 1)"),
        ("z = self.conv(x); return z.sqrt_()", "return ops.sqrt(z)"),
        ("z = self.conv(x); (z.mul_(2)); return z", "z = (ops.mul(z, 2))"),
        ("return (x + y).sqrt_()", "return ops.sqrt(x + y)"),
        ("z = self.conv(x); return F.relu(z, inplace=True)", "return ops.relu(z)"),
        ("z = self.conv(x); z[0, 1:].zero_(); return z", "z[0, 1:] = 0"),
        ("z = self.conv(x); z[:, -1].fill_(0.5); return z", "z[:, -1] = 0.5"),
        ("z = self.conv(x); (z[0].zero_()); return z", "z[0] = (ops.zeros_like(z[0]))"),
        ("z = self.conv(x); z[0].copy_(y); z[1].mul_(2); return z", "z[1] = ops.mul(z[1], 2)"),
    ],
)
def test_a_method_that_changes_a_private_tensor_is_rebound(lines: str, written: str) -> None:
    after, codes = port(lines)
    assert written in after and not codes


@pytest.mark.parametrize(
    "lines",
    [
        "x.mul_(2); return x",
        "z = self.conv(x); w = z; z.mul_(2); return w",
        "z = self.conv(x); w = z.mul_(2); return z, w",
        "z = self.conv(x); z.mul_(2).add_(z); return z",
        "z = self.conv(x); z = F.relu(z, inplace=True) + z; return z",
        "z = self.conv(x); return F.relu(z, inplace=True) + z",
        "x[0].zero_(); return x",
        "z = self.conv(x); w = z[0]; z[0].zero_(); return w",
        "z = self.conv(x); z[y > 0].zero_(); return z",
        "z = self.conv(x); z[::2].mul_(2); return z",
        "z = self.conv(x); z[self.next()].mul_(2); return z",
        "z = self.conv(x); return z[0].zero_()",
        "z = self.conv(x); z[0].mul_(2).add_(1); return z",
    ],
)
def test_a_method_whose_change_is_read_is_refused(lines: str) -> None:
    after, codes = port(lines)
    assert codes == {"CM210"} and any(line.strip() in after for line in lines.split("; "))


@pytest.mark.parametrize(
    "index,right", [("0", True), (":, -1", True), ("..., None", True), ("y > 0", False), ("y", False)]
)
def test_masks_are_not_assigned_in_megengine(index: str, right: bool) -> None:
    lines = f"z = x * 2; z[{index}] = 1.0; return z"
    assert port(lines, "megengine")[1] == (set() if right else {"CM211"})
    assert port(lines, "mindspore")[1] == set()


@pytest.mark.parametrize(
    "lines,written",
    [
        ("return x[:, ::2]", "return stepped(x)[:, ::2]"),
        ("return x[:, ::1, 0]", "return x[:, ::1, 0]"),
        ("return self.conv(x)[..., 1::2, None]", "return stepped(self.conv(x))[..., 1::2, None]"),
        ("return torch.relu(x)[::2]", "return stepped(ops.relu(x))[::2]"),
        ("return self.names[::2]", "return self.names[::2]"),
        ("z = x * 2; z[:, ::2] = 1; return z", "z[:, ::2] = 1"),
    ],
)
def test_slices_with_a_step(lines: str, written: str) -> None:
    after, codes = port(lines)
    assert written in after and not codes


def test_a_change_through_a_slice_with_a_step_is_refused() -> None:
    assert port("z = x * 2; z[:, ::2] += 1; return z")[1] == {"CM202"}


FILLING = "import torch\nimport torch.nn as nn\nclass Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n        self.fc = nn.Linear(3, 4)\n        {lines}\n"


@pytest.mark.parametrize("target", ["mindspore", "megengine"])
@pytest.mark.parametrize(
    "lines,codes",
    [
        ("nn.init.zeros_(self.fc.weight)", []),
        ("self.fc.weight.data.zero_()", []),
        ("self.fc.weight.detach().zero_()", []),
        ("for p in self.parameters(): p.detach().zero_()", []),
        ("w = self.fc.weight.detach(); w.zero_()", ["CM210"]),
        ("w = self.fc.weight; nn.init.zeros_(w)", []),
        ("for p in self.parameters(): nn.init.zeros_(p)", []),
        ("self.w = nn.init.normal_(nn.Parameter(torch.empty(3)))", []),
        ("w = torch.empty(3); w.zero_(); self.w = nn.Parameter(w)", []),
        # Torch's views are the parameter's own memory.
        ("nn.init.zeros_(self.fc.weight[0])", ["CM210"]),
        ("self.fc.weight.data[0].zero_()", ["CM210"]),
        ("w = self.fc.weight.data; w.uniform_(0, 1)", ["CM210"]),
        ("w = self.fc.weight.data; nn.init.xavier_uniform_(w.view(4, -1))", ["CM210"]),
        ("for w in self.fc.weight.chunk(2): nn.init.zeros_(w)", ["CM210"]),
        # Of which layer is open, so is the layout.
        ("for m in self.modules(): [nn.init.zeros_(w) for w in m.weight]", ["CM201", "CM210"]),
        (
            "for m in self.modules(): [nn.init.zeros_(w) for w in (m.weight[0], m.weight[1])]",
            ["CM201", "CM210"],
        ),
        ("for w in (self.fc.weight, self.fc.bias): nn.init.zeros_(w)", []),
        # What takes a parameter's place would be none.
        ("w = nn.Parameter(torch.ones(3)); w.mul_(2.0); self.w = w", ["CM210"]),
        ("self.w = nn.Parameter(nn.init.zeros_(torch.empty(3)))", ["CM202"]),
    ],
)
def test_what_initialisers_fill(lines: str, codes: list[str], target: str) -> None:
    text = FILLING.format(lines=lines.replace("; ", "\n        "))
    port = port_text(text, "torch", target)
    assert sorted({d.code for d in port.diagnostics if d.severity != "note"}) == codes


OWN = """import torch
import torch.nn as nn
class Net(nn.Module):
    def __init__(self, given):
        super().__init__()
        self.conv = nn.Conv1d(3, 3, 1)
        {lines}
        self.part = nn.ReLU()
    def keep(self):
        self.kept = self.m[1:]
"""


@pytest.mark.parametrize("target", ["mindspore", "megengine"])
@pytest.mark.parametrize(
    "lines,own",
    [
        ("self.register_buffer('m', torch.ones(3)); self.m[0] = 2", True),
        ("self.m = torch.ones(3); self.m.fill_(2.0); self.m[1:] = 0", True),
        ("self.register_buffer('m', self.conv.bias.data.clone()); self.m[1:] = 0", True),
        ("self.m = torch.ones(3); n = self.m.sum(); self.m[1:] = 0", True),
        ("m = torch.ones(3); self.register_buffer('m', m); self.m[0] = 2", False),
        ("self.m = torch.ones(3); self.keep(); self.m[0] = 2", False),
        ("self.m = torch.ones(3); given(self); self.m[0] = 2", False),
        ("self.m = torch.ones(3); v = self.m[1:]; self.m[0] = 2; self.v = v", False),
        ("self.m = self.conv.bias.data; self.m[0] = 2", False),
        ("self.m = torch.ones(3) if given else self.conv.bias.data; self.m[0] = 2", False),
    ],
)
def test_a_change_of_an_attribute_that_is_the_class_s_own(lines: str, own: bool, target: str) -> None:
    port = port_text(OWN.format(lines=lines.replace("; ", "\n        ")), "torch", target)
    assert ("CM210" in {d.code for d in port.diagnostics}) == (not own)


MOVING = """import torch
import torch.nn as nn
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("b", torch.zeros(4))
        self.w = nn.Parameter(torch.ones(4))
    def forward(self, x):
        {lines}
"""
NO_GRAD = "with torch.no_grad():\n            "


@pytest.mark.parametrize("target", ["mindspore", "megengine"])
@pytest.mark.parametrize(
    "lines,moved",
    [
        ("self.b.data.mul_(0.9).add_(x, alpha=0.1)", True),
        ("self.b.detach().mul_(0.9)", True),
        (NO_GRAD + "self.b.mul_(0.9).add_(x)", True),
        (NO_GRAD + "for p in self.parameters(): p.mul_(2)", True),
        ("for p in self.parameters(): p.data.mul_(2)", True),
        ("old = self.b.clone(); self.b.data.mul_(0.9); x = x + old", True),
        ("self.b.data *= x", True),
        (NO_GRAD + "self.b -= x.mean(0) * 0.1", True),
        ("for p in self.parameters(): p.data /= 2", True),
        # recorded, a view, a part, what is read behind the first change, what holds the memory
        ("self.b.mul_(0.9)", False),
        (NO_GRAD + "self.b[0].mul_(2).add_(1)", False),
        (NO_GRAD + "self.b.view(2, 2).mul_(2)", False),
        (NO_GRAD + "self.b.mul_(0.9).add_(self.b)", False),
        (NO_GRAD + "self.b.mul_(0.9).add_(self.b).clamp_(max=1)", False),
        ("self.b.data.mul_(2).add_(x, alpha=self.b.sum()).sub_(1)", False),
        ("self.b.detach().mul_(self.b)", True),
        ("self.b.data.mul_(self.b).add_(x).sub_(1)", True),
        (NO_GRAD + "x = self.b.mul_(0.9)", False),
        ("old = self.b.data; self.b.data.mul_(0.9); x = x + old", False),
        ("old = self.b[0]; self.b.data.mul_(0.9); x = x + old", False),
        ("self.b.data **= x", False),
        ("old = self.b.data; self.b.data += x; x = x + old", False),
        (NO_GRAD + "f = lambda: self.b.mul_(2)", False),
        ("x.data.mul_(2)", False),
        (NO_GRAD + "x.mul_(2)", False),
    ],
)
def test_methods_that_move_a_parameter_or_a_buffer(lines: str, moved: bool, target: str) -> None:
    port = port_text(MOVING.format(lines=lines.replace("; ", "\n        ")), "torch", target)
    codes = {d.code for d in port.diagnostics if d.severity != "note"}
    assert (codes, "copy_values(" in port.after) == ((set(), True) if moved else ({"CM210"}, False))


@pytest.mark.parametrize(
    "lines,codes",
    [
        ("self.b += x", set()),
        ("self.b *= self.b.mean() + 1", set()),
        ("old = self.b; self.b += x; x = x + old", {"CM210"}),
        ("old = self.b[1:]; self.b += x; x = x + old", {"CM210"}),
        ("self.b //= x", {"CM210"}),
        ("self.b[0] += 1", {"CM210"}),
    ],
)
def test_a_buffer_that_is_added_to(lines: str, codes: set[str]) -> None:
    text = MOVING.format(lines=lines.replace("; ", "\n        "))
    for target in ("mindspore", "megengine"):
        port = port_text(text, "torch", target)
        assert {d.code for d in port.diagnostics if d.severity != "note"} == codes
        assert ("self.register_buffer('b', self.b " in port.after) == (target == "mindspore" and not codes)


@pytest.mark.parametrize(
    "lines,written",
    [
        (NO_GRAD + "self.w.clamp_(-1, 1)", "copy_values(self.w, ops.clamp(self.w, -1, 1))"),
        ("self.w.data.mul_(self.w)", "copy_values(self.w, ops.mul(ops.stop_gradient(self.w), self.w))"),
        ("self.w.data.copy_(x)", "copy_values(self.w, x)"),
        ("self.w.data *= self.b + 1", "copy_values(self.w, self.w * (self.b + 1))"),
        ("self.w.data.zero_()", "zeros_(self.w)"),
    ],
)
def test_a_parameter_that_is_moved_in_forward(lines: str, written: str) -> None:
    """MegEngine then has no gradient of it: measured, with every way to give it values."""
    text = MOVING.format(lines=lines)
    assert written in port_text(text, "torch", "mindspore").after
    found = port_text(text, "torch", "megengine").diagnostics
    assert {d.code for d in found if d.severity != "note"} <= {"CM202", "CM210"} and len(found) > 1


@pytest.mark.parametrize("target", ["mindspore", "megengine"])
@pytest.mark.parametrize(
    "arguments,codes",
    [
        ("self.mean, self.var, training=True", []),
        ("None, None, training=True", []),
        ("self.mean[:4], self.var[4:]", []),
        ("self.mean[:4], self.var[4:], training=False", []),
        ("running_var=self.var[:4], running_mean=None, training=True", ["CM210"]),
        ("self.mean, self.var[4:], None, None, self.training", ["CM210"]),
        # a copy in the target, whose values nobody would see
        ("self.mean, self.var.data, None, None, self.training", ["CM210"]),
        ("mean, self.var, None, None, self.training", ["CM210"]),
        ("self.mean.clone(), self.var.clone(), None, None, True", []),
        ("self.mean if self.training else None, self.var if self.training else None, training=True", []),
        ("self.mean[:4] if self.training else None, None, training=True", ["CM210"]),
    ],
)
def test_statistics_that_a_call_moves(arguments: str, codes: list[str], target: str) -> None:
    text = f"""import torch
import torch.nn as nn
import torch.nn.functional as F
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("mean", torch.zeros(8))
        self.register_buffer("var", torch.ones(8))
    def forward(self, x):
        mean = self.mean[:4]
        return F.batch_norm(x, {arguments})
"""
    port = port_text(text, "torch", target)
    assert sorted({d.code for d in port.diagnostics if d.severity != "note"}) == codes


LAYERS = """import torch
import torch.nn as nn
import torch.nn.functional as F
from collections import OrderedDict


def conv3x3(width):
    return nn.Conv2d(width, width, 3, padding=1)


def maybe(width):
    if width > 4:
        return nn.Identity()
    return nn.Conv2d(width, width, 1)


class Scaled(nn.Module):
    def __init__(self, part):
        super().__init__()
        self.part = part

    def forward(self, x):
        y = x * 2
        return self.part(y)


class Kept(nn.Module):
    def forward(self, x):
        y = x * 2
        self.last = y
        return y


class Row(nn.Sequential):
    def __init__(self, act=nn.ReLU, first=nn.Conv2d, second=nn.Conv2d, **params):
        {row}


class Net(nn.Module):
    def __init__(self, norm, part):
        super().__init__()
        {made}

    def forward(self, x, y):
        {run}
"""


@pytest.mark.parametrize("target", ["mindspore", "megengine"])
@pytest.mark.parametrize(
    "made,run,right",
    [
        # What a function of the file makes, a class of it, a Sequential with a layer that makes new tensors.
        ("self.a = conv3x3(4)", "z = self.a(x); z += y; return z", True),
        ("self.a = conv3x3(4); self.n = norm(4)", "z = self.a(x); z = self.n(z); z += y; return z", True),
        ("self.a = Scaled(part)", "z = self.a(x); z += y; return z", True),
        ("self.a = nn.Sequential(norm(3), conv3x3(4))", "z = self.a(x); z += y; return z", True),
        ("self.a = nn.Sequential(OrderedDict([('c', conv3x3(4)), ('n', norm(4))]))", "z = self.a(x); z += y; return z", True),
        ("self.a = maybe(4)", "z = self.a(x); z += y; return z", False),
        ("self.a = Kept()", "z = self.a(x); z += y; return z", False),
        ("self.a = nn.Sequential(norm(3), part)", "z = self.a(x); z += y; return z", False),
        # A name that is read no more gives its tensor up.
        ("self.a = conv3x3(4)", "z = self.a(x); w = F.relu(z, inplace=True); return w + y", True),
        ("self.a = conv3x3(4)", "z = self.a(x); w = F.relu(z, inplace=True); return w + z", False),
        ("self.a = conv3x3(4)", "w = F.relu(x, inplace=True); return w + y", False),
        ("self.a = conv3x3(4)", "z = self.a(x); w = [F.relu(z, inplace=True) for _ in y]; return w", False),
        ("self.a = conv3x3(4)", "z = self.a(x)\n        for _ in range(2): w = F.relu(z, inplace=True)\n        return w", False),
        # Asked for its size alone, it is read no more.
        ("self.a = conv3x3(4)", "z = self.a(x); w = F.relu(z, inplace=True); return w.view(z.size(0), -1)", True),
        ("self.a = conv3x3(4)", "z = self.a(x); w = F.relu(z, inplace=True); return w * z.sum()", False),
        # Each of a list of layers that make new tensors.
        ("self.a = nn.ModuleList([conv3x3(4) for _ in range(2)])", "for i, a in enumerate(self.a): x = F.relu(a(x), inplace=True)\n        return x", True),
        ("self.a = nn.ModuleList([conv3x3(4), conv3x3(4)])", "for a in self.a: x = F.relu(a(x), inplace=True)\n        return x", True),
        ("self.a = nn.ModuleList([conv3x3(4), norm(4)])", "for a in self.a: x = F.relu(a(x), inplace=True)\n        return x", False),
        ("self.a = nn.ModuleList([conv3x3(4)]); self.a.append(norm(4))", "for a in self.a: x = F.relu(a(x), inplace=True)\n        return x", False),
        # A list that only becomes a Sequential holds modules alone.
        ("layers = [conv3x3(4), norm(4), nn.ReLU(True)]; self.a = nn.Sequential(*layers)", "return self.a(x)", True),
        ("layers = [conv3x3(4)]; layers += [norm(4), nn.ReLU(True)]; self.a = nn.Sequential(*layers)", "return self.a(x)", True),
        ("layers = [norm(4)]; layers += [norm(4), nn.ReLU(True)]; self.a = nn.Sequential(*layers)", "return self.a(x)", False),
        ("layers = [conv3x3(4)]; layers += [norm(4), nn.ReLU(True)]; self.a = part(layers)", "return self.a(x)", False),
        # Added by name, one after another.
        ("self.a = nn.Sequential(); self.a.add_module('c', conv3x3(4)); self.a.add_module('r', nn.ReLU(True))", "return self.a(x)", True),
        ("a = nn.Sequential(); a.add_module('c', conv3x3(4)),; a.add_module('r', nn.ReLU(True)),; self.a = a", "return self.a(x)", True),
        ("self.a = nn.Sequential(conv3x3(4)); self.a.add_module('r', nn.ReLU(True))", "return self.a(x)", True),
        ("self.a = nn.Sequential(norm(4)); self.a.add_module('r', nn.ReLU(True))", "return self.a(x)", False),
        ("self.a = nn.Sequential(); self.a.add_module('r', nn.ReLU(True))", "return self.a(x)", False),
        ("self.a, self.b = part(), part(); self.b.add_module('c', conv3x3(4)); self.a.add_module('r', nn.ReLU(True))", "return self.a(x)", False),
        # The first of a row takes what the row is given.
        ("self.a = conv3x3(4); self.r = nn.Sequential(nn.ReLU(True), norm(4))", "z = self.a(x); z = self.r(z); return z", True),
        ("self.a = conv3x3(4); self.r = nn.Sequential(nn.ReLU(True), norm(4))", "z = self.a(x); return self.r(z) + z", False),
        ("self.r = nn.Sequential(nn.ReLU(True), norm(4))", "return self.r(x)", False),
    ],
)  # fmt: skip
def test_what_gives_a_tensor_of_its_own(made: str, run: str, right: bool, target: str) -> None:
    lines = {"made": made.replace("; ", "\n        "), "run": run.replace("; ", "\n        "), "row": "pass"}
    port = port_text(LAYERS.format(**lines), "torch", target)
    codes = {d.code for d in port.diagnostics if d.severity != "note"}
    assert codes == (set() if right else {"CM210"})


@pytest.mark.parametrize(
    "run,right",
    [
        ("", True),
        ("def forward(self, x):\n        return torch.cat([x, super().forward(x)], 1)", True),
        ("def forward(self, x):\n        return super().forward(x) * self.times", True),
        ("def forward(self, x):\n        return self.r(self.c(x))", True),
        ("def forward(self, x):\n        h = self.c(x)\n        return h + self.r(h)", False),
        ("def forward(self, x):\n        return [m(x) for m in self]", False),
        ("def forward(self, x):\n        return self.run(x)", False),
        ("def forward(self, x):\n        return [m(x) for m in self._modules.values()]", False),
        (
            "\nclass Other(nn.ModuleDict):\n    def forward(self, x):\n        return [m(x) for m in self.values()]",
            True,
        ),
        ("\nclass Kin(Row):\n    def forward(self, x):\n        return [m(x) for m in self]", False),
    ],
)
def test_layers_that_a_row_adds_to_itself(run: str, right: bool) -> None:
    text = f"""import torch
import torch.nn as nn
class Row(nn.Sequential):
    def __init__(self):
        super().__init__()
        self.times = 2
        self.add_module('c', nn.Conv1d(3, 3, 1)),
        self.add_module('r', nn.ReLU(inplace=True)),
    {run}
"""
    codes = {d.code for d in port_text(text, "torch", "mindspore").diagnostics if d.severity != "note"}
    assert ("CM210" not in codes) == right


ROW = "self.f = nn.Sequential(nn.Conv1d(3, 3, 1), nn.ReLU(inplace=True))"
LISTED = "self.f = nn.ModuleList([nn.Conv1d(3, 3, 1), nn.ReLU(inplace=True)])"
GROWN = "layers = [nn.Conv1d(3, 3, 1)]; layers.append(nn.ReLU(inplace=True)); self.f = nn.Sequential(*layers)"
NAMED = "self.f = nn.Sequential(); self.f.add_module('c', nn.Conv1d(3, 3, 1)); self.f.add_module('r', nn.ReLU(inplace=True))"
ORDERED = "self.f = nn.Sequential(OrderedDict([('c', nn.Conv1d(3, 3, 1)), ('r', nn.ReLU(inplace=True))]))"
MADE = "self.f = made()"
NESTED = (
    "self.f = nn.ModuleList([nn.Sequential(nn.Conv1d(3, 3, 1), nn.ReLU(inplace=True)) for _ in range(2)])"
)
GIVEN = "self.f = given; self.g = nn.Sequential(*rows()); self.h = made()"


@pytest.mark.parametrize("target", ["mindspore", "megengine"])
@pytest.mark.parametrize(
    "made,run,right",
    [
        # What a step gives is kept, and the next one changes it.
        (ROW, "out = []\n        for m in self.f:\n            x = m(x)\n            out.append(x)\n        return out", False),
        (LISTED, "out = {}\n        for i, m in enumerate(self.f):\n            x = m(x)\n            out[i] = x\n        return out", False),
        (GROWN, "y = self.f[0](x); z = self.f[1](y); return y + z", False),
        (NAMED, "y = self.f.c(x); z = self.f.r(y); return y + z", False),
        (ORDERED, "out = [x]\n        for m in self.f.children(): out.append(m(out[-1]))\n        return out", False),
        (MADE, "out = []\n        for name, m in self.f._modules.items():\n            x = m(x)\n            if name == '0': out += [x]\n        return out", False),
        (ROW, "fs = list(self.f)\n        for m in fs:\n            x = m(x)\n            self.last = x\n        return x", False),
        (ROW, "out = []\n        for m in self.f:\n            x = m(x.float())\n            out.append(x)\n        return out", False),
        (ROW, "out = []\n        for m in self.f:\n            x = m(torch.tanh(x))\n            out.append(x)\n        return out", True),
        (ROW, "fs = self.f; fs = fs[1:]\n        for m in fs:\n            x = m(x)\n            self.last = x\n        return x", False),
        (ROW, "for m in self.f:\n            old = x\n            x = m(x)\n        return old", False),
        (ROW, "x = self.f[0](x); self.kept = x; x = self.f[1](x); return x", False),
        (GIVEN, "out = []\n        for m in self.f:\n            x = m(x)\n            out.append(x)\n        return out", True),
        ("self.f = given", "out = []\n        for m in self.f:\n            x = m(x)\n            out.append(x)\n        return out, wrap(nn.Sequential(nn.Conv1d(3, 3, 1), nn.ReLU(True)))", False),
        # It is handed on.
        (ROW, "for m in self.f: x = m(x)\n        return x", True),
        (LISTED, "for i, m in enumerate(self.f):\n            x = m(x)\n            print(i, x.shape)\n        return x", True),
        (GROWN, "x = self.f[0](x); x = self.f[1](x); return x", True),
        (NAMED, "x = self.f.c(x); print(x.shape); x = self.f.r(x); return x", True),
        (ORDERED, "return self.f[1](self.f[0](x))", True),
        (MADE, "for m in self.f: nn.init.zeros_(m.weight)\n        return self.f(x)", True),
        (NESTED, "return [m(x) for m in self.f]", True),
        (NESTED, "out = []\n        for m in self.f: out.append(m(x))\n        return out", True),
    ],
)  # fmt: skip
def test_a_row_whose_steps_are_held(made: str, run: str, right: bool, target: str) -> None:
    text = f"""import torch
import torch.nn as nn
from collections import OrderedDict
def made():
    return nn.Sequential(nn.Conv1d(3, 3, 1), nn.ReLU(inplace=True))
def rows():
    return [nn.Conv1d(3, 3, 1), nn.ReLU(inplace=True)]
class Net(nn.Module):
    def __init__(self, given):
        super().__init__()
        {made.replace("; ", chr(10) + "        ")}
    def forward(self, x):
        {run.replace("; ", chr(10) + "        ")}
"""
    codes = {d.code for d in port_text(text, "torch", target).diagnostics if d.severity != "note"}
    assert ("CM210" not in codes) == right


APPENDED = "layers.append(act(**params))"
DROPPED = "layers.append(act(**{k: v for k, v in params.items() if k != 'inplace'}))"


@pytest.mark.parametrize(
    "row,right",
    [
        (f"layers = [first(1, 2, 3)]; {APPENDED}; super().__init__(*layers)", True),
        (f"layers = [first(1, 2, 3)]; layers.append(act()); {APPENDED}; super().__init__(*layers)", True),
        (f"layers = []; layers.append(conv3x3(2)); {APPENDED}; super().__init__(*layers)", True),
        (f"layers = [act()]; {APPENDED}; super().__init__(*layers)", False),
        (f"layers = [second(1, 2, 3)]; {APPENDED}; super().__init__(*layers)", False),  # Short passes another
        (f"layers = [first(1, 2, 3)]; {APPENDED}; self.layers = nn.ModuleList(layers)", False),
        (f"layers = [first(1, 2, 3)]; layers = []; {APPENDED}; super().__init__(*layers)", False),
        (
            f"layers = [first(1, 2, 3)]\n        if params: layers = []\n        {APPENDED}; super().__init__(*layers)",
            False,
        ),
        (
            f"layers = []\n        if params: layers.append(conv3x3(2))\n        {APPENDED}; super().__init__(*layers)",
            False,
        ),
    ],
)
def test_a_class_that_is_passed_on_with_inplace_among_its_arguments(row: str, right: bool) -> None:
    lines = {"row": row.replace("; ", "\n        "), "made": "pass", "run": "return x"}
    short = "\n\nclass Short(Row):\n    def __init__(self):\n        super().__init__(second=nn.Identity)\n"
    after = port_text(LAYERS.format(**lines) + short, "torch", "mindspore").after
    assert (DROPPED if right else APPENDED) in after


@pytest.mark.parametrize("target", ["mindspore", "megengine"])
@pytest.mark.parametrize(
    "asked,told",
    [
        ("p.shape", {"mindspore", "megengine"}),
        ("p.dim() > 1", {"megengine"}),  # conv biases have four axes there
        ("len(p.shape) >= 2", {"megengine"}),
        ("p.ndim == 3", {"mindspore", "megengine"}),  # kernels of Conv1d have four there
        ("p.size(0)", {"mindspore", "megengine"}),
        ("p.numel()", set()),
    ],
)
def test_shapes_of_parameters_of_any_layer(asked: str, told: set[str], target: str) -> None:
    text = f"import torch.nn as nn\ndef f(m: nn.Module):\n    return [{asked} for p in m.parameters()]\n"
    codes = [d.code for d in port_text(text, "torch", target).diagnostics if d.severity != "note"]
    assert codes == (["CM201"] if target in told else [])


GIVEN_UP = """import torch
import torch.nn as nn


{function}


class N(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 1)

    def forward(self, x, y):
        z = self.conv(x)
        {use}
"""


@pytest.mark.parametrize(
    "function,use,private",
    [
        ("def _add(z, y):\n    z += y\n    return z", "z = _add(z, y)\n        return z", True),
        ("def _add(z, y):\n    z += y\n    return z", "return _add(z, y=y)", True),
        ("def _add(z, y):\n    z.add_(y)\n    return z", "return _add(y=y, z=self.conv(x))", True),
        ("def _add(z, y):\n    z += y\n    return z\n_add = wrap(_add)", "return _add(z, y)", False),
        # Other files may call it; another call gives a tensor that is read again; the change is all it does.
        ("def add(z, y):\n    z += y\n    return z", "return add(z, y)", False),
        ("def _add(z, y):\n    z += y\n    return z", "return _add(z, y) + _add(x, y)", False),
        ("def _add(z, y):\n    z += y\n    return z", "_add(z, y)\n        return z", False),
        ("def _add(z, y):\n    z += y\n    return z", "return _add(z, y) + z", False),
        ("def _add(z, y):\n    z += y\n    return z", "return use(_add, _add(z, y))", False),
        ("def _add(z: torch.Tensor, y):\n    z += y\n    return z", "return _add(*[z, y])", False),
    ],
)
def test_what_a_function_of_the_file_is_given_up(function: str, use: str, private: bool) -> None:
    found = port_text(GIVEN_UP.format(function=function, use=use), "torch", "mindspore")
    assert ("CM210" in [d.code for d in found.diagnostics]) is not private
