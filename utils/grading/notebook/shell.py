"""Run notebook cells and collect their outputs in a notebook's format.

Both sides use it: the student process for the cells a student may edit, the judge for the test
cells. One shell is made before the processes are forked, since making it takes longer than running
a submission.
"""

from __future__ import annotations

import ast
import base64
import builtins
import contextlib
import importlib
import linecache
import os
import re
import shutil
import sys
import tempfile
import traceback
from collections.abc import Callable
from types import CodeType, TracebackType
from typing import Any

from IPython.core.compilerop import CachingCompiler
from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from traitlets import Type
from traitlets.config import Config

from utils.grading.notebook.outputs import NoInput, Output, Outputs, Stream
from utils.grading.notebook.source import compile_plain, is_definition

MAX_TEXT = 4000  # characters of an exception's message
MAX_TRACEBACK = 60  # lines
_OWN_FOLDER = os.path.dirname(os.path.dirname(__file__)) + os.sep


def _bundle(data: dict, metadata: dict | None) -> tuple[dict, dict]:
    """Return a display's data and metadata in a form that JSON can represent."""
    ready = {}
    for mime, item in data.items():
        ready[mime] = base64.b64encode(item).decode() if isinstance(item, bytes) else item
    return ready, dict(metadata or {})


class _Publisher(DisplayPublisher):
    def publish(
        self,
        data: dict,
        metadata: dict | None = None,
        source: Any = None,
        *,
        transient: dict | None = None,
        update: bool = False,
        **kwargs: Any,
    ) -> None:
        bundle, metadata = _bundle(data, metadata)
        display_id = (transient or {}).get("display_id")
        if update:
            self.shell.outputs.update(display_id, bundle, metadata)
            return
        output = {"output_type": "display_data", "data": bundle, "metadata": metadata}
        self.shell.outputs.add(output | ({"transient": display_id} if display_id else {}))

    def clear_output(self, wait: bool = False) -> None:
        self.shell.outputs.clear(wait)


class _Hook(DisplayHook):
    shell: Any
    plain = False  # no magics, and whether to show the last value is known

    def quiet(self) -> bool:
        return not self.plain and super().quiet()

    def write_output_prompt(self) -> None:
        pass

    def write_format_data(self, format_dict: dict, md_dict: dict | None = None) -> None:
        data, metadata = _bundle(format_dict, md_dict)
        self.shell.outputs.add(
            {
                "output_type": "execute_result",
                "data": data,
                "metadata": metadata,
                "execution_count": self.shell.execution_count,
            }
        )

    def log_output(self, format_dict: dict) -> None:
        pass

    def finish_displayhook(self) -> None:
        self._is_active = False


class _Compiler(CachingCompiler):
    label = "cell"

    def get_code_name(self, raw_code: str, transformed_code: str, number: int) -> str:
        return self.label


class Overdue(BaseException):
    """The time for a question is up; raised in the student's code, to find its line."""


