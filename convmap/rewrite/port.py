"""Ports one file: every use of the source framework becomes an exact call, a shim or a diagnostic."""

from __future__ import annotations

import ast
import builtins
import dataclasses
import re
from collections import Counter
from dataclasses import dataclass, field

from convmap import translate
from convmap.diagnostics import Diagnostic
from convmap.errors import Refusal, SourceError
from convmap.model import Binding, Map, OpCall, Plan, Value, constant
from convmap.rewrite import imports
from convmap.rewrite.calls import argument_nodes, fill_template, write_call
from convmap.rewrite.edits import Edits, reference, spans_in
from convmap.rewrite.layout import Layout
from convmap.rules import Framework, Rules
from convmap.source.aliasing import Aliasing
from convmap.source.document import Document
from convmap.source.inference import Inference, mark
from convmap.source.names import FUNCTIONS, Imported, packages_imported
from convmap.source.project import Project
from convmap.translate import Argument, Lifted

GROWING = {"append", "extend", "insert", "add_module", "register_module"}  # of a list of modules
INPLACE = "inplace"  # the slot of the operators that change their input; layers name it alike


@dataclass(frozen=True)
class Use:
    """One use of a framework API and what became of it."""

    line: int
    api: str
    target: str
    status: str  # exact, shim, lossy, refused


@dataclass
class Port:
    """The result for one file: its text, what became of each use, and the findings."""

    path: str
    source: str
    target: str
    before: str
    after: str
    uses: list[Use] = field(default_factory=list)
    diagnostics: list[Diagnostic] = field(default_factory=list)
    calls: list[tuple[Lifted, Plan, int]] = field(default_factory=list)
    data: bytes = b""
    borrowed: list[str] = field(default_factory=list)  # names of the source, still used by way of other files
    shims: list[str] = field(default_factory=list)
    edited: list[tuple[int, int]] = field(default_factory=list)  # byte spans of the source

    @property
    def counts(self) -> Counter[str]:
        return Counter(use.status for use in self.uses)

    @property
    def needs_review(self) -> bool:
        return any(d.severity != "note" for d in self.diagnostics)


def detect_framework(rules: Rules, document: Document) -> Framework | None:
    """Find the source framework from the imports; None where there is none or more than one."""
    packages = packages_imported(document.tree)
    found = [framework for framework in rules.frameworks.values() if framework.package in packages]
    return found[0] if len(found) == 1 else None


def port_document(
    document: Document,
    source: Framework,
    target: Framework,
    version: str | None = None,
    allowed: frozenset[str] = frozenset(),
) -> Port:
    """Port a parsed file that stands alone; see ``port_inferred``."""
    return port_inferred(Project((), source).read(document), target, version, allowed)


def port_inferred(
    inference: Inference,
    target: Framework,
    version: str | None = None,
    allowed: frozenset[str] = frozenset(),
    lent: frozenset[str] = frozenset(),
    shared: str = "",
) -> Port:
    """Port a file of a project.

    ``allowed`` names the lossy bindings that the user asked for, ``lent`` the imports of the source
    framework that other files still use by way of this one, ``shared`` the module that shims are
    imported from ("": they are written into the file). Never runs the file; raises SourceError
    only where the result can't be encoded.
    """
    return _Porter(inference, target, version or target.version, allowed, lent, shared).run()


