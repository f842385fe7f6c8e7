"""Checkpoints: files read and written tensor by tensor, every tensor accounted for, all six directions."""

from __future__ import annotations

import json
import struct
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convmap.backends import environments, tensorfile
from convmap.backends.client import WorkerError
from convmap.checkpoints import Row, framework_of, open_checkpoint, save_checkpoint, widened
from convmap.cli import main
from convmap.errors import ConvmapError
from convmap.inputs import Case, read_manifest
from convmap.ported import Pair
from convmap.porting import Request, port_file
from convmap.rules import load
from convmap.sides import Workers
from convmap.transfer import Models, account, convert, load_models
from convmap.weights import Transfer, WeightPlan, plan_weights

EXAMPLES = Path(__file__).parent.parent / "examples"
CASES = {case.name: case for case in read_manifest(EXAMPLES / "models.toml")}
SUFFIX = {"torch": ".pth", "mindspore": ".ckpt", "megengine": ".pkl"}

# Files -------------------------------------------------------------------------------------------------


@given(
    st.lists(
        st.tuples(st.sampled_from(sorted(tensorfile.FORMATS)), st.lists(st.integers(0, 4), max_size=4)),
        max_size=6,
    )
)
def test_safetensors_round_trip(tensors: list[tuple[str, list[int]]]) -> None:
    import tempfile

    stream = np.random.RandomState(0)
    rows = [(f"t{i}.\xe9", kind, tuple(shape)) for i, (kind, shape) in enumerate(tensors)]
    arrays = [stream.randint(0, 2, shape).astype(tensorfile.FORMATS[kind]) for _, kind, shape in rows]
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/x.safetensors"
        tensorfile.write(path, rows, iter(arrays))
        found = tensorfile.read(path)
        assert [(n, e.format, e.shape) for n, e in found.items()] == rows
        for (name, _, _), array in zip(rows, arrays):
            assert np.array_equal(found[name].array(), array)


def test_the_library_reads_what_is_written_and_the_other_way_round(tmp_path: Path) -> None:
    from safetensors.numpy import load_file, save_file

    own, theirs = tmp_path / "own.safetensors", tmp_path / "theirs.safetensors"
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    tensorfile.write(str(own), [("a", "F32", (2, 3))], [array])
    assert np.array_equal(load_file(own)["a"], array)
    save_file({"a": array, "b": np.ones(3, np.int64)}, theirs)
    assert np.array_equal(tensorfile.read(str(theirs))["a"].array(), array)


def bad_files() -> dict[str, bytes]:
    header = json.dumps({"a": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}}).encode()
    return {
        "empty": b"",
        "text": b"not a checkpoint at all",
        "header too long": struct.pack("<Q", 1 << 40) + b"{}",
        "cut off": struct.pack("<Q", len(header)) + header + b"\0" * 8,
        "no JSON": struct.pack("<Q", 4) + b"abcd",
        "unknown format": struct.pack("<Q", len(header)) + header.replace(b"F32", b"F99") + b"\0" * 16,
    }