class CellShell(InteractiveShell):
    """An IPython shell whose cells' outputs are kept in `outputs`."""

    displayhook_class = Type(_Hook)
    display_pub_class = Type(_Publisher)
    compiler_class = Type(_Compiler)

    compile: _Compiler
    displayhook: _Hook
    history_manager: Any
    hidden = False  # whether the running cell's errors show only their type
    as_made: tuple = ()  # see `_changes`
    code_ended: Callable[[], None] = staticmethod(lambda: None)  # called first after a cell

    def __init__(self, **kwargs: Any) -> None:
        self.outputs = Outputs(1 << 20)
        super().__init__(**kwargs)

    @contextlib.contextmanager
    def _tee(self, channel: str):
        """Do nothing: IPython would keep an unlimited second copy of all output."""
        yield

    def _format_exception_for_storage(self, *args: Any, **kwargs: Any) -> dict:
        """Return an empty record: IPython would format each exception again for its history."""
        return {"ename": "", "evalue": "", "traceback": []}

    def showtraceback(
        self,
        exc_tuple: Any = None,
        filename: Any = None,
        tb_offset: Any = None,
        exception_only: bool = False,
        running_compiled_code: bool = False,
    ) -> None:
        kind, error, trace = exc_tuple or sys.exc_info()
        if error is not None:
            self.last_error = error
        if error is not None and not isinstance(error, Overdue):  # nobody would read it
            self.outputs.add(error_output(error, trace, hidden=self.hidden))

    def showsyntaxerror(self, filename: Any = None, running_compiled_code: bool = False) -> None:
        self.showtraceback()

    def showindentationerror(self) -> None:
        self.showtraceback()

    def system(self, command: str) -> None:
        """Do not run a shell command (`!pip install ...`); the cell continues."""
        self.user_ns["_exit_code"] = 1
        print(f"[not run here: !{str(command)[:200]}]", file=sys.stderr)

    system_raw = system_piped = system

    def enable_gui(self, gui: str | None = None) -> None:
        """Do nothing: figures are inline, without windows."""

    def getoutput(self, command: str, split: bool = True, depth: int = 0) -> Any:
        self.system(command)
        return [] if split else ""

    def run(
        self,
        label: str,
        source: str,
        hidden: bool = False,
        code: tuple[CodeType, CodeType | None] | None = None,
        show: bool = True,
    ) -> tuple[Any, Any]:
        """Run a cell.

        Args:
            label: names the cell in tracebacks.
            source: its text, which may contain magics.
            hidden: show only the type of an error.
            code: the compiled cell, if it has been compiled before.
            show: add the value of its last expression to the outputs; cells with magics always do.
        Returns:
            The value of its last expression, and the exception that ended it, or None.
        """
        self.compile.label, self.hidden = f"cell {label}", hidden
        self.last_error = None
        streams = sys.stdout, sys.stderr, sys.stdin
        sys.stdout, sys.stderr = Stream("stdout", self.outputs), Stream("stderr", self.outputs)
        sys.stdin = NoInput()
        try:
            if code is None and self._is_as_made():
                code = compile_plain(label, source)
            if code:
                return self._run_plain(source, *code, show)
            try:
                result = self.run_cell(source, store_history=True)
            finally:
                self.code_ended()
        finally:
            sys.stdout, sys.stderr, sys.stdin = streams
        if result is None:
            return None, self.last_error
        return result.result, result.error_before_exec or result.error_in_exec

    def _changes(self) -> tuple:
        """Return the parts of IPython's state by which a notebook can change how cells run."""
        transformers = self.input_transformer_manager
        lists = (
            transformers.cleanup_transforms, transformers.line_transforms,
            transformers.token_transformers, self.input_transformers_post, self.ast_transformers,
        )  # fmt: skip
        return (*map(len, lists), "run_cell" in vars(self), self.ast_node_interactivity)

    def _is_as_made(self) -> bool:
        return self._changes() == self.as_made

    def _run_plain(
        self, source: str, code: CodeType, last: CodeType | None, show: bool
    ) -> tuple[Any, BaseException | None]:
        """Run a cell without magics like IPython, but faster."""
        name, lines = self.compile.label, source.splitlines(keepends=True)
        linecache.cache[name] = (len(source), None, lines, name)
        self.history_manager.store_inputs(self.execution_count, source)
        self.events.trigger("pre_execute")
        value, error = None, None
        try:
            with self.builtin_trap, self.display_trap:
                try:
                    exec(code, self.user_ns)
                    if last:
                        value = eval(last, self.user_ns)
                        if show:
                            self.displayhook.plain = True
                            sys.displayhook(value)
                finally:
                    self.code_ended()
        except BaseException as caught:
            error = caught
            self.showtraceback()
        finally:
            self.displayhook.plain = False
            self.execution_count += 1
            self.events.trigger("post_execute")
        return value, error

    def define(self, label: str, source: str) -> None:
        """Run only the imports, functions, classes and constants of a cell.

        Raises:
            Exception: any exception that these raise.
        """
        self.compile.label = f"cell {label}"
        source = self.transform_cell(source)
        name = self.compile.cache(source, self.execution_count)
        tree = ast.parse(source, name)
        tree.body = [statement for statement in tree.body if is_definition(statement)]
        exec(compile(tree, name, "exec", dont_inherit=True), self.user_ns)


