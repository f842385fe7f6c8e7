"""Ports one file: every use of the source framework becomes an exact call, a shim or a diagnostic."""

from __future__ import annotations

import ast
import builtins
import dataclasses
import re

from convmap import translate
from convmap.diagnostics import Diagnostic
from convmap.errors import Refusal
from convmap.model import Binding, Named, Plan, Value
from convmap.rewrite import imports
from convmap.rewrite.base import INPLACE, Port, Use
from convmap.rewrite.calls import argument_nodes, fill_template, write_call
from convmap.rewrite.classes import ClassQuestions
from convmap.rewrite.edits import reference
from convmap.rewrite.formats import Formats
from convmap.rewrite.growth import Growth
from convmap.rewrite.hazards import Hazards
from convmap.rewrite.indices import Indices
from convmap.rewrite.kept_tensors import KeptTensors
from convmap.rewrite.layout import Layout
from convmap.rewrite.leftovers import Leftovers
from convmap.rewrite.numpy_numbers import NumPyNumbers
from convmap.rewrite.operators import Operators
from convmap.rules import Framework, Rules
from convmap.source.document import Document
from convmap.source.filling import detached
from convmap.source.inference import Inference, mark
from convmap.source.names import FUNCTIONS, Imported, packages_imported
from convmap.source.project import Project
from convmap.translate import Argument


def detect_framework(rules: Rules, document: Document) -> Framework | None:
    """Find the source framework from the imports; None where there is none or more than one."""
    imported, packages = packages_imported(document.tree), rules.frameworks.packages
    found = [name for package, name in packages.items() if package in imported]
    return rules.framework(found[0]) if len(found) == 1 else None


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