class _Porter:
    def __init__(
        self,
        inference: Inference,
        target: Framework,
        version: str,
        allowed: frozenset[str],
        lent: frozenset[str],
        shared: str,
    ) -> None:
        self.allowed, self.lent, self.shared = allowed, lent, shared
        document = inference.document
        self.document, self.source, self.target, self.version = document, inference.framework, target, version
        self.names = inference.names
        self.inference = inference
        self.aliasing = Aliasing(inference)
        self.edits = Edits(document)
        before = document.text((0, len(document.data)))
        self.port = Port(document.path, self.source.name, target.name, before, before)
        self.done: set[ast.AST] = set()  # names of the source that no longer appear
        self.refused: set[ast.AST] = set()
        self.ported: set[ast.AST] = set()
        self.shims: list[str] = []
        self.layer_targets: dict[str, list[str]] = {}
        packages = packages_imported(document.tree)
        self.arrays = "numpy" in packages
        # Which methods of tensors a half ported file means can't be told: they look alike.
        self.mixed = target.package in packages

    def run(self) -> Port:
        for definition in self.names.definitions:
            for decorator in definition.decorator_list:
                self._decorator(decorator)
        for call in self.names.calls:
            if call not in self.refused:
                self._call(call)
        for node in self.names.references:
            self._reference(node)
        if self.target.stepped_slice:
            for subscript in self.names.subscripts:
                self._slice(subscript)
        for change in self.names.changes:
            self._change(change)
        for assignment in self.names.assignments:
            self._child(assignment)
        for definition in self.names.definitions:
            if isinstance(definition, ast.ClassDef):
                self._class(definition)
        if self.source.forward != self.target.forward:
            for node in self.names.references:
                if isinstance(node, ast.Attribute) and node.attr == self.source.forward:
                    self._forward_calls(node)
        self._finish()
        return self.port

    # Calls -------------------------------------------------------------------------------------

    def _call(self, call: ast.Call) -> None:
        api, receiver = self._api_of(call)
        if api is None:
            if self.inference.object_kind(call.func) == "module class":
                self._passed_class(call)
            return
        rebound = ""
        if receiver is not None and call.func.attr in self.source.in_place:  # type: ignore[attr-defined]
            settled = self.aliasing.settles(call)
            if settled is None:
                reason = f"{ast.unparse(receiver)} is changed in place, and something else may see it"
                self._refuse(
                    call, api, Refusal("CM210", reason, f"write it without the change, by {api[:-1]}")
                )
                return
            api, rebound = api[:-1], settled
        bindings = self.source.by_api.get(api, ())
        if not bindings:
            if receiver is None:
                self._refuse(call, api, Refusal("CM101", f"{api} is not in the rules"))
            elif not self._is_same(api):
                self._refuse(call, api, Refusal("CM102", f"{api} is not in the rules"))
            return
        refusal: Refusal | None = None
        for binding in bindings:
            try:
                self._translate(call, binding, receiver)
                if rebound:
                    span = self.document.span(call)
                    self.edits.replace(span, f"{rebound} = {self.edits.by_span[span]}")
                return
            except Refusal as reason:
                # Of several overloads, the reason of one whose arguments fit says more.
                if refusal is None or (refusal.code == "CM104" and reason.code != "CM104"):
                    refusal = reason
        assert refusal is not None
        if refusal.code == "CM105" and self._drop_in(call, bindings[0]):
            return
        self.refused.add(call)
        self._refuse(call, api, refusal)

    def _passed_class(self, call: ast.Call) -> None:
        """Look at ``act_layer(inplace=True)``: the class is a shim then, which is never in place."""
        for keyword in call.keywords:
            value = self.inference.known(keyword.value)
            if keyword.arg != INPLACE or value is False:
                continue
            if value is True and self.aliasing.is_private_input(call):
                self.edits.replace(self.document.span(keyword.value), "False")
                self._forget(keyword.value, "")
            else:
                self._say(
                    "CM210", "warning", call,
                    "inplace may change a tensor that is used again; the ported class refuses it when it is made",
                    "write inplace=False if the change is not wanted",
                )  # fmt: skip

    def _decorator(self, node: ast.expr) -> None:
        """Drop a mark for a compiler, with its line: without it the function means the same."""
        func = node.func if isinstance(node, ast.Call) else node
        qualified = self.names.qualified(func) or ""
        for binding in self.source.by_api.get(qualified, ()):
            if binding.operator.kind != "decorator":
                continue
            found = self.target.for_operator(binding.operator, None)
            if not found:
                return
            start, end = self.document.span(node)
            at = self.document.data.rindex(b"@", 0, start)
            self.edits.replace(imports.whole_line(self.document, (at, end)), "")
            self._forget(node, "")
            if isinstance(node, ast.Call):
                self.refused.add(node)  # gone with its line
            self.port.uses.append(Use(node.lineno, qualified, "", "exact"))
            return

    def _leaves(self, node: ast.Attribute, api: str) -> bool:
        """Leave what is a tensor's in a file that is half ported, and say so, once."""
        if not self.mixed or self._is_same(api):
            return False
        if not any(d.code == "CM109" for d in self.port.diagnostics):
            message = f"the file imports {self.target.name} too, so methods and attributes of tensors stay"
            self._say("CM109", "warning", node, message, "finish such a file by hand, or port the original")
        return True

    def _is_same(self, api: str) -> bool:
        prefix, _, name = api.rpartition(".")
        owner = "Tensor" if prefix == self.source.tensor_class else "Module"
        return f"{owner}.{name}" in self.source.same

    def _api_of(self, call: ast.Call) -> tuple[str | None, ast.expr | None]:
        """Name the API a call uses: by import, or as a method of a tensor or module."""
        qualified = self.names.qualified(call.func)
        if qualified is not None:
            mine = qualified.split(".")[0] == self.source.package
            return (qualified if mine else None), None
        func = call.func
        if not isinstance(func, ast.Attribute):
            return None, None
        kind = self.inference.object_kind(func.value)
        owner = self.inference.enclosing(call, ast.ClassDef)
        if kind == "tensor":
            api = f"{self.source.tensor_class}.{func.attr}"
            return (None if self._leaves(func, api) else api), func.value
        own = isinstance(func.value, ast.Name) and func.value.id == "self"
        if kind in ("module", "modules") or (own and self.inference.is_module_class(owner)):
            api = f"{self.source.module_class}.{func.attr}"
            own_method = own and self._defines(owner, func.attr)
            known = api in self.source.by_api or func.attr in self.source.module_methods
            if known and not own_method:
                return api, func.value
        elif kind == "unknown" and not own:
            api = f"{self.source.tensor_class}.{func.attr}"
            if api in self.source.by_api and self._looks_foreign(func) and not self._stays_right(api):
                message = (
                    f"whether {ast.unparse(func.value)} is a tensor can't be told, so .{func.attr}() stays"
                )
                self._say("CM107", "warning", call, message, "annotate it, or check the call by hand")
        return None, None

    def _stays_right(self, api: str) -> bool:
        """Tell whether a method means the same in the target: then it does not matter what it is called on."""
        name = api.rpartition(".")[2]
        found = [self._same_signature(b) for b in self.source.by_api[api]]
        return all(f is not None and f.is_method and f.api.rpartition(".")[2] == name for f in found)

    def _looks_foreign(self, func: ast.Attribute) -> bool:
        """A method that tensors share with strings, lists or modules says nothing by itself."""
        common = {"split", "format", "index", "count", "copy", "pop", "append", "extend", "type", "to",
                  "float", "apply", "add", "size", "sum", "mean"}  # fmt: skip
        forward = self.inference.enclosing(func, FUNCTIONS)
        owner = self.names.parent.get(forward) if forward else None
        if func.attr in common:
            return False
        # Outside of modules an array of NumPy is as likely, where the file imports it.
        return self.inference.is_module_class(owner) or not self.arrays

    def _defines(self, owner: ast.AST | None, name: str) -> bool:
        if not isinstance(owner, ast.ClassDef):
            return False
        if any(isinstance(n, FUNCTIONS) and n.name == name for n in owner.body):
            return True
        bases = [self.inference.classes.get(getattr(base, "id", "")) for base in owner.bases]
        return any(base is not owner and self._defines(base, name) for base in bases)

    def _child(self, statement: ast.Assign | ast.AnnAssign) -> None:
        """Look at ``self.body.last = Layer()``: a container of the source runs it, the target's may not."""
        if statement.value is None or self.inference.kind(statement.value) != "module":
            return
        for target in statement.targets if isinstance(statement, ast.Assign) else [statement.target]:
            if not isinstance(target, ast.Attribute) or getattr(target.value, "id", "") == "self":
                continue
            kind = self.inference.kind(target.value)
            if kind == "module":
                try:
                    self._grows_alike(target.value)
                except Refusal as refusal:
                    self._refuse(target, f"{self.source.module_class}.__setattr__", refusal)

    def _grows_alike(self, receiver: ast.expr) -> bool:
        """Tell whether what a child is added to is a container whose port takes the same call.

        False: it is a module of the user's, which runs its children itself. Raises Refusal where that is
        open, or where the container was made with layers and its port runs no others.
        """
        advice = "pass the layer with the others, or make the container empty first"
        owner = self.inference.enclosing(receiver, ast.ClassDef)
        if getattr(receiver, "id", "") == "self" and isinstance(owner, ast.ClassDef):
            return self._is_container_class(owner)
        values: list[ast.expr] = []
        if isinstance(receiver, ast.Attribute) and getattr(receiver.value, "id", "") == "self":
            values = self.inference.attributes.get((owner, receiver.attr), [])  # type: ignore[arg-type]
        elif isinstance(receiver, ast.Name):
            scope = self.names.scope_of[receiver].find(receiver.id)
            made = [self.names.parent.get(by) for by in scope.bound[receiver.id]] if scope else []
            values = [m.value for m in made if isinstance(m, ast.Assign)]
            values = values if len(values) == len(made) else []
        found: set[bool | None] = set()
        for value in values:
            api = self.names.qualified(value.func) if isinstance(value, ast.Call) else None
            if any(b.operator.grows for b in self.source.by_api.get(api or "", ())):
                assert isinstance(value, ast.Call)
                if value.args or value.keywords:
                    raise Refusal("CM202", "the port of a container runs only what it was made with", advice)
                found.add(True)
            else:
                made_here = self.inference.classes.get(getattr(getattr(value, "func", None), "id", ""))
                if made_here is None or not self.inference.is_module_class(made_here):
                    found.add(None)
                else:
                    found.add(self._is_container_class(made_here))
        if len(found) != 1 or None in found:
            raise Refusal(
                "CM202", "what the layer is added to may be a container, which then does not run it", advice
            )
        return bool(found.pop())

    def _is_container_class(self, node: ast.ClassDef) -> bool:
        for base in node.bases:
            api = self.names.qualified(base)
            if any(b.operator.grows for b in self.source.by_api.get(api or "", ())):
                return True
            inner = self.inference.classes.get(getattr(base, "id", ""))
            if inner is not None and inner is not node and self._is_container_class(inner):
                return True
        return False

    def _translate(self, call: ast.Call, binding: Binding, receiver: ast.expr | None) -> None:
        adds = binding.operator.grows and binding.operator.kind == "attribute"
        if adds and receiver is not None and self._grows_alike(receiver):
            self.port.uses.append(Use(call.lineno, binding.api, binding.api.rpartition(".")[2], "shim"))
            return  # the shim has the same method
        nodes = argument_nodes(call)
        args = [self._argument(n) for n in nodes]
        if binding.is_method:
            if receiver is None:
                raise Refusal("CM104", f"{binding.api} is called without an object")
            args.insert(0, Argument(self.inference.value(receiver)))
        lifted = translate.lift(binding, args)
        lifted = self._settle_inplace(call, lifted)
        plan = translate.lower(lifted.call, self.target, self.version, lifted, self.allowed)
        translate.check(plan, lifted.call)
        shift = 1 if binding.is_method else 0
        positions = {
            name: tuple(i - shift for i in where if i >= shift) for name, where in lifted.given.items()
        }
        text = self._text(call, plan, positions, receiver)
        self.edits.replace(self.document.span(call), text)
        self._forget(call, text)
        self._note_use(call, binding.api, plan)
        self.port.calls.append((lifted, plan, call.lineno))
        self.ported.add(call)
        if plan.status == "lossy":
            self._say("CM203", "warning", call, plan.binding.note, "leave the option out for the exact port")

    def _argument(self, node: ast.expr | ast.keyword) -> Argument:
        if isinstance(node, ast.keyword):
            star = 2 if node.arg is None else 0
            return Argument(self.inference.value(node.value), node.arg, star)
        return Argument(self.inference.value(node), None, 1 if isinstance(node, ast.Starred) else 0)

    def _settle_inplace(self, call: ast.Call, lifted: Lifted) -> Lifted:
        """Drop ``inplace`` where nothing else can see the tensor it would change."""
        slots = dict(lifted.call.slots)
        value = slots.get(INPLACE)
        if not isinstance(value, Value) or value.known is False:
            return lifted
        if not self.aliasing.is_private_input(call):
            raise Refusal(
                "CM210",
                "inplace may change a tensor that is used again, so dropping it may change results",
                "write inplace=False if the change is not wanted",
            )
        slots[INPLACE] = constant(False)
        ordered = tuple((name, slots[name]) for name, _ in lifted.call.slots)
        return dataclasses.replace(lifted, call=OpCall(lifted.call.operator, lifted.call.dims, ordered))

    def _text(
        self,
        call: ast.Call,
        plan: Plan,
        positions: dict[str, tuple[int, ...]],
        receiver: ast.expr | None,
    ) -> str:
        binding = plan.binding
        values = {p.name: p.default for p in binding.params if p.default is not None}
        values.update({w.param.name: w.value for w in plan.writes})
        if binding.write:
            return fill_template(binding, {k: v for k, v in values.items() if v is not None})
        if not binding.is_method:
            callee = reference(binding.shim or binding.api)
            lead = None
            if receiver is not None and plan.writes and plan.writes[0].param is binding.params[0]:
                if plan.writes[0].value.code == mark(self.document.span(receiver)):
                    lead = plan.writes[0].value
            return write_call(self.document, call, plan, positions, callee, False, lead)
        method = binding.api.rpartition(".")[2]
        own = values["self"]
        assert own is not None
        if receiver is not None and own.code == mark(self.document.span(receiver)):
            start, end = self.document.span(call.func)
            inner = self.document.span(receiver)
            dot = end - len(call.func.attr.encode())  # type: ignore[attr-defined]
            before = self.document.text((start, inner[0]))
            between = self.document.text((inner[1], dot))
            callee = f"{before}{mark(inner)}{between}{method}"
        else:
            callee = f"{own.wrapped()}.{method}"
        return write_call(self.document, call, plan, positions, callee, True)

    def _forget(self, node: ast.AST, text: str) -> None:
        """Note which names of a replaced span no longer appear in the file."""
        kept = spans_in(text)
        for part in ast.walk(node):
            if isinstance(part, ast.Name):
                start, end = self.document.span(part)
                if not any(a <= start and end <= b for a, b in kept):
                    self.done.add(part)

    def _note_use(self, node: ast.AST, api: str, plan: Plan) -> None:
        name = plan.binding.shim or plan.binding.api or plan.binding.write
        if plan.binding.shim and plan.binding.shim not in self.shims:
            self.shims.append(plan.binding.shim)
        targets = self.layer_targets.setdefault(api, [])
        if name not in targets:
            targets.append(name)
        self.port.uses.append(Use(node.lineno, api, name, plan.status))  # type: ignore[attr-defined]

    def _drop_in(self, call: ast.Call, binding: Binding) -> bool:
        """Port a call with starred arguments through something with the very same signature."""
        found = self._same_signature(binding)
        if found is None:
            return False
        name = found.shim or found.api
        self.edits.replace(self.document.span(call.func), reference(name))
        self._forget(call.func, "")
        self._note_use(call, binding.api, Plan(found, (), "shim" if found.shim else "exact"))
        return True

    def _same_signature(self, binding: Binding, derived: bool = False) -> Binding | None:
        """Find a target callable that takes the same arguments to the same effect, whatever they are.

        Or all but arguments that it has not, in-place aside: a call that gives one fails, and loudly.
        """
        candidates = self.target.for_operator(binding.operator, binding.dims)
        if derived and any(other.grows for other in candidates):
            candidates = [other for other in candidates if other.grows]  # its methods may add children
        for less in (False, True):
            found = self._takes_the_same(binding, candidates, less)
            if found is not None:
                return found
        return None

    def _takes_the_same(self, binding: Binding, candidates: list[Binding], less: bool) -> Binding | None:
        for other in candidates:
            mine = [(p.name, p.kind, p.default and p.default.code) for p in binding.params]
            theirs = [(p.name, p.kind, p.default and p.default.code) for p in other.params]
            ignored = {p for m in binding.maps if m.adapter == "fixed" for _, p in m.roles}
            mine = [p for p in mine if p[0] not in ignored]
            slots = {slot for m in other.maps for slot in m.slots}
            said = [m for m in binding.maps if m.adapter != "fixed"]
            if less:
                said = [m for m in said if set(m.slots) <= slots]
                kept = {p for m in said for _, p in m.roles} | {INPLACE}
                while mine and mine[-1][0] not in kept and mine[-1][2] is not None:
                    mine.pop()
            unlimited = other.shim or not other.limits
            same_maps = {(m.adapter, m.roles, m.slots) for m in said} == {
                (m.adapter, m.roles, m.slots) for m in other.maps if m.adapter != "fixed"
            }
            # Of one parameter the name may differ: who gives it by name is told so, loudly.
            single = less and len(mine) == len(theirs) == 1 and mine[0][1:] == theirs[0][1:]
            same = mine == theirs and same_maps
            if (same or (single and _only_renames(said, other))) and unlimited and not other.write:
                return other
        return None

    # References --------------------------------------------------------------------------------

    def _reference(self, node: ast.Attribute | ast.Name) -> None:
        parent = self.names.parent.get(node)
        if isinstance(parent, ast.Attribute) and self.names.qualified(parent):
            return
        if not isinstance(node.ctx, ast.Load):
            return
        qualified = self.names.qualified(node)
        if qualified is None:
            if isinstance(node, ast.Attribute) and not self._is_gone(node):
                self._attribute(node, parent)
            return
        if qualified.split(".")[0] != self.source.package:
            return
        root: ast.AST = node
        while isinstance(root, ast.Attribute):
            root = root.value
        if root in self.done or (isinstance(parent, ast.Call) and parent.func is node):
            return
        call = self.names.parent.get(parent) if isinstance(parent, ast.keyword) else parent
        if call in self.refused or (self.mixed and isinstance(call, ast.Call) and call not in self.ported):
            return  # it stays as it was, with its arguments
        bindings = self.source.by_api.get(qualified, ())
        if not bindings:
            self._refuse(node, qualified, Refusal("CM101", f"{qualified} is not in the rules"))
            return
        binding = bindings[0]
        try:
            text = self._reference_text(node, binding, parent)
        except Refusal as refusal:
            self._refuse(node, qualified, refusal)
            return
        self.edits.replace(self.document.span(node), text)
        self.done.add(root)
        name = text.strip("\0")[1:]
        self.port.uses.append(Use(node.lineno, qualified, name, "shim" if name in self.shims else "exact"))

    def _is_gone(self, node: ast.expr) -> bool:
        """Tell whether a replaced call dropped the expression: x.device of ``device=x.device``."""
        while isinstance(node, ast.Attribute):
            node = node.value
        return node in self.done

    def _reference_text(self, node: ast.AST, binding: Binding, parent: ast.AST | None) -> str:
        if binding.operator.kind == "class":
            candidates = self.target.for_operator(binding.operator, binding.dims)
            if not candidates:
                raise Refusal("CM101", f"{binding.api} has no counterpart in {self.target.name}")
            return candidates[0].write or reference(candidates[0].api)
        if self._in_isinstance(node):
            return self._classes_for(binding)
        found = self._same_signature(binding, isinstance(parent, ast.ClassDef))
        if found is None:
            raise Refusal(
                "CM103",
                f"{binding.api} is passed on as a value, and nothing in {self.target.name} takes the same"
                " arguments",
                "call it where it is used, or pass a function that makes the layer",
            )
        if found.shim and found.shim not in self.shims:
            self.shims.append(found.shim)
        return reference(found.shim or found.api)

    def _in_isinstance(self, node: ast.AST) -> bool:
        at = self.names.parent.get(node)
        while isinstance(at, ast.Tuple):
            at = self.names.parent.get(at)
        return isinstance(at, ast.Call) and getattr(at.func, "id", "") in ("isinstance", "issubclass")

    def _classes_for(self, binding: Binding) -> str:
        """Name every class that the ported file may make for a source layer."""
        names = list(self.layer_targets.get(binding.api, ()))
        for other in self.target.for_operator(binding.operator, binding.dims):
            if not other.shim and not other.write and other.api not in names:
                names.append(other.api)
                break
        if self.shared:  # another file of the project may have made it by a shim
            every = self.target.for_operator(binding.operator, binding.dims)
            found = [other.shim for other in every if other.shim and other.shim not in names]
            self.shims += [shim for shim in found if shim not in self.shims]
            names += found
        names = [n for n in names if re.fullmatch(r"[\w.]+", n)]
        if not names:
            raise Refusal("CM103", f"{binding.api} has no class in {self.target.name} to compare with")
        texts = [reference(n) for n in names]
        # isinstance takes a tuple within a tuple.
        return texts[0] if len(texts) == 1 else f"({', '.join(texts)})"

    def _attribute(self, node: ast.Attribute, parent: ast.AST | None) -> None:
        """Look at an attribute of a tensor or of a layer."""
        called = isinstance(parent, ast.Call) and parent.func is node
        if (
            node.attr == "__name__"
            and isinstance(node.value, ast.Attribute)
            and node.value.attr == "__class__"
        ):
            message = f"names of classes differ in {self.target.name}"
            self._say("CM103", "warning", node, message, "compare with isinstance instead")
        kind = self.inference.object_kind(node.value)
        if kind == "tensor" and not called:
            api = f"{self.source.tensor_class}.{node.attr}"
            if self._leaves(node, api):
                return
            for binding in self.source.by_api.get(api, ()):
                setting = binding.operator.kind == "data"
                if len(binding.params) == 1 and (not setting or self._in_initialiser(node)):
                    self._tensor_attribute(node, binding)
                    return
            if not self._is_same(api):
                self._refuse(node, api, Refusal("CM102", f"the attribute .{node.attr} is not in the rules"))
        elif kind in ("module", "unknown") and not called:
            self._weight(node)
            self._own_attribute(node)

    def _own_attribute(self, node: ast.Attribute) -> None:
        """Look at ``self.stride`` in a class that derives from a layer: the target's layer may have none."""
        owner = self.inference.enclosing(node, ast.ClassDef)
        if getattr(node.value, "id", "") != "self" or not isinstance(owner, ast.ClassDef):
            return
        if (owner, node.attr) in self.inference.attributes or self._defines(owner, node.attr):
            return
        for api in self._layer_bases(node):
            for binding in self.source.by_api[api]:
                if node.attr not in {p.name for p in binding.params} - {w.name for w in binding.weights}:
                    continue
                other = self._same_signature(binding)
                if other is None or node.attr not in other.attributes:
                    reason = f"the attribute .{node.attr} of {api} is not in the rules"
                    advice = "keep it under a name of your own in __init__"
                    self._refuse(node, f"{api}.{node.attr}", Refusal("CM102", reason, advice))
                return

    def _tensor_attribute(self, node: ast.Attribute, binding: Binding) -> None:
        try:
            lifted = translate.lift(binding, [Argument(self.inference.value(node.value))])
            plan = translate.lower(lifted.call, self.target, self.version, lifted)
        except Refusal as refusal:
            self._refuse(node, binding.api, refusal)
            return
        values = {w.param.name: w.value for w in plan.writes}
        if plan.binding.write:
            text = fill_template(plan.binding, values)
        elif plan.binding.is_method:
            text = f"{values['self'].wrapped()}.{plan.binding.api.rpartition('.')[2]}()"
        else:
            name = reference(plan.binding.shim or plan.binding.api)
            text = f"{name}({', '.join(v.code for v in values.values())})"
        self.edits.replace(self.document.span(node), text)
        self._note_use(node, binding.api, plan)

    def _weight(self, node: ast.Attribute) -> None:
        """Rename a layer's parameter where its class is known."""
        for api in self._layer_apis(node.value):
            for binding in self.source.by_api.get(api, ()):
                for weight in binding.weights:
                    if weight.name == node.attr:
                        self._rename_weight(node, binding, weight.canonical)
                        return

    def _rename_weight(self, node: ast.Attribute, binding: Binding, canonical: str) -> None:
        chosen = self.layer_targets.get(binding.api, [])
        names, layouts = set(), set()
        for other in self.target.for_operator(binding.operator, binding.dims):
            if chosen and (other.shim or other.api) not in chosen:
                continue
            for weight in other.weights:
                if weight.canonical == canonical:
                    names.add(weight.name)
                    layouts.add(weight.layout)
        if len(names) != 1:
            reason = f"the parameter {node.attr} has {len(names)} possible names in {self.target.name}"
            self._refuse(node, f"{binding.api}.{node.attr}", Refusal("CM201", reason))
            return
        if layouts != {""} and not self._in_initialiser(node):
            reason = f"{node.attr} has another layout in {self.target.name} ({layouts.pop()})"
            self._refuse(node, f"{binding.api}.{node.attr}", Refusal("CM201", reason))
            return
        name = names.pop()
        if name != node.attr:
            end = self.document.span(node)[1]
            self.edits.replace((end - len(node.attr.encode()), end), name)

    def _in_initialiser(self, node: ast.AST) -> bool:
        at: ast.AST | None = node
        while at is not None and not isinstance(at, ast.stmt):
            if isinstance(at, ast.Compare) and any(isinstance(o, (ast.Is, ast.IsNot)) for o in at.ops):
                return True
            if isinstance(at, ast.Call):
                api = self._api_of(at)[0] or ""
                return any(b.operator.kind == "init" for b in self.source.by_api.get(api, ()))
            at = self.names.parent.get(at)
        return isinstance(at, (ast.If, ast.While))

    def _layer_apis(self, node: ast.expr) -> list[str]:
        """Name the layer classes an expression may be: by isinstance around it, or by assignment."""
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self":
            owner = self.inference.enclosing(node, ast.ClassDef)
            values = self.inference.attributes.get((owner, node.attr), [])  # type: ignore[arg-type]
            found = [self.names.qualified(v.func) for v in values if isinstance(v, ast.Call)]
            return [f for f in found if f]
        if not isinstance(node, ast.Name):
            return []
        if node.id == "self":
            return self._layer_bases(node)
        return self.inference.tested_classes(node)

    def _layer_bases(self, node: ast.AST) -> list[str]:
        """Name the layers of the source that the class around a node derives from."""
        owner = self.inference.enclosing(node, ast.ClassDef)
        if not isinstance(owner, ast.ClassDef):
            return []
        found = [self.names.qualified(base) for base in owner.bases]
        return [
            f for f in found if f and any(b.operator.kind == "layer" for b in self.source.by_api.get(f, ()))
        ]

    # Changes in place ---------------------------------------------------------------------------

    def _change(self, statement: ast.AugAssign | ast.Assign) -> None:
        """Look at ``x += y`` and ``x[i] = y``: the frameworks differ in who else sees the change."""
        for target in statement.targets if isinstance(statement, ast.Assign) else [statement.target]:
            holder = target
            while isinstance(holder, ast.Subscript):
                holder = holder.value
            kind = self.inference.object_kind(holder)
            if kind != "tensor" and not (kind == "unknown" and self._computes(statement)):
                continue
            if isinstance(target, ast.Subscript) and self.target.mask_assignment:
                if not self._is_basic(target.slice):
                    message = f"{self.target.mask_assignment}, and this one may be a mask"
                    self._say("CM211", "error", target, message, "write it with where() and the mask")
                    continue
            if not (isinstance(holder, ast.Name) and self.aliasing.is_private(holder, statement)):
                message = (
                    f"{ast.unparse(holder)} is changed in place, and what else sees that differs"
                    f" in {self.target.name}"
                )
                self._say("CM210", "warning", target, message, "write it without the change: x = x + y")

    def _slice(self, node: ast.Subscript) -> None:
        """Port x[:, ::2] through a shim where the target's own has no right gradient."""
        parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        steps = [p.step for p in parts if isinstance(p, ast.Slice) and p.step is not None]
        outer = self.names.parent.get(node)
        if all(self.inference.known(s) == 1 for s in steps) or self.inference.kind(node.value) != "tensor":
            return
        api = f"{self.source.tensor_class}.__getitem__"
        if isinstance(outer, ast.AugAssign) and outer.target is node:
            reason = f"the gradient of a slice with a step is not right in {self.target.name}"
            self._refuse(node, api, Refusal("CM202", reason, "write it as x[i] = x[i] + y"))
            return
        if not isinstance(node.ctx, ast.Load):
            return
        if not self._is_basic(node.slice):
            reason = "a slice with a step beside an index that may be a tensor"
            self._refuse(node, api, Refusal("CM202", reason, "index in two steps"))
            return
        span, shim = self.document.span(node.value), self.target.stepped_slice
        inner = self.edits.by_span.get(span, mark(span))
        self.edits.replace(span, f"{reference(shim)}({inner})")
        if shim not in self.shims:
            self.shims.append(shim)
        self.port.uses.append(Use(node.lineno, api, shim, "shim"))

    def _computes(self, statement: ast.AugAssign | ast.Assign) -> bool:
        """Tell whether a change of something unknown may well be one of a tensor: in a forward method."""
        if not isinstance(statement, ast.AugAssign) or not isinstance(statement.target, ast.Name):
            return False
        function = self.inference.enclosing(statement, FUNCTIONS)
        owner = self.inference.enclosing(statement, ast.ClassDef)
        value = self.inference.kind(statement.value)
        forward = getattr(function, "name", "") == self.source.forward
        return forward and value in ("tensor", "unknown") and self.inference.is_module_class(owner)

    def _is_basic(self, index: ast.expr) -> bool:
        if isinstance(index, ast.Tuple):
            return all(self._is_basic(e) for e in index.elts)
        plain = isinstance(index, ast.Slice) or _is_none_or_dots(index)
        return plain or self.inference.kind(index) in ("int", "number")

    # Structure ---------------------------------------------------------------------------------

    def _grown(self, node: ast.ClassDef) -> None:
        """Add what the target needs behind an ``__init__`` of a class that appends to lists of modules."""
        starts = [n for n in node.body if isinstance(n, FUNCTIONS) and n.name == "__init__"]
        if not starts:
            return
        grows = any(
            isinstance(call.func, ast.Attribute)
            and isinstance(call.func.value, ast.Attribute)
            and self.inference.enclosing(call, ast.ClassDef) is node
            and self.inference.kind(call.func.value) in ("modules", "module")
            for name in GROWING
            for call in self.inference.calls.get(name, ())
        )
        first = starts[0].body[0]
        if grows and first.lineno != starts[0].lineno and self.inference.is_module_class(node):
            end = self.document.span(starts[0])[1]
            at = imports.line_end(self.document, end)
            start = self.document.offset(first.lineno, 0)
            indent = self.document.text((start, start + first.col_offset))
            ends = self.document.newline
            before = "" if self.document.data[at - 1 : at] in (b"\n", b"\r") else ends
            self.edits.replace((at, at), f"{before}{indent}{self.target.after_growth}{ends}")

    def _class(self, node: ast.ClassDef) -> None:
        if self.target.after_growth:
            self._grown(node)
        if self.source.forward == self.target.forward:
            return
        forward = [n for n in node.body if isinstance(n, FUNCTIONS) and n.name == self.source.forward]
        if not self.inference.is_module_class(node):
            base = self.inference.unknown_base(node) if forward else None
            if base is not None and self.port.uses:
                self._say(
                    "CM108", "warning", base,
                    f"whether {node.name} is a {self.source.module_class} can't be told from its base"
                    f" {ast.unparse(base)}, so its {self.source.forward}() keeps its name",
                    "port the base's file in the same run, or rename the method by hand",
                )  # fmt: skip
            return
        for item in forward:
            if item.name == self.source.forward:
                start = self.document.span(item)[0]
                match = re.compile(rb"(async\s+)?def\s+").match(self.document.data, start)
                assert match is not None
                name = (match.end(), match.end() + len(item.name.encode()))
                self.edits.replace(name, self.target.forward)

    def _forward_calls(self, part: ast.Attribute) -> None:
        """Rename ``self.forward``, ``super().forward`` and a module's within a module class."""
        if self._is_module_like(part.value):
            owner: ast.AST | None = part
            while owner is not None:
                owner = self.inference.enclosing(owner, ast.ClassDef)
                if self.inference.is_module_class(owner):
                    end = self.document.span(part)[1]
                    self.edits.replace((end - len(part.attr), end), self.target.forward)
                    return

    def _is_module_like(self, node: ast.expr) -> bool:
        own = isinstance(node, ast.Name) and node.id == "self"
        upward = isinstance(node, ast.Call) and getattr(node.func, "id", "") == "super"
        return own or upward or self.inference.kind(node) == "module"

    # Findings and the end ----------------------------------------------------------------------

    def _refuse(self, node: ast.AST, api: str, refusal: Refusal) -> None:
        self.port.uses.append(Use(node.lineno, api, "", "refused"))  # type: ignore[attr-defined]
        self._say(refusal.code, "error", node, refusal.reason, refusal.advice)

    def _say(self, code: str, severity: str, node: ast.AST, message: str, advice: str = "") -> None:
        line, column = self._place(node.lineno, node.col_offset)  # type: ignore[attr-defined]
        end = self._place(node.end_lineno, node.end_col_offset)  # type: ignore[attr-defined]
        message = re.sub("\0S([0-9]+),([0-9]+)\0", self._shown, message)
        self.port.diagnostics.append(
            Diagnostic(code, severity, line, column, message, advice, self.document.path, *end)
        )

    def _place(self, line: int, offset: int) -> tuple[int, int]:
        """Count a place of the tree, in bytes from 0, in characters from 1."""
        start = self.document.offset(line, 0)
        return line, len(self.document.text((start, start + offset))) + 1

    def _shown(self, match: re.Match[str]) -> str:
        return " ".join(self.document.text((int(match.group(1)), int(match.group(2)))).split())

    def _finish(self) -> None:
        mine = imports.source_imports(self.names, self.source.package)
        used: set[tuple[int, str]] = set()
        stars = [s for s in self.names.stars if s in mine]
        for node in self.names.references:
            if isinstance(node, ast.Name) and node not in self.done:
                found = self.names.imported(node)
                if found is not None:
                    used.add((id(found.statement), found.local))
                elif stars and self._is_unbound(node):
                    used.update((id(s.statement), "*") for s in stars)
                    message = f"{node.id} may come from a star import, and is no name of the rules"
                    self._refuse(node, node.id, Refusal("CM101", message, "import it by its name"))
        unused = [i for i in mine if (id(i.statement), i.local) not in used] if self.port.uses else []
        going = [i for i in unused if i.local not in self.lent]
        for item in unused:
            if item.local in self.lent:
                message = f"the import of {item.local} stays: another file of the project takes it from here"
                self._say("CM106", "warning", item.statement, message, "it goes with the last use")
        self.port.borrowed = self._borrowed([i for i in mine if i not in going])
        layout = Layout(self.document, self.names, self.edits, self.target)
        text = layout.text(going, self.shims, self.shared, bool(self.port.uses))
        try:
            ast.parse(text)
        except SyntaxError as error:
            raise SourceError(
                f"{self.document.path}: internal: the port would not parse (line {error.lineno}:"
                f" {error.msg}); nothing was written"
            ) from None
        self.port.after = text
        self.port.shims = list(self.shims)
        self.port.edited = sorted(self.edits.by_span)
        self.port.data = self.document.encode(text)
        if self.port.uses:
            for code, message in self.target.notes:
                self.port.diagnostics.append(Diagnostic(code, "note", 1, 1, message, "", self.document.path))
        self.port.diagnostics.sort(key=lambda d: (d.line, d.column, d.code))

    def _is_unbound(self, node: ast.Name) -> bool:
        if not isinstance(node.ctx, ast.Load) or hasattr(builtins, node.id) or node.id.startswith("__"):
            return False
        return self.names.scope_of[node].find(node.id) is None

    def _borrowed(self, staying: list[Imported]) -> list[str]:
        """Name what the ported file still takes of the source framework by way of another file."""
        found = []
        for item in staying:
            if isinstance(item.statement, ast.ImportFrom) and item.local != "*":
                through = self.names.absolute(item.statement)
                if through.partition(".")[0] != self.source.package:
                    found.append(f"{through}.{item.alias.name}")
        return found


def _only_renames(said: list[Map], other: Binding) -> bool:
    """Tell whether two bindings of one parameter hand it to the same slot as it is."""
    theirs = [m for m in other.maps if m.adapter != "fixed"]
    plain = all(m.adapter == "same" for m in (*said, *theirs))
    return plain and [m.slots for m in said] == [m.slots for m in theirs]


def _is_none_or_dots(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value in (None, Ellipsis)


__all__ = ["Port", "Use", "detect_framework", "port_document"]