def error_output(error: BaseException, trace: TracebackType | None, hidden: bool = False) -> Output:
    """Return an exception as a notebook's error output; this never raises.

    Args:
        error: the exception, whose methods may be a student's.
        trace: its traceback.
        hidden: show only its type: the text may reveal what a hidden test expects.
    """
    name, message = type_name(error), text_of(error)
    if hidden:  # a type's name could contain the arguments
        known = (base for base in type(error).__mro__ if hasattr(builtins, base.__name__))
        name, message = next(known).__name__, ""
    lines = []
    if not hidden:
        try:
            lines = _traceback(error, trace)
        except BaseException:  # its __str__, __cause__, ... may be the student's
            lines = []
    told = f"\x1b[0;31m{name}\x1b[0m: {message or 'in a hidden test'}"
    return {"output_type": "error", "ename": name, "evalue": message, "traceback": lines or [told]}


def _traceback(error: BaseException, trace: TracebackType | None) -> list[str]:
    """Return a traceback's lines starting at the first cell, without the grader's own frames."""
    steps: list[TracebackType] = []
    while trace:
        file = trace.tb_frame.f_code.co_filename
        if (steps or in_cell(file)) and not file.startswith(_OWN_FOLDER):
            steps.append(trace)
        trace = trace.tb_next
    shown = None
    for step in reversed(
        steps[: MAX_TRACEBACK // 2] + steps[MAX_TRACEBACK // 2 :][-MAX_TRACEBACK:]
    ):
        shown = TracebackType(shown, step.tb_frame, step.tb_lasti, step.tb_lineno)
    found = traceback.TracebackException(type(error), error, shown, compact=True)
    text = "".join(found.format())
    lines = re.sub(r'File "(cell [^"]*)", line', r"\1, line", text).splitlines()
    if len(lines) > MAX_TRACEBACK:
        half = MAX_TRACEBACK // 2
        lines = [*lines[:half], f"  [... {len(lines) - 2 * half} lines ...]", *lines[-half:]]
    return [line[:500] for line in lines]


def in_cell(filename: str) -> bool:
    """Return whether a code object's file name is that of a cell."""
    return filename.startswith("cell ")


def type_name(error: BaseException) -> str:
    """Return the name of an exception's type, bypassing its metaclass."""
    return str(type.__getattribute__(type(error), "__name__"))[:200]


def text_of(error: BaseException) -> str:
    """Return an exception's message, even if its `__str__` fails."""
    try:
        text = str.__str__(str(error))
    except BaseException:
        return "(its message cannot be shown)"
    return text if len(text) <= MAX_TEXT else text[:MAX_TEXT] + " [...]"


def make_shell(plots: bool, shared: bool = True) -> CellShell:
    """Return a shell with inline figures that leaves nothing on disk.

    Args:
        plots: import Matplotlib now, not when a cell does.
        shared: make it the shell that `get_ipython` returns.
    """
    config = Config()
    config.HistoryManager.enabled = False
    folder = tempfile.mkdtemp()
    try:
        make = CellShell.instance if shared else CellShell
        shell = make(config=config, ipython_dir=folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if plots:
        importlib.import_module("matplotlib.pyplot")
        shell.enable_matplotlib("inline")
    shell.as_made = shell._changes()
    return shell


def close_shell() -> None:
    """Undo `make_shell`, so that the next notebook in this process gets a new shell."""
    if CellShell.initialized():
        CellShell.instance().restore_sys_module_state()
        CellShell.clear_instance()