class _Porter(
    Growth, KeptTensors, Indices, Hazards, ClassQuestions, Formats, Operators, NumPyNumbers, Leftovers
):
    """Goes through a file: calls, references, changes, classes, and the end."""

    def run(self) -> Port:
        for definition in self.names.definitions:
            for decorator in definition.decorator_list:
                self._decorator(decorator)
        for call in self.names.calls:
            if call not in self.refused:
                self._call(call)
                self._named_setting(call)
                self._isinstance_of_value(call)
        for test in self.names.comparisons:
            self._compared_classes(test)
            self._compared_formats(test)
        for table in self.names.tables:
            self._keyed_classes(table)
            self._keyed_formats(table)
        for node in self.names.candidates:
            self._reference(node)
        if self.target.stepped_slice:
            for subscript in self.names.subscripts:
                self._slice(subscript)
        if self.target.tensor_index and not self.source.tensor_index:
            for subscript in self.names.subscripts:
                self._index(subscript)
        if self.source.operators or self.target.operators:
            for operation in self.names.operations:
                self._operator(operation)
            for inversion in self.names.unary:
                self._operator(inversion)
        self._numpy_numbers()
        for change in self.names.changes:
            self._change(change)
        for assignment in self.names.assignments:
            self._drop_setup(assignment)
            self._child(assignment)
            targets = list(assignment.targets) if isinstance(assignment, ast.Assign) else [assignment.target]
            for target in targets:
                if isinstance(target, (ast.Tuple, ast.List)):
                    targets += target.elts
                elif isinstance(target, ast.Attribute) and not self.mixed:
                    self._unsettable(target)
                    self._setting(target, assignment)
                    self._set_weight(target, assignment.value)
            if self.source.parts_in_lists != self.target.parts_in_lists and not self.mixed:
                self._keeps_lists(assignment)
            if not self.mixed:
                self._keeps_tensor(assignment)
            if self.target.buffer_assignment != self.source.buffer_assignment == "":
                self._buffer(assignment)
            if self.target.data_assignment:
                self._data(assignment)
            if self.target.parameter_assignment != self.source.parameter_assignment != "":
                self._filled_parameter(assignment)
        for definition in self.names.definitions:
            if isinstance(definition, ast.ClassDef):
                self._class(definition)
        for node in self.names.candidates:
            if isinstance(node, ast.Attribute) and node.attr == self.source.forward:
                self._forward_calls(node)
        self._finish()
        return self.port

    # Calls -------------------------------------------------------------------------------------

    def _call(self, call: ast.Call) -> None:
        api, receiver = self._api_of(call)
        if api is None:
            if self._asks_for_parameter(call):
                return
            in_place = any(k.arg is None or k.arg == INPLACE for k in call.keywords)
            if in_place and self._may_be_class(call.func):
                kinds = (self.inference.object_kind(call.func), self.inference.kind(call))
                if "module class" in kinds:
                    self._passed_class(call)
            return
        rebound: str | None = None
        moved: tuple[ast.expr, ast.Call] | None = None
        if receiver is not None and self._sets_part(call, api):
            return
        if receiver is not None and call.func.attr in self.source.in_place:  # type: ignore[attr-defined]
            settled = self.aliasing.settles(call)
            if settled is None and api[:-1] in self.source.by_api:
                settled = self._own_part(call)
                moved = self._moved(call) if settled is None and api not in self.source.by_api else None
                settled = "" if moved is not None else settled
            if settled is not None:
                api, rebound = api[:-1], settled
            elif api not in self.source.by_api:  # an initialiser may fill a parameter
                reason = f"{ast.unparse(receiver)} is changed in place, and something else may see it"
                self._refuse(
                    call, api, Refusal("CM210", reason, f"write it without the change, by {api[:-1]}")
                )
                return
        bindings = self.source.by_api.get(api, ())
        if not bindings:
            if receiver is None:
                self._refuse(call, api, Refusal("CM101", f"{api} is not in the rules"))
            elif not self._is_same(api):
                self._refuse(call, api, Refusal("CM102", f"{api} is not in the rules"))
            return
        if bindings[0].operator.kind == "decorator" and self._marks(call, bindings[0]):
            return
        refusal: Refusal | None = None
        for binding in bindings:
            try:
                self._translate(call, binding, receiver)
                if rebound:
                    self._bind(call, rebound)
                if moved is not None and moved[1] is call:
                    self._give_values(call, moved[0])
                if rebound is not None:
                    self.port.uses[-1] = self.port.uses[-1]._replace(api=f"{api}_")
                return
            except Refusal as reason:
                # Of several overloads, the reason of one whose arguments fit says more.
                if refusal is None or (refusal.code == "CM104" and reason.code != "CM104"):
                    # A new one: the traceback of this holds the tree in a circle that nothing frees.
                    refusal = Refusal(reason.code, reason.reason, reason.advice)
        assert refusal is not None
        if refusal.code == "CM105" and self._drop_in(call, bindings[0]):
            return
        self.refused.add(call)
        self._refuse(call, api, refusal)

    def _may_be_class(self, func: ast.expr) -> bool:
        """Tell whether what is called may be a class: a method of another object than self gives none."""
        if not isinstance(func, ast.Attribute) or getattr(func.value, "id", "") == "self":
            return True
        return self.names.qualified(func) is not None

    def _comment_behind(self, call: ast.Call, receiver: ast.expr) -> str:
        """Give the comments between an object and its method's name, each with the end of its line."""
        end = self.document.span(call.func)[1] - len(call.func.attr.encode())  # type: ignore[attr-defined]
        between = self.document.text((self.document.span(receiver)[1], end))
        comments = re.findall(r"#[^\r\n]*", between)
        return "".join(f"  {comment}{self.document.newline}" for comment in comments)

    def _bind(self, call: ast.Call, name: str) -> None:
        """Assign what a statement's call gives; around it there may be parentheses."""
        span = self.document.span(call)
        start = self.document.span(self.names.parent[call])[0]
        if start < span[0]:
            self.edits.replace((start, start), f"{name} = ")
        else:
            self.edits.replace(span, f"{name} = {self.edits.by_span[span]}")

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
            self.edits.replace(imports.whole_line(self.document, (at, end)), "", True)
            self._forget(node, "")
            if isinstance(node, ast.Call):
                self.refused.add(node)  # gone with its line
            self.port.uses.append(Use(node.lineno, qualified, "", "exact"))
            return

    def _marks(self, call: ast.Call, binding: Binding) -> bool:
        """Drop a statement that marks a function of the file for a compiler, by its name."""
        statement = self.names.parent.get(call)
        named = [isinstance(a, ast.Constant) and isinstance(a.value, str) for a in call.args]
        if not (isinstance(statement, ast.Expr) and named == [True] and not call.keywords):
            return False
        if not self.target.for_operator(binding.operator, None):
            return False
        block = getattr(self.names.parent.get(statement), "body", [])
        alone = statement not in block or len(block) == 1
        span = self.document.span(statement)
        self.edits.replace(
            span if alone else imports.whole_line(self.document, span), "pass" if alone else ""
        )
        self._forget(call, "")
        self.refused.add(call)  # gone with its line
        self.port.uses.append(Use(call.lineno, binding.api, "", "exact"))
        return True

    def _translate(self, call: ast.Call, binding: Binding, receiver: ast.expr | None) -> None:
        adds = binding.operator.grows and binding.operator.kind == "attribute"
        if adds and receiver is not None and self._grows_alike(receiver):
            self.port.uses.append(Use(call.lineno, binding.api, binding.api.rpartition(".")[2], "shim"))
            return  # the shim has the same method
        nodes = argument_nodes(call)
        first = 1 if binding.is_method else 0
        args = [self._argument(n, binding, i) for i, n in enumerate(nodes, first)]
        if binding.is_method:
            if receiver is None:
                raise Refusal("CM104", f"{binding.api} is called without an object")
            args.insert(0, Argument(self.inference.value(receiver)))
        lifted = translate.lift(binding, args)
        self._refuse_divergence(lifted, call, receiver)
        self._refuse_shape(binding.operator, call, receiver)
        if receiver is not None:
            self._refuse_of_computed(binding.operator, receiver)
        if binding.operator.kind == "init":
            if receiver is not None and (whole := detached(self.inference, receiver)) is not None:
                receiver = whole
                args[0] = Argument(self.inference.value(receiver))
                lifted = translate.lift(binding, args)
            name = binding.params[0].name
            given = nodes[lifted.given[name][0]] if receiver is None else receiver
            filled = given.value if isinstance(given, ast.keyword) else given
            self._fills(filled)
            lifted = self._with_axes(lifted, filled)
        for slot, flag in binding.operator.updates:
            self._updates(lifted, slot, flag, nodes)
        lifted = self._settle_inplace(call, lifted)
        used = not isinstance(self.names.parent.get(call), ast.Expr)
        growing = binding.operator.grows and self._grows_later(call)
        plan = self._lower(lifted, used, growing)
        translate.check(plan, lifted.call)
        for limit in translate.met_at_run_time(plan, lifted.call):
            self._say("CM205", "note", call, f"{limit.reason}: {plan.binding.shim} raises where that is met")
        for quirk in self.source.quirks if binding.heeds else ():
            if quirk.id in binding.heeds:
                message = f"{binding.api}: {quirk.effect}: {plan.binding.shim} raises where that is met"
                self._say("CM205", "note", call, message)
        self._check_upward(receiver, plan)
        positions = {
            name: tuple(i - first for i in where if i >= first) for name, where in lifted.given.items()
        }
        text = self._text(call, plan, positions, receiver)
        self._write(call, text)
        self._forget(call, text)
        self._note_use(call, binding.api, plan)
        self.port.calls.append((lifted, plan, call.lineno))
        self.ported.add(call)
        if plan.status == "lossy":
            self._say("CM203", "warning", call, plan.binding.note, "leave the option out for the exact port")

    @staticmethod
    def _is_dtype(binding: Binding, name: str | None, position: int) -> bool:
        """Tell whether an argument, by its name or its position, says a number format."""
        plain = [p.name for p in binding.params if p.kind == "plain"]
        if name is None:
            name = plain[position] if position < len(plain) else None
        slots = {slot for m in binding.maps for _, param in m.roles if param == name for slot in m.slots}
        return "dtype" in slots

    def _argument(self, node: ast.expr | ast.keyword, binding: Binding, position: int = 0) -> Argument:
        """Read one argument; ``position`` is its place among the parameters, where it has no name."""
        found = self._plain_argument(node, binding)
        if binding.operator.kind == "parameter" and found.value.kind == "tensor":
            value = node.value if isinstance(node, ast.keyword) else node
            own = self.aliasing.is_given_up(value, value)
            return found._replace(
                value=dataclasses.replace(found.value, kind="new tensor" if own else "tensor")
            )
        words = self.source.dtype_words
        if not words or not self._is_dtype(binding, found.keyword, position):
            return found
        given = node.value if isinstance(node, ast.keyword) else node
        word = found.value.known if found.value.kind == "str" else self.named_format(given)
        if word is None:
            return found
        format = dict(words).get(word)
        if format is None:
            reason = f"{binding.api}: {word!r} has no counterpart among number formats"
            raise Refusal("CM201", reason)
        # 'float32' of astype("float32"): a name in the target, not a text.
        written = self.written_format(word)
        if written is None:
            return found
        code = written.write or reference(written.api)
        return found._replace(value=Value(code, Named(format), "scalar", kind="dtype"))

    def _plain_argument(self, node: ast.expr | ast.keyword, binding: Binding) -> Argument:
        if isinstance(node, ast.keyword):
            star, name = 2 if node.arg is None else 0, node.arg
            if binding.operator.kind == "function" and name not in {p.name for p in binding.params}:
                name = dict(self.source.aliases).get(name or "", name)
            return Argument(self.inference.value(node.value), name, star)
        return Argument(self.inference.value(node), None, 1 if isinstance(node, ast.Starred) else 0)

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
                    comment = self._comment_behind(call, receiver)
                    if comment:
                        lead = dataclasses.replace(lead, code=lead.code + comment)
            tuples = self.target.numbers_in_tuples and not binding.shim
            return write_call(self.document, call, plan, positions, callee, False, lead, tuples)
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
        tuples = self.target.numbers_in_tuples
        return write_call(self.document, call, plan, positions, callee, True, None, tuples)

    # References --------------------------------------------------------------------------------

    def _reference(self, node: ast.Attribute | ast.Name) -> None:
        qualified = self.names.qualified(node)
        if qualified is None and type(node) is ast.Name:
            return
        parent = self.names.parent.get(node)
        if type(node.ctx) is not ast.Load or (type(parent) is ast.Attribute and self.names.qualified(parent)):
            return
        if qualified is None:
            if isinstance(node, ast.Attribute) and not self._is_gone(node):
                self._attribute(node, parent)
            return
        if not self.source.owns(qualified):
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
        text = self._type_text(qualified) if self._in_annotation(node) else None
        if not bindings and text is None:
            text = self._quoted(node)
        if not bindings and text is None and self._in_isinstance(node):
            text = self._family_text(node, qualified)
        if not bindings and text is None:
            reason, advice = f"{qualified} is not in the rules", ""
            if self.source.knows(qualified):
                reason = f"what is taken from {qualified} is known at run time only"
                advice = "choose from a dictionary of the classes or functions that are meant"
            self._refuse(node, qualified, Refusal("CM101", reason, advice))
            return
        try:
            named = next((b for b in bindings if b.operator.kind == "class"), None)
            text = text or self._reference_text(node, named or bindings[0], parent)
        except Refusal as refusal:
            self._refuse(node, qualified, refusal)
            return
        self._write(node, text)
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
            return self._classes_for(binding, node)
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

    def _attribute(self, node: ast.Attribute, parent: ast.AST | None) -> None:
        """Look at an attribute of a tensor or of a layer."""
        called = isinstance(parent, ast.Call) and parent.func is node
        if node.attr == "__name__":
            self._class_name(node)
        if called:  # what the method means is the call's affair
            if getattr(node.value, "id", "") == "self":
                self._own_attribute(node)
            return
        kind = self.inference.object_kind(node.value)
        if kind == "tensor":
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
        elif kind in ("module", "unknown"):
            if f"Module.{node.attr}" in self.source.same and self._is_module_like(node.value):
                api = f"{self.source.module_class}.{node.attr}"
                self.port.uses.append(Use(node.lineno, api, node.attr, "exact"))
            self._weight(node)
            self._setting(node)
            self._own_attribute(node)

    def _tensor_attribute(self, node: ast.Attribute, binding: Binding) -> None:
        try:
            self._refuse_shape(binding.operator, node, node.value)
            self._refuse_of_computed(binding.operator, node.value)
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
        self._write(node, text)
        self._note_use(node, binding.api, plan)

    # Changes in place ---------------------------------------------------------------------------

    # Structure ---------------------------------------------------------------------------------

    def _class(self, node: ast.ClassDef) -> None:
        if self.target.after_growth:
            self._grown(node)
        if not self.mixed and self.inference.is_module_class(node):
            self._overrides(node)
            if self.target.needs_forward and not self.source.needs_forward:
                self._ask_for_forward(node)
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
                self.edits.replace(self._name_span(item), self.target.forward)

    def _ask_for_forward(self, node: ast.ClassDef) -> None:
        """Report a class that is made without a forward, by what its bases in this file have."""
        around: ast.ClassDef | None = node
        seen: list[ast.ClassDef] = []
        while around is not None and around not in seen:
            if self.source.forward in self.inference.methods(around):
                return
            names = [getattr(base, "id", "") for base in around.bases]
            inner = [self.inference.classes[name] for name in names if name in self.inference.classes]
            if not inner and [self.names.qualified(b) for b in around.bases] != [self.source.module_class]:
                return  # a layer's own, or one that can't be read
            seen.append(around)
            around = inner[0] if inner else None
        made = [c for c in self.inference.calls.get(node.name, ()) if isinstance(c.func, ast.Name)]
        if made:
            reason = f"{self.target.name} makes no module whose class has no {self.source.forward}()"
            self._say("CM202", "warning", node, reason, "give it one that raises")

    def _forward_calls(self, part: ast.Attribute) -> None:
        """Rename ``self.forward``, ``super().forward`` and a module's within a module class."""
        if self._is_module_like(part.value):
            owner: ast.AST | None = part
            while owner is not None:
                owner = self.inference.enclosing(owner, ast.ClassDef)
                if self.inference.is_module_class(owner):
                    end = self.document.span(part)[1]
                    if self.source.forward != self.target.forward:
                        self.edits.replace((end - len(part.attr), end), self.target.forward)
                    api = f"{self.source.module_class}.{part.attr}"
                    self.port.uses.append(Use(part.lineno, api, self.target.forward, "exact"))
                    return

    def _is_module_like(self, node: ast.expr) -> bool:
        own = isinstance(node, ast.Name) and node.id == "self"
        upward = isinstance(node, ast.Call) and getattr(node.func, "id", "") == "super"
        return own or upward or self.inference.kind(node) == "module"

    # Findings and the end ----------------------------------------------------------------------

    def _finish(self) -> None:
        mine = imports.source_imports(self.names, self.source.package)
        # Of a library that a user's rules name, an import goes where a use of it was replaced.
        gone = {self.names.imported(n) for n in self.done if isinstance(n, ast.Name)}
        mine += [i for i in gone if i and i not in mine and self._is_of_library(i)]
        used: dict[tuple[int, str], list[ast.Name]] = {}
        ambiguous: set[tuple[int, str]] = set()
        of_source = {(id(i.statement), i.local) for i in mine}
        stars = [s for s in self.names.stars if s in mine]
        for node in self.names.candidates:
            if isinstance(node, ast.Name) and node not in self.done:
                found = self.names.imported(node)
                if found is not None:
                    used.setdefault((id(found.statement), found.local), []).append(node)
                    for same in self._imports_among(node):  # one in each branch
                        if same is not found.statement and ast.dump(same) == ast.dump(found.statement):
                            used.setdefault((id(same), node.id), []).append(node)
                    continue
                several = self._imports_among(node)  # try: import a; except ImportError: a = None
                for statement in several:
                    used.setdefault((id(statement), node.id), []).append(node)
                doubtful = {(id(statement), node.id) for statement in several} & of_source
                if doubtful:
                    message = f"{node.id} is {self.source.name}'s by one of its bindings: what it means can't be told"
                    self._say("CM101", "warning", node, message, "import it once, under a name of its own")
                ambiguous |= doubtful
                if stars and self._is_unbound(node):
                    for star in stars:
                        used.setdefault((id(star.statement), "*"), []).append(node)
                    message = f"{node.id} may come from a star import, and is no name of the rules"
                    self._refuse(node, node.id, Refusal("CM101", message, "import it by its name"))
        unused = [i for i in mine if (id(i.statement), i.local) not in used] if self.port.uses else []
        going = [i for i in unused if i.local not in self.lent]
        for item in unused:
            if item.local in self.lent:
                message = f"the import of {item.local} stays: another file of the project takes it from here"
                self._say("CM106", "warning", item.statement, message, "it goes with the last use")
        staying = [i for i in mine if i not in going]
        self.port.borrowed = self._borrowed(staying)
        changes = any(use.status != "refused" for use in self.port.uses)
        sure = [i for i in staying if (id(i.statement), i.local) not in ambiguous]
        moved = self._move_imports(sure, used) if changes else []
        layout = Layout(self.document, self.names, self.edits, self.target)
        text = layout.text(going, moved, self.shims, self.shared, bool(self.port.uses))
        self.port.after = text
        self.port.shims = list(self.shims)
        self.port.edited = sorted(self.edits.by_span)
        self.port.data = self.document.encode(text)
        self._note_points()
        if self.port.uses:
            for code, message in self.target.notes:
                self.port.diagnostics.append(Diagnostic(code, "note", 1, 1, message, "", self.document.path))
        self.port.diagnostics.sort(key=lambda d: (d.line, d.column, d.code))

    def _imports_among(self, node: ast.Name) -> list[ast.AST]:
        """Give the import statements among several that bind a name."""
        scope = self.names.scope_of[node].find(node.id) if isinstance(node.ctx, ast.Load) else None
        bound = scope.bound[node.id] if scope is not None else []
        return [by for by in bound if isinstance(by, (ast.Import, ast.ImportFrom))]

    def _is_of_library(self, item: Imported) -> bool:
        own = item.qualified.split(".")[0] == self.source.package
        return not own and item.local != "*" and self.source.knows(item.qualified)

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


__all__ = ["Port", "Use", "detect_framework", "port_document"]