@pytest.mark.parametrize("kind", bad_files())
def test_a_bad_file_is_an_error(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(bad_files()[kind])
    with pytest.raises(ConvmapError, match="x.safetensors: can't be read"):
        open_checkpoint(path, "", {})  # type: ignore[arg-type]


def test_npz_round_trip(tmp_path: Path) -> None:
    arrays = {"a.b": np.arange(4.0), "c": np.ones((2, 1), np.float16)}
    rows = [Row("a.b", "F64", (4,)), Row("c", "F16", (2, 1))]
    save_checkpoint(tmp_path / "x.npz", rows, iter(arrays.values()), {})  # type: ignore[arg-type]
    found = open_checkpoint(tmp_path / "x.npz", "", {})  # type: ignore[arg-type]
    assert found.rows == rows and all(np.array_equal(found.read(n), a) for n, a in arrays.items())
    assert [p.name for p in tmp_path.iterdir()] == ["x.npz"]


@pytest.mark.parametrize(
    "name,framework", [("a.pth", "torch"), ("a.ckpt", "mindspore"), ("a.pkl", "megengine"), ("a.npz", "")]
)
def test_a_file_says_whose_it_is(name: str, framework: str) -> None:
    assert framework_of(Path(name)) == framework


def test_an_unknown_suffix_names_the_known_ones() -> None:
    with pytest.raises(ConvmapError, match=r"h5.*\.ckpt"):
        framework_of(Path("model.h5"))


@pytest.mark.parametrize(
    "kind,wanted,right",
    [("F16", "F32", True), ("BF16", "F32", True), ("F32", "F64", True), ("I32", "I64", True), ("F64", "F32", False),
     ("F32", "F16", False), ("BF16", "F16", False), ("I64", "I32", False), ("F32", "BF16", False)],
)  # fmt: skip
def test_number_formats_are_widened_only(kind: str, wanted: str, right: bool) -> None:
    array = (
        np.array([0x3FC0, 0xC000], np.uint16)
        if kind == "BF16"
        else np.array([1.5, -2.0]).astype(tensorfile.FORMATS[kind])
    )
    if right:
        values = np.array([1.5, -2.0]) if kind != "I32" else np.array([1, -2])
        assert np.array_equal(widened(array, kind, wanted), values)
        return
    with pytest.raises(ValueError, match="change of values"):
        widened(array, kind, wanted)


# Accounts ----------------------------------------------------------------------------------------------


class Given:
    """A checkpoint of zeros."""

    key = ""

    def __init__(self, *rows: Row, others: tuple[str, ...] = ()) -> None:
        self.rows, self.others = list(rows), list(others)


def models(kind: str = "float32") -> tuple[Models, WeightPlan]:
    tree = [
        {"path": "", "parameters": {"w": [2, 3]}, "buffers": {"n": []}, "formats": {"w": kind, "n": "int64"}}
    ]
    plan = WeightPlan((Transfer("w", "v", (6, 1)),), (("n", "no such counter"),))
    theirs = [{"path": "", "parameters": {"v": [6, 1]}, "buffers": {}, "formats": {"v": kind}}]
    return Models("torch", "mindspore", tree, theirs, Path(), "", "module."), plan


def test_every_tensor_has_a_place() -> None:
    found = Given(Row("module.w", "F16", (2, 3)), Row("module.n", "I64", ()), others=("optimizer",))
    steps, left_out = account(found, *models(), ())  # type: ignore[arg-type]
    assert [str(s) for s in steps] == ["module.w -> v ((2, 3) -> (6, 1), F16 -> F32)"]
    assert [name for name, _ in left_out] == ["optimizer", "n"]


@pytest.mark.parametrize(
    "rows,message",
    [
        ([], "w of the model is not in the file"),
        ([Row("w", "F32", (3, 2))], r"w is \(3, 2\) in the file and \(2, 3\) in the model"),
        ([Row("w", "F64", (2, 3))], "w: F64 does not fit into F32"),
        ([Row("w", "F32", (2, 3)), Row("z", "F32", (1,))], r"z \(1,\) is in the file, and the model has no"),
    ],
)
def test_what_has_no_place_is_an_error(rows: list[Row], message: str) -> None:
    with pytest.raises(ConvmapError, match=message):
        account(Given(*rows), *models(), ())  # type: ignore[arg-type]


def test_an_ignored_tensor_is_named() -> None:
    rows = [Row("w", "F32", (2, 3)), Row("head.z", "F32", (1,))]
    _, left_out = account(Given(*rows), *models(), ("head.*",))  # type: ignore[arg-type]
    assert ("head.z", "asked for by --ignore") in left_out


# Frameworks --------------------------------------------------------------------------------------------


def trained(case: Case, pool: Workers) -> dict[str, np.ndarray]:
    """Give a model's state with values that no initialiser makes."""
    model = pool["torch"].ask("load", path=str(case.file), entry=case.entry)["model"]
    stream = np.random.RandomState(0)
    state = pool["torch"].ask("get_state", model=model)
    return {
        name: stream.standard_normal(v.shape).astype(v.dtype) if v.dtype.kind == "f" else v + 7
        for name, v in state.items()
    }


@pytest.mark.frameworks
@pytest.mark.parametrize("name", CASES)
def test_six_directions(name: str, tmp_path: Path, pool: Workers) -> None:
    """torch's checkpoint to both others, each of theirs to both others: at the end it is the first again."""
    case, rules = CASES[name], load()
    state = trained(case, pool)
    files = {"torch": case.file}
    for target in ("mindspore", "megengine"):
        port = port_file(Request(target, "torch"), case.file)
        assert port is not None
        files[target] = tmp_path / f"{case.file.stem}_{target}.py"
        files[target].write_bytes(port.data)
    first = tmp_path / "first.npz"
    np.savez(first, **state)

    def move(source: str, checkpoint: Path, target: str, output: str) -> Path:
        pair = Pair(rules.framework(source), rules.framework(target), files[source], files[target], None)
        found, plan = load_models(pair, case.entry, pool)
        path = tmp_path / f"{output}{SUFFIX[target]}"
        done = convert(found, plan, checkpoint, path, pool)
        assert "are equal to the bit" in done.read_back
        return path

    out = {
        target: move("torch", first, target, f"from_torch_{target}") for target in ("mindspore", "megengine")
    }
    crossed = {
        "megengine": move("mindspore", out["mindspore"], "megengine", "crossed_megengine"),
        "mindspore": move("megengine", out["megengine"], "mindspore", "crossed_mindspore"),
    }
    for source, checkpoint in [*out.items(), *crossed.items()]:
        back = open_checkpoint(move(source, checkpoint, "torch", f"back_{checkpoint.stem}"), "", pool)
        assert {r.name for r in back.rows} == {n for n in state if not n.endswith("num_batches_tracked")}
        for row in back.rows:
            assert np.array_equal(back.read(row.name), state[row.name]), row.name


WRITE = """
import sys, numpy, mindspore
arrays = numpy.load(sys.argv[1])
rows = [{"name": n, "data": mindspore.Tensor(arrays[n])} for n in arrays.files]
rows.append({"name": "half", "data": mindspore.Tensor(arrays["a.b"]).astype(mindspore.bfloat16)})
mindspore.save_checkpoint(rows, sys.argv[2])
"""


@pytest.mark.frameworks
def test_a_mindspore_file_is_byte_by_byte_what_mindspore_writes(tmp_path: Path, pool: Workers) -> None:
    arrays = {"a.b": np.arange(6, dtype=np.float32).reshape(2, 3), "scalar": np.array(3)}
    arrays |= {
        "flags": np.array([True, False]),
        "small": np.ones(2, np.float16),
        "byte": np.ones(1, np.uint8),
    }
    np.savez(tmp_path / "x.npz", **arrays)
    own = tmp_path / "own.ckpt"
    command = [environments.locate("mindspore"), "-c", WRITE, str(tmp_path / "x.npz"), str(own)]
    subprocess.run(command, check=True)
    rows = [Row(n, tensorfile.NAMES[str(a.dtype)], a.shape) for n, a in arrays.items()]
    half = (arrays["a.b"].view(np.uint32) >> 16).astype(np.uint16)
    save_checkpoint(
        tmp_path / "x.ckpt", [*rows, Row("half", "BF16", (2, 3))], iter([*arrays.values(), half]), pool
    )
    assert (tmp_path / "x.ckpt").read_bytes() == own.read_bytes()


@pytest.mark.frameworks
def test_a_large_tensor_is_written_to_mindspore_in_pieces(tmp_path: Path, pool: Workers) -> None:
    array = np.arange(5_000_001, dtype=np.float32).reshape(3, -1)
    rows = [Row("first", "F32", array.shape), Row("second", "F32", array.shape)]
    save_checkpoint(tmp_path / "x.ckpt", rows, iter([array, -array]), pool)
    found = open_checkpoint(tmp_path / "x.ckpt", "", pool)
    assert np.array_equal(found.read("first"), array) and np.array_equal(found.read("second"), -array)


@pytest.mark.frameworks
@pytest.mark.parametrize("name", CASES)
def test_a_model_without_its_weights_has_the_same_tree(name: str, tmp_path: Path, pool: Workers) -> None:
    """MegEngine itself makes no model without them; a checkpoint of 5 GB is not to take as much memory."""
    port = port_file(Request("megengine"), CASES[name].file)
    assert port is not None
    file = tmp_path / "m.py"
    file.write_bytes(port.data)
    whole, hollow = (
        pool["megengine"].ask("load", path=str(file), entry=CASES[name].entry, shapes_only=only)["tree"]
        for only in (False, True)
    )
    named = ("path", "parameters", "buffers", "formats")  # each loading has a module name of its own
    assert [[row[n] for n in named] for row in whole] == [[row[n] for n in named] for row in hollow]


@pytest.mark.frameworks
@pytest.mark.parametrize("made,hollow", [("2.0", True), ("self.w * 2", False), ("self.w[0]", False)])
def test_its_parameters_take_no_memory_where_nothing_is_made_of_them(
    made: str, hollow: bool, tmp_path: Path, pool: Workers
) -> None:
    file = tmp_path / "m.py"
    file.write_text(
        "import megengine\nimport megengine.module as M\nclass Net(M.Module):\n    def __init__(self):\n"
        "        super().__init__()\n        self.w = megengine.Parameter(megengine.functional.zeros((3000, 1000)))\n"
        f"        self.v = {made}\n    def forward(self, x):\n        return x\n"
    )
    answer = pool["megengine"].ask("load", path=str(file), entry="Net()", shapes_only=True)
    assert answer["tree"][0]["parameters"]["w"] == [3000, 1000]
    try:
        assert (
            pool["megengine"].ask("get_state", model=answer["model"])["w"].size == 3000 * 1000 and not hollow
        )
    except WorkerError as error:
        assert hollow and "without values" in str(error)


@pytest.mark.frameworks
def test_the_command(tmp_path: Path, capsys: Any, pool: Workers) -> None:
    case = CASES["dcgan-discriminator"]
    state = trained(case, pool)
    np.savez(tmp_path / "d.npz", **state)
    common = [str(case.file), str(tmp_path / "d.npz"), "--entry", case.entry]
    assert main(["weights", *common, "--to", "mindspore", "-o", str(tmp_path / "d.ckpt"), "--list"]) == 0
    out = capsys.readouterr().out
    assert "main.3.running_var -> main.3.moving_variance" in out and "mindspore has no such counter" in out
    assert main(["weights", *common, "--to", "mindspore", "-o", str(tmp_path / "d.pth")]) == 2
    assert "a torch file, but the port is of mindspore" in capsys.readouterr().err
    assert sorted(p.name for p in tmp_path.iterdir()) == ["d.ckpt", "d.npz"]


@pytest.mark.frameworks
def test_a_pickle_that_needs_code_is_refused(tmp_path: Path, capsys: Any) -> None:
    code = (
        "import os, pickle, sys\n"
        "class Evil:\n    def __reduce__(self):\n        return os.system, ('touch ' + sys.argv[2],)\n"
        "pickle.dump({'w': Evil()}, open(sys.argv[1], 'wb'))\n"
    )
    case = CASES["dcgan-discriminator"]
    for name, target, words in (("x.pth", "mindspore", "needs code"), ("x.pkl", "torch", "may run code")):
        touched = tmp_path / "touched"
        subprocess.run(
            [environments.locate("torch"), "-c", code, str(tmp_path / name), str(touched)], check=True
        )
        file = case.file
        if target == "torch":
            port = port_file(Request("megengine", "torch"), case.file)
            assert port is not None
            file = tmp_path / "d_megengine.py"
            file.write_bytes(port.data)
        ported = ["--ported", str(case.file)] if target == "torch" else []
        arguments = [str(file), str(tmp_path / name), "--entry", case.entry, "--to", target, *ported]
        assert main(["weights", *arguments, "-o", str(tmp_path / "out.npz")]) == 2
        assert words in capsys.readouterr().err and not touched.exists()


def test_a_tensor_in_a_list_that_only_the_port_counts_is_said() -> None:
    """MegEngine counts the tensors of a module's lists: ``self.heads = [torch.rand(1)]``."""
    row = {"path": "", "class": "Net", "parameters": {}, "buffers": {}}
    rules = load()
    with pytest.raises(ConvmapError, match=r"heads\.0 of the port is filled by nothing"):
        plan_weights(
            rules.framework("torch"), [row],
            rules.framework("megengine"), [{**row, "buffers": {"heads.0": (1,)}}],
        )  # fmt: skip
