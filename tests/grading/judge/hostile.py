"""Hostile submissions, each with the score that is right.

`@...@` in a case's code stands for a path, port or process of the arena.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import fixture_course as fixture
import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

WRONG = "def softmax(a):\n    return np.zeros(np.shape(a))"
ALL, DOUBLE, NONE = 10.0, 3.0, 0.0  # everything right; softmax wrong; everything wrong
MARK = "GOT-IT"  # what code prints when it got hold of what it must not


@dataclass
class Case:
    """A submission.

    Attributes:
        name: what it tries.
        score: the honest one.
        before, after: code in cells of its own, above and below the course's.
        answers: for the course's cells, instead of the right ones.
        judge: a test cell, worth 3 points, with code that somebody runs who has taken the judge
            over; it takes the place of the course's first one.
        note: words of the note that a person must find; "" if none is needed.
        stopped: whether a process of it is to be ended.
        damage: turns the notebook into the file that is handed in.
        status: "graded" or "unreadable".
        limits: changed for this case.
        errors: pattern of the names of the exceptions that end its own cells.
    """

    name: str
    score: float = ALL
    before: str = ""
    after: str = ""
    answers: dict[str, str] = field(default_factory=dict)
    judge: str = ""
    note: str = ""
    stopped: bool | None = False
    damage: Callable[[NotebookNode], bytes] | None = None
    status: str = "graded"
    limits: dict[str, Any] = field(default_factory=dict)
    errors: str = ""

    def file(self) -> bytes:
        """Return the file that is handed in."""
        notebook = fixture.submission(self.before, self.after, **self.answers)
        return self.damage(notebook) if self.damage else nbformat.writes(notebook).encode()


def softmax(body: str, **more: Any) -> dict[str, str]:
    """Return answers with another body of softmax."""
    lines = "\n".join(f"    {line}" for line in body.splitlines())
    return {"softmax": f"def softmax(a):\n{lines}"} | more


HANG = {"call_seconds": 0.6, "cell_seconds": 0.6, "submission_seconds": 15.0}

# Never coming back ------------------------------------------------------------------------------

LOOPS = [
    Case("a loop at the top level", errors="CallTimeout",
         before="while True:\n    pass", note="definitions count",
         stopped=True, limits=HANG),
    Case("a loop below the function in its own cell", errors="CallTimeout",
         note="softmax", stopped=True, limits=HANG,
         answers={"softmax": fixture.RIGHT["softmax"] + "\nwhile True: pass"}),
    Case("a loop in the function", DOUBLE, answers=softmax("while True: pass"),
         note="no answer within 0.6 seconds", stopped=True, limits=HANG),
    Case("a loop in one case only", 9.0, note="double", stopped=True, limits=HANG,
         answers={"double": "def double(x):\n    while np.ndim(x) == 0: pass\n    return 2 * x"}),
    Case("a loop that swallows interrupts", DOUBLE, stopped=True, limits=HANG,
         note="softmax", answers=softmax(
             "import signal\nfor n in range(1, 60):\n    try: signal.signal(n, signal.SIG_IGN)\n"
             "    except (OSError, ValueError): pass\nwhile True:\n    try:\n"
             "        while True: pass\n"
             "    except BaseException: pass")),
    Case("a matrix power in C", DOUBLE, stopped=True, limits=HANG, note="softmax",
         answers=softmax("m = np.ones((1500, 1500), np.int64)\n"
                         "return np.linalg.matrix_power(m, 10**9)")),
    Case("a regular expression that takes forever", DOUBLE, stopped=True, limits=HANG,
         note="softmax",
         answers=softmax("import re\nre.match('(a*)*b', 'a' * 60)")),
    Case("a loop in __del__", 3.0 + 3.0, stopped=True, limits=HANG, note="ended in a hidden test",
         answers=softmax("class D:\n    def __del__(self):\n        while np.min(a) < -1: pass\n"
                         "D()\ne = np.exp(a - np.max(a, -1, keepdims=True))\n"
                         "return e / e.sum(-1, keepdims=True)")),
    Case("a loop in __array__", DOUBLE, answers=softmax(
        "class A:\n    def __array__(self, *a, **k):\n        while True: pass\nreturn A()")),
    Case("a loop in __eq__, __len__ and __getattr__", DOUBLE, stopped=None, limits=HANG,
         answers=softmax("class A:\n    def __eq__(self, other):\n        while True: pass\n"
                         "    __len__ = __getitem__ = __getattr__ = __float__ = __repr__ = "
                         "__eq__\nreturn A()")),
    Case("an endless generator instead of an array", DOUBLE,
         answers=softmax("while True: yield 1")),
    Case("sleeping forever", DOUBLE, answers=softmax("import time; time.sleep(1e6)"),
         stopped=True, limits=HANG, note="softmax"),
    Case("endless recursion", DOUBLE, answers=softmax("return softmax(a)")),
    # It crashes, or it is stopped in time: some versions of Python watch the stack of C as well.
    Case("endless recursion without Python's limit", DOUBLE, stopped=None, answers=softmax(
             "import sys; sys.setrecursionlimit(10**9)\n"
             "f = lambda: sorted([1], key=lambda _: f())\nreturn f()")),
    Case("a thread that never ends", before="import threading, time\n"
         "threading.Thread(target=lambda: [time.sleep(1) for _ in range(10**9)]).start()"),
    Case("threads that never rest", before="import threading\ndef spin():\n    while True: pass\n"
         "for _ in range(4): threading.Thread(target=spin, daemon=True).start()"),
    Case("every call hangs", NONE, errors="OutOfTime", stopped=True, note="seconds are used up",
         answers=softmax("while True: pass", double="def double(x):\n    while True: pass"),
         limits={"call_seconds": 1.0, "cell_seconds": 1.0, "submission_seconds": 3.0}),
    Case("many cells that hang", errors="CallTimeout CallTimeout", stopped=True, note="definitions",
         before="while True: pass", after="while True: pass",
         limits={"call_seconds": 1.0, "cell_seconds": 1.5, "submission_seconds": 6.0}),
    Case("a stopped process", DOUBLE, stopped=None, limits=HANG, answers=softmax(
        "import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)")),
]  # fmt: skip

# Turning the tests' tools over --------------------------------------------------------------------

PATCHES = [
    Case("numpy.testing", DOUBLE, answers={"softmax": WRONG}, before="""
import numpy.testing
for name in dir(np.testing):
    if name.startswith("assert"):
        setattr(np.testing, name, lambda *a, **k: None)
        setattr(numpy.testing._private.utils, name, lambda *a, **k: None)
np.allclose = np.isclose = np.array_equal = lambda *a, **k: np.True_
"""),
    # What it breaks is IPython in its own process, which then runs none of its other cells.
    Case("builtins", 0, errors="((Type|Attribute)Error ?)+",  # by the version of Python
         answers={"softmax": WRONG}, stopped=None, before="""
import builtins
builtins.isinstance = builtins.all = builtins.any = lambda *a: True
builtins.abs = lambda x: 0.0
builtins.float = lambda x=0: 4.0
builtins.AssertionError = type("Quiet", (BaseException,), {})
builtins.print = builtins.repr = lambda *a, **k: "4.0"
"""),
    Case("utils.checks", DOUBLE, answers={"softmax": WRONG}, before="""
from utils import checks
checks.Task.points = lambda self: 3.0
checks.Check.__exit__ = lambda self, *a: setattr(self, "state", "passed") or True
for name in ("gives", "equal", "plain", "expect", "sums_to_one", "leaves_alone"):
    setattr(checks, name, lambda *a, **k: None)
"""),
    Case("the tests' names", DOUBLE, answers={"softmax": WRONG}, before="""
class Anything:
    def __getattr__(self, name): return self
    def __call__(self, *a, **k): return self
    def __enter__(self): return self
    def __exit__(self, *a): return True
    def __float__(self): return 4.0
import sys
np2 = np
checks = task = Anything()
abs = float = isinstance = lambda *a: True
secret_softmax = hidden_expected = hidden_input = Anything()
sys.modules["utils.checks"] = sys.modules["numpy.testing"] = checks
"""),
    Case("np itself", NONE, before="""
class Fake:
    testing = property(lambda self: self)
    def __getattr__(self, name): return lambda *a, **k: True
np = Fake()
""", answers={"softmax": WRONG.replace("np.zeros(np.shape(a))", "a"), "double": "double = None"}),
    Case("IPython's input transformers", NONE, answers={"softmax": WRONG}, before="""
ip = get_ipython()
ip.input_transformers_cleanup.append(lambda lines: ["4.0"])
ip.input_transformers_post.append(lambda lines: ["4.0"])
import ast
class Empty(ast.NodeTransformer):
    def visit_Assert(self, node): return ast.Pass()
ip.ast_transformers.append(Empty())
"""),
    Case("IPython's display hooks", DOUBLE, answers={"softmax": WRONG}, before="""
import sys
ip = get_ipython()
sys.displayhook = ip.displayhook = lambda *a: None
ip.display_formatter.format = lambda *a, **k: ({"text/plain": "4.0"}, {})
ip.display_pub.publish = lambda *a, **k: None
ip.events.register("post_run_cell", lambda *a: print("4.0"))
"""),
    Case("showtraceback", DOUBLE, answers={"softmax": WRONG}, before="""
ip = get_ipython()
ip.showtraceback = ip._showtraceback = ip.showsyntaxerror = lambda *a, **k: None
ip.set_custom_exc((BaseException,), lambda *a, **k: None)
"""),
    Case("run_cell", DOUBLE, answers={"softmax": WRONG}, before="""
ip = get_ipython()
old = ip.run_cell
def run_cell(source, *a, **k):
    return old("4.0" if "assert" in source else source, *a, **k)
ip.run_cell = run_cell
"""),
    Case("sys.settrace", DOUBLE, answers={"softmax": WRONG}, before="""
import sys, threading
def trace(frame, event, arg):
    if frame.f_code.co_name in ("assert_allclose", "check", "equal"):
        frame.f_locals.clear()
    frame.f_trace_opcodes = False
    return trace
sys.settrace(trace); threading.settrace(trace); sys.setprofile(lambda *a: None)
"""),
    Case("looking for the test up the stack", DOUBLE, answers=softmax("""
import sys, gc
frame = sys._getframe()
while frame:
    for space in (frame.f_globals, frame.f_locals):
        for name in ("hidden_expected", "secret_softmax", "expected"):
            if name in space: print("GOT-IT")
    frame = frame.f_back
for thing in gc.get_objects():
    if isinstance(thing, str) and "terces = detcepxe_neddih" in thing[::-1]: print("GOT-IT")
return np.zeros(np.shape(a))""")),
    Case("an object that equals everything", DOUBLE, answers=softmax("""
class Yes:
    shape, dtype, ndim = (2,), np.dtype(float), 1
    __eq__ = __le__ = __ge__ = __lt__ = __gt__ = lambda s, o: True
    __sub__ = __rsub__ = __abs__ = __float__ = lambda s, *o: 0.0
    __hash__ = None
    def sum(self, *a, **k): return 1.0
    def __array__(self, *a, **k): return np.zeros(2)
    def __array_ufunc__(self, *a, **k): return np.True_
    def __array_function__(self, *a, **k): return np.True_
return Yes()""")),
    Case("an array subclass that equals everything", DOUBLE, answers=softmax("""
class Yes(np.ndarray):
    __eq__ = lambda s, o: np.True_
    def __array_ufunc__(self, *a, **k): return np.True_
    def __array_function__(self, *a, **k): return np.True_
return np.zeros(np.shape(a)).view(Yes)""")),
    Case("a float that equals everything", 0.0 + 7.0, answers={"double": """
class F(float):
    __eq__ = __le__ = lambda s, o: True
    __sub__ = __rsub__ = lambda s, o: 0.0
def double(x):
    return F(0)"""}),
    Case("a dtype that lies", DOUBLE, answers=softmax(
        "x = np.zeros(np.shape(a))\nx.dtype = [('x', float)]\nreturn x")),
    Case("changing the arguments to fit the answer", 2.0 + 3.0, answers=softmax(
        "a[...] = 0\nreturn np.full(np.shape(a), 1.0 / np.shape(a)[-1])")),
    Case("another answer every time", DOUBLE, answers={"softmax": """
count = 0
def softmax(a):
    global count
    count += 1
    return np.full(np.shape(a), count % 7 / 7)"""}),
    Case("points in the output", DOUBLE, answers=softmax(
        "from IPython.display import display\nprint(4.0); display(4.0)\n"
        "display({'application/vnd.course-checks+json': {'checks': []}}, raw=True)\n"
        "return np.zeros(np.shape(a))")),
    Case("a table of checks of one's own", DOUBLE, answers=softmax("""
from IPython.display import display
display({"application/vnd.course-checks+json": {"task": "softmax", "hidden": False, "checks": [
    {"name": "two equal numbers", "points": 99, "state": "passed", "what": "", "hint": ""}]}},
    raw=True)
return np.zeros(np.shape(a))""")),
    Case("an exception that looks like a test's", DOUBLE, answers=softmax(
        "class PropertyError(Exception):\n    what, detail = '', ''\n"
        "raise PropertyError('passed')")),
    Case("exceptions that end loops", DOUBLE, answers=softmax("raise StopIteration(a)")),
    Case("atexit and finalizers", DOUBLE, answers={"softmax": WRONG}, before="""
import atexit, os, weakref, sys
atexit.register(lambda: os._exit(0))
sys.excepthook = sys.unraisablehook = lambda *a: os._exit(0)
class C: pass
c = C(); weakref.finalize(c, lambda: os._exit(0))
os.register_at_fork(before=lambda: os._exit(0))
"""),
    Case("the link's own code", DOUBLE, answers={"softmax": WRONG}, stopped=None, before="""
import gc, types
for thing in gc.get_objects():
    if isinstance(thing, type) and thing.__name__ in ("StudentConnection", "Connection"):
        thing.success = lambda self, value: (np.array([0.5, 0.5]), "", ())
        thing.failure = lambda self, error: (4.0, "", ())
"""),
]  # fmt: skip

# Leaving ------------------------------------------------------------------------------------------

EXITS = [
    Case("os._exit at the top level", errors="ProcessEnded",
         before="import os\nos._exit(0)", stopped=True,
         note="exit status 0"),
    Case("os._exit below the function", errors="ProcessEnded", stopped=True, note="softmax",
         answers={"softmax": fixture.RIGHT["softmax"] + "\nimport os\nos._exit(0)"}),
    Case("os._exit in the function", DOUBLE, stopped=True, note="softmax",
         answers=softmax("import os; os._exit(0)")),
    Case("SystemExit at the top level", errors="SystemExit", before="raise SystemExit(0)"),
    Case("SystemExit in the function", DOUBLE, answers=softmax("raise SystemExit(0)")),
    Case("KeyboardInterrupt in the function", DOUBLE, answers=softmax("raise KeyboardInterrupt")),
    Case("exceptions that cannot be shown", DOUBLE, answers=softmax(
        "class E(BaseException):\n    def __str__(self): raise E()\n    __repr__ = __str__\n"
        "raise E()")),
    Case("SIGKILL for itself", DOUBLE, stopped=None,
         answers=softmax("import os; os.kill(os.getpid(), 9)")),
    Case("SIGKILL for its parent", answers=softmax(
        "import os\ntry: os.kill(os.getppid(), 9)\nexcept OSError: pass\n"
        "e = np.exp(a - np.max(a, -1, keepdims=True)); return e / e.sum(-1, keepdims=True)")),
    Case("SIGKILL for its group", DOUBLE, stopped=None,
         answers=softmax("import os; os.killpg(0, 9)")),
    Case("SIGKILL for everything", DOUBLE, stopped=None,
         answers=softmax("import os; os.kill(-1, 9)")),
    Case("signals for every process there may be", DOUBLE, stopped=None, answers=softmax("""
import os, signal
for process in [*range(2, 3000), @victim@, @fork-server@, @arena@]:
    if process != os.getpid():
        for number in (signal.SIGSTOP, signal.SIGTERM, signal.SIGKILL):
            try: os.kill(process, number)
            except OSError: pass
os.kill(1, 9)""")),
    Case("a segmentation fault", DOUBLE, stopped=True, note="it crashed",
         answers=softmax("import ctypes; ctypes.string_at(0)")),
    Case("abort", DOUBLE, stopped=True, note="softmax", answers=softmax("import os; os.abort()")),
    Case("dying again and again", NONE, stopped=True, note="ended",
         answers=softmax("import os; os._exit(1)",
                         double="import os\ndef double(x):\n    os._exit(1)")),
]  # fmt: skip

# Bombs --------------------------------------------------------------------------------------------

BOMBS = [
    Case("a fork bomb", errors="CallTimeout", stopped=None, limits=HANG, before="""
import os, time
while True:
    try:
        os.fork()
    except OSError:
        time.sleep(0.01)
"""),
    Case("a fork bomb in the function", DOUBLE, stopped=None, limits=HANG, answers=softmax(
        "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass")),
    Case("a thread bomb", errors="RuntimeError|ProcessEnded", stopped=None, limits=HANG, before="""
import threading, time
while True:
    threading.Thread(target=time.sleep, args=(99,)).start()
"""),
    Case("threads with small stacks", errors="RuntimeError( ProcessEnded)?|ProcessEnded",
         stopped=None, limits={"cell_seconds": 20.0}, before="""
import threading, time
try:
    threading.stack_size(1 << 15)
except ValueError:  # Python 3.14 wants more
    threading.stack_size(1 << 16)
for _ in range(5000):
    threading.Thread(target=time.sleep, args=(99,), daemon=True).start()
print("GOT-IT")
"""),
    Case("memory by NumPy", DOUBLE, stopped=None, limits={"memory": 1 << 28},
         answers=softmax("return [np.ones(10**7) for _ in range(1000)]")),
    Case("memory by lists", DOUBLE, stopped=None, limits={"call_seconds": 5.0, "memory": 1 << 28},
         answers=softmax("x = [0]\nwhile True: x += x")),
    Case("memory by shared pages", DOUBLE, stopped=None,
         limits={"call_seconds": 5.0, "memory": 1 << 28}, answers=softmax(
        "import mmap\nkeep = []\nwhile True:\n    m = mmap.mmap(-1, 1 << 26)\n"
        "    m.write(bytes(1 << 26))\n"
        "    keep.append(m)")),
    Case("memory by many processes", errors="ProcessEnded|CallTimeout",
         stopped=None, limits={"cell_seconds": 4.0}, before="""
import os, time
for _ in range(14):
    try:
        if os.fork() == 0: break
    except OSError: break
keep = [bytearray(os.urandom(1 << 20)) * 180 for _ in range(4)]
time.sleep(30)
"""),
    Case("memory by children of another thread", errors="ProcessEnded|CallTimeout",
         stopped=None, limits={"cell_seconds": 8.0, "memory": 1 << 28}, before="""
import os, threading, time
def start():
    for _ in range(12):
        try:
            if os.fork() == 0:
                keep = [bytearray(os.urandom(1 << 20)) * 50 for _ in range(4)]
                time.sleep(30)
                os._exit(0)
        except OSError: return
    time.sleep(30)
threading.Thread(target=start).start()
try:
    os.waitpid(-1, 0)  # where it may start none, it ends here
    while True: time.sleep(1)
except ChildProcessError: time.sleep(20)
"""),
    Case("memory by grandchildren, while the connection is kept busy",
         errors="ProcessEnded|CallTimeout", stopped=None,
         limits={"cell_seconds": 8.0, "memory": 1 << 28}, before="""
import gc, os, threading, time
sock = next(x for x in gc.get_objects() if type(x).__name__ == "StudentConnection").sock
sock.send((1 << 20).to_bytes(8, "little"))  # of a message that does not end
def drip():
    while True: sock.send(b"\\0"); time.sleep(0.004)
def start(depth):
    for _ in range(3):
        try:
            if os.fork() == 0:
                if depth: start(depth - 1)
                keep = [bytearray(os.urandom(1 << 20)) * 50 for _ in range(4)]
                time.sleep(30)
                os._exit(0)
        except OSError: return
threading.Thread(target=drip).start()
threading.Thread(target=start, args=(2,)).start()
time.sleep(30)
"""),
    Case("memory by unread bytes in sockets and pipes", stopped=None, before="""
import os, socket, time
def fill(act):
    try:
        while True: act()
    except OSError: pass
def open_all(keep):
    while True:
        a, b = socket.socketpair(); r, w = os.pipe()
        a.setblocking(False); b.setblocking(False); os.set_blocking(w, False)
        keep.append((a, b, r, w))
        fill(lambda: a.send(bytes(1 << 12))); fill(lambda: b.send(bytes(1 << 12)))
        fill(lambda: os.write(w, bytes(1 << 12)))
def attempt(keep):
    try: open_all(keep)
    except OSError: pass
    return keep
for _ in range(10):
    try:
        if os.fork() == 0:
            try: keep = attempt([]); time.sleep(100)
            finally: os._exit(0)
    except OSError: break
if len(attempt([])) > 100: print("GOT-IT")
"""),
    Case("timers without end", before="""
import ctypes
libc = ctypes.CDLL(None)
timer = ctypes.c_void_p()
count = sum(libc.timer_create(1, None, ctypes.byref(timer)) == 0 for _ in range(1000))
if count > 100: print("GOT-IT", count)
"""),
    Case("a file larger than it may be", errors="OSError|ProcessEnded", stopped=None,
         before="import os\nwith open('large', 'wb') as file:\n"
         "    for _ in range(100): file.write(os.urandom(1 << 20))\nprint('GOT-IT')"),
    Case("processor time by children", errors="CallTimeout", stopped=True, limits=HANG,
         note="definitions", before="""
import os
try:
    while os.fork(): pass
except OSError: pass
while True: pass
"""),
    Case("memory by files without a name", DOUBLE, stopped=None, answers=softmax(
        "import os\nfds = []\nwhile True:\n"
        "    fd = os.memfd_create('x'); os.write(fd, bytes(1 << 24)); fds.append(fd)")),
    Case("memory by shared memory segments", DOUBLE, stopped=None, limits={"call_seconds": 5.0},
         answers=softmax("from multiprocessing import shared_memory\nkeep = []\nwhile True:\n"
                         "    s = shared_memory.SharedMemory(create=True, size=1 << 24)\n"
                         "    s.buf[:] = bytes(1 << 24); keep.append(s)")),
    Case("a large result", DOUBLE, stopped=None, answers=softmax("return np.zeros(60_000_000)")),
    Case("a result of impossible size", DOUBLE, stopped=None,
         answers=softmax("return np.broadcast_to(np.zeros(1), (10**12,))")),
    Case("a large integer", 7.0, answers={"double": "def double(x):\n    return 10 ** 100_000"}),
    Case("100 MB of output in one line", before="print('x' * 100_000_000)"),
    Case("100 MB of output in many lines", limits={"cell_seconds": 30.0},
         before="for _ in range(1000): print('\\n'.join(['y' * 99] * 1000))"),
    Case("100 MB of output in every call",
         limits={"call_seconds": 20.0, "submission_seconds": 100.0},
         answers={"double": "def double(x):\n    print('z' * 100_000_000)\n    return 2 * x"}),
    Case("output past Python", before="import os\nfor fd in (1, 2):\n    for _ in range(1000):\n"
         "        os.write(fd, b'w' * 100_000)"),
    Case("pictures without end", before="from IPython.display import display, Image\n"
         "for _ in range(50): display(Image(data=b'\\x89PNG\\r\\n\\x1a\\n' + "
         "bytes(1_000_000), format='png'))"),
    Case("a million files", errors="OSError|ProcessEnded",
         stopped=None, limits={"cell_seconds": 5.0}, before="""
import os; tmp = os.environ["TMPDIR"]
for number in range(1_000_000):
    open(f"{tmp}/{number}" if number % 2 else str(number), "w").close()
"""),
    Case("a full disk", errors="OSError|ProcessEnded",
         stopped=None, limits={"cell_seconds": 5.0}, before="""
import os; tmp = os.environ["TMPDIR"]
block = bytes(1 << 20)
for number in range(100_000):
    with open(f"{tmp}/{number}" if number % 2 else str(number), "wb") as file:
        for _ in range(40): file.write(block)
"""),
    Case("a file with a hole", errors="OSError",
         stopped=None, before="open('hole', 'wb').truncate(1 << 40)"),
    Case("folders in folders", errors="OSError|ProcessEnded",
         stopped=None, limits={"cell_seconds": 5.0},
         before="import os\nwhile True:\n    os.mkdir('d'); os.chdir('d')"),
    Case("every file descriptor", before="import os\nkeep = []\ntry:\n"
         "    while True: keep.append(os.open('/dev/null', 0))\n"
         "except OSError: print('no more'); [os.close(fd) for fd in keep]"),
]  # fmt: skip

# Looking around -----------------------------------------------------------------------------------

READS = [
    Case("the hidden tests", DOUBLE, answers={"softmax": WRONG}, before="""
import os
for top in ("/", "@course@", "@repository@", "/work", "/home", "/tmp", "/root", ".."):
    for path, folders, files in os.walk(top):
        folders[:] = [f for f in folders if f not in ("lib", "lib64", "site-packages")]
        for name in files:
            if name.endswith((".ipynb", ".db", ".csv")) or "secret" in name or "hidden" in name:
                try: text = open(os.path.join(path, name), "rb").read()
                except OSError: continue
                if b"hidden_expected" in text or b"SECRET" in text: print("GOT-IT", path, name)
"""),
    Case("the gradebook", before="""
import sqlite3
for path in ("@gradebook@", "gradebook.db", "../gradebook.db"):
    try:
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as db:
            print("GOT-IT", db.execute("select * from student").fetchall())
    except sqlite3.Error: pass
"""),
    Case("solutions and others' work", before="""
for path in ("@solutions@", "@other@", "@repository@/utils/functions.py",
             "@repository@/utils/grading/judge/judge.py", "@repository@/.git/HEAD",
             "@repository@/utils/__pycache__/functions.cpython-311.pyc"):
    try: print("GOT-IT", open(path, "rb").read(80))
    except OSError: pass
"""),
    Case("environment variables", before="""
import ctypes, os
if "SECRET" in str(dict(os.environ)): print("GOT-IT")
environ = ctypes.POINTER(ctypes.c_char_p).in_dll(ctypes.CDLL(None), "environ")
for number in range(1000):
    if not environ or not environ[number]: break
    if b"SECRET" in environ[number]: print("GOT-IT")
"""),
    Case("/proc", before="""
import os
for process in ("self", "1", "@victim@", "@fork-server@", "@arena@", str(os.getppid())):
    for name in ("environ", "cmdline", "maps", "mem", "root/etc/shadow", "cwd/gradebook.db"):
        try:
            with open(f"/proc/{process}/{name}", "rb") as file:
                file.read(1); print("GOT-IT", process, name)
        except OSError: pass
try: print("GOT-IT", os.readlink("/proc/1/exe"))
except OSError: pass
"""),
    Case("its own memory", DOUBLE, answers={"softmax": WRONG}, before="""
import ctypes, gc, sys
needles = [b"terces = detcepxe_neddih", b"FFATS-EHT-FO-TERCES"]  # backwards: not to find itself
start = id(gc) & ~0xFFFFFF
libc = ctypes.CDLL(None)
import os
r, w = os.pipe()
page = 1 << 12
for address in range(start - (64 << 20), start + (64 << 20), page):
    # what is not mapped gives EFAULT
    if libc.write(w, ctypes.c_void_p(address), ctypes.c_size_t(page)) == page:
        data = os.read(r, page)[::-1]
        if any(needle in data for needle in needles): print("GOT-IT")
"""),
    Case("the rest of the machine", before="""
import os
for path in ("/etc/shadow", "/etc/hostname", "/root/.ssh", "/root/.bashrc", "/var/log", "@secret@"):
    try: print("GOT-IT", os.listdir(path) if os.path.isdir(path) else open(path).read(20))
    except OSError: pass
"""),
    Case("up and out", before="""
import os
for way in ("chroot", "chdir"):
    try:
        fd = os.open("/", os.O_RDONLY)
        os.mkdir("jail"); getattr(os, way)("jail")
        for _ in range(20): os.chdir("..")
        if os.path.exists("etc/shadow"): print("GOT-IT")
    except OSError: pass
"""),
    Case("more privileges", before="""
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
for act in (lambda: os.setuid(0), lambda: os.setgroups([0]), lambda: os.seteuid(0)):
    try: act(); open("/etc/shadow"); print("GOT-IT")
    except OSError: pass
for flags in (0x10000000, 0x20000, 0x20000000, 0x40000000):
    if libc.unshare(flags) == 0: print("GOT-IT unshare", hex(flags))
for args in ((b"none", b"/", b"tmpfs", 0, None), (b"/", b"/tmp", None, 4096, None)):
    if libc.mount(*args) == 0: print("GOT-IT mount")
if libc.ptrace(16, @victim@, 0, 0) == 0: print("GOT-IT ptrace")
for number in (101, 310, 321, 425, 434, 438, 304, 272, 308):
    if ctypes.CDLL(None).syscall(number, 0, 0, 0, 0, 0) >= 0: print("GOT-IT syscall", number)
"""),
]  # fmt: skip

# Writing ------------------------------------------------------------------------------------------

WRITES = [
    Case("writing the gradebook", before="""
import sqlite3, os
for path in ("@gradebook@", "../gradebook.db", "../../gradebook.db", "/gradebook.db"):
    try:
        db = sqlite3.connect(f"file:{path}?mode=rw", uri=True)
        db.execute("update grade set auto_score = 99")
        db.commit(); print("GOT-IT")
    except sqlite3.Error: pass
    for act in (lambda: os.remove(path), lambda: os.chmod(path, 0), lambda: os.rename(path, "x"),
                lambda: os.utime(path), lambda: os.truncate(path, 0), lambda: os.link(path, "y")):
        try: act(); print("GOT-IT")
        except OSError: pass
"""),
    Case("locking the gradebook", before="""
import fcntl
try:
    file = open("@gradebook@", "rb+"); fcntl.lockf(file, fcntl.LOCK_EX); print("GOT-IT")
except OSError: pass
"""),
    Case("editing sources and other submissions", before="""
import os
for path in ("@solutions@", "@other@", "@repository@/utils/checks/task.py",
             "@repository@/nbgrader_config.py"):
    for mode in ("a", "w", "x"):
        try: open(path, mode).write("# changed"); print("GOT-IT", path)
        except OSError: pass
    for act in (os.remove, lambda p: os.chmod(p, 0o777), lambda p: os.symlink(p, p + "~"),
                os.utime):
        try: act(path); print("GOT-IT", path)
        except OSError: pass
"""),
    Case("the Python installation", before="""
import json, os, site, sys, sysconfig
places = [os.__file__, json.__file__, np.__file__, sys.executable, sys.prefix + "/pyvenv.cfg",
          os.path.dirname(os.__file__) + "/sitecustomize.py",
          sysconfig.get_path("purelib") + "/evil.pth",
          sysconfig.get_path("purelib") + "/usercustomize.py",
          sysconfig.get_path("scripts") + "/nbgrader"]
for path in places:
    try: open(path, "a").write("import os"); print("GOT-IT", path)
    except OSError: pass
    try: os.chmod(path, 0o777); print("GOT-IT", path)
    except OSError: pass
"""),
    Case("files that Python runs when it starts", before="""
import os, site
for home in (os.path.expanduser("~"), "@home@", "/root", "/home", "/etc", "/usr/lib/python3"):
    for path in (".local/lib/python3.11/site-packages/usercustomize.py",
                 ".ipython/profile_default/startup/00.py", ".jupyter/nbgrader_config.py",
                 ".bashrc", "jupyter/nbgrader_config.py", "sitecustomize.py"):
        try:
            os.makedirs(os.path.dirname(f"{home}/{path}"), exist_ok=True)
            open(f"{home}/{path}", "w").write("import os; os.environ['EVIL'] = '1'")
        except OSError: pass
"""),
    Case("devices", before="""
import os
for path in ("/dev/sda", "/dev/vda", "/dev/mem", "/dev/kmsg", "/dev/tty", "/dev/ptmx"):
    try: os.open(path, os.O_RDWR); print("GOT-IT", path)
    except OSError: pass
try: os.mknod("disk", 0o60660, os.makedev(254, 0)); print("GOT-IT mknod")
except OSError: pass
"""),
]  # fmt: skip

# Networks and later -------------------------------------------------------------------------------

NETWORK = [
    Case("a server on this machine", before="""
import socket
for family, address in ((socket.AF_INET, ("127.0.0.1", @port@)), (socket.AF_INET6, ("::1", @port@)),
                        (socket.AF_UNIX, "@unix@"), (socket.AF_UNIX, "\\0@abstract@")):
    try:
        with socket.socket(family) as s:
            s.settimeout(1); s.connect(address); s.send(b"hello"); print("GOT-IT", address)
    except OSError: pass
"""),
    Case("names and datagrams", before="""
import socket
try: print("GOT-IT", socket.getaddrinfo("example.org", 80))
except (OSError, LookupError): pass
try:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.sendto(b"x", ("127.0.0.1", @port@)); print("GOT-IT")
except OSError: pass
try: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW); print("GOT-IT netlink")
except OSError: pass
try: socket.socket(socket.AF_PACKET, socket.SOCK_RAW); print("GOT-IT packets")
except OSError: pass
"""),
    Case("pip and shell commands", before="!pip install numpy\n%pip install numpy\n!cat @secret@\n"
         "x = !ls @course@\nif x: print('GOT-IT')"),
    Case("a later attempt", before="""
import os, sys, time
try:
    if os.fork() == 0:
        try: os.setsid(); print("GOT-IT")
        except OSError: pass
        if os.fork() == 0:
            for fd in range(3, 300):
                try: os.close(fd)
                except OSError: pass
            while True:
                time.sleep(0.05)
                try: open("@gradebook@", "ab").write(b"x")
                except OSError: pass
        os._exit(0)
except OSError: pass
"""),
    Case("a program of its own", before="""
import subprocess, sys
code = "import time; time.sleep(1000)"
try: subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
except OSError: pass
"""),
]  # fmt: skip

# From one submission to another -------------------------------------------------------------------

CHANNELS = [
    Case("locks on files that all submissions see", before="""
import fcntl, struct
for path in (np.__file__, "/dev/null"):
    with open(path, "rb") as file:
        for act in (lambda: fcntl.flock(file, fcntl.LOCK_SH),
                    lambda: fcntl.lockf(file, fcntl.LOCK_SH),
                    lambda: fcntl.fcntl(file, 5, struct.pack("hhqqi", 0, 0, 0, 0, 0)),
                    lambda: fcntl.fcntl(file, 37, struct.pack("hhqqi", 0, 0, 0, 0, 0)),
                    lambda: fcntl.fcntl(file, 1024, 0), lambda: fcntl.fcntl(file, 1025)):
            try: act(); print("GOT-IT", path)
            except OSError: pass
"""),
    Case("news of files that all submissions see", before="""
import ctypes, fcntl, os
libc = ctypes.CDLL(None)
for name, args in (("inotify_init", ()), ("inotify_init1", (0,)), ("fanotify_init", (0, 0))):
    if getattr(libc, name)(*args) >= 0: print("GOT-IT", name)
fd = os.open(os.path.dirname(np.__file__), os.O_RDONLY)
try: fcntl.fcntl(fd, fcntl.F_NOTIFY, fcntl.DN_ACCESS); print("GOT-IT dnotify")
except OSError: pass
"""),
    Case("what is in the page cache", before="""
import ctypes, mmap, os, platform
libc = ctypes.CDLL(None)
fd = os.open(np.__file__, os.O_RDONLY)
try: os.preadv(fd, [bytearray(1)], 0, os.RWF_NOWAIT); print("GOT-IT preadv2")
except OSError: pass
for advice in range(6):
    try: os.posix_fadvise(fd, 0, 0, advice); print("GOT-IT fadvise")
    except OSError: pass
libc.mmap.restype = ctypes.c_void_p
page = libc.mmap(None, ctypes.c_size_t(4096), 1, 1, fd, ctypes.c_long(0))
seen = ctypes.create_string_buffer(1)
if libc.mincore(ctypes.c_void_p(page), ctypes.c_size_t(4096), seen) == 0: print("GOT-IT mincore")
if libc.readahead(fd, ctypes.c_long(0), ctypes.c_size_t(4096)) == 0: print("GOT-IT readahead")
for advice in (12, 20, 21):
    if libc.madvise(ctypes.c_void_p(page), ctypes.c_size_t(4096), advice) == 0:
        print("GOT-IT madvise", advice)
extent, stat = (ctypes.c_uint64 * 2)(0, 4096), (ctypes.c_uint64 * 5)()
if libc.syscall(451, fd, extent, stat, 0) == 0: print("GOT-IT cachestat")
x86 = platform.machine() == "x86_64"
pages, where = (ctypes.c_void_p * 1)(page), (ctypes.c_int * 1)()
if libc.syscall(279 if x86 else 239, 0, 1, pages, None, where, 0) == 0: print("GOT-IT move_pages")
if libc.syscall(440, -1, extent, 1, 21, 0) >= 0: print("GOT-IT process_madvise")
"""),
    Case("a futex in a file that all submissions see", before="""
import ctypes, errno, os, platform
libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
number = 202 if platform.machine() == "x86_64" else 98
second = (ctypes.c_long * 2)(0, 200_000_000)
fd = os.open(np.__file__, os.O_RDONLY)
for flags in (1, 2):  # shared, private: the kernel knows both pages by the file
    page = libc.mmap(None, ctypes.c_size_t(4096), 1, flags, fd, ctypes.c_long(0))
    word = ctypes.c_uint32.from_address(page).value
    for operation in (0, 9, 9 | 256):
        ctypes.set_errno(0)
        libc.syscall(number, ctypes.c_void_p(page), operation, word, second, None, -1)
        if ctypes.get_errno() in (0, errno.ETIMEDOUT): print("GOT-IT it waited", operation)
    for operation in (3, 4, 5):
        if libc.syscall(number, ctypes.c_void_p(page), operation, 1, 1, ctypes.c_void_p(page),
                        word) >= 0: print("GOT-IT", operation)
vector = (ctypes.c_uint64 * 3)(word, page, 2)
if libc.syscall(449, vector, 1, 0, second, 1) >= 0 or ctypes.get_errno() == errno.ETIMEDOUT:
    print("GOT-IT futex_waitv")
"""),
    Case("sockets that are not a connected pair", before="""
import socket
for kind in (socket.SOCK_DGRAM, socket.SOCK_SEQPACKET, socket.SOCK_RAW):
    try: socket.socketpair(socket.AF_UNIX, kind | socket.SOCK_CLOEXEC); print("GOT-IT", kind)
    except OSError: pass
for family in range(46):
    for kind in (1, 2, 3, 5):
        try: socket.socket(family, kind); print("GOT-IT", family, kind)
        except OSError: pass
a, b = socket.socketpair()
a.send(b"x"), b.recv(1)  # these work
b.setblocking(False)
for act in (lambda: a.sendto(b"x", "\\0@abstract@"), lambda: a.sendto(b"x", "@unix@"),
            lambda: a.sendmsg([b"x"], [], 0, "@unix@"), lambda: socket.send_fds(a, [b"x"], [0]),
            lambda: b.recvmsg(1), lambda: a.send(b"x", socket.MSG_OOB),
            lambda: a.bind("bound"), lambda: a.listen(), lambda: a.connect("@unix@"),
            lambda: a.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 30)):
    try: act(); print("GOT-IT")
    except OSError: pass
"""),
    Case("memory, queues and keys that outlive a process", before="""
import ctypes, platform
libc = ctypes.CDLL(None)
x86 = platform.machine() == "x86_64"
key = 0x5EC2E7
for name, args in (("shmget", (key, 4096, 0o1666)), ("semget", (key, 1, 0o1666)),
                   ("msgget", (key, 0o1666)), ("memfd_create", (b"x", 0))):
    if getattr(libc, name)(*args) >= 0: print("GOT-IT", name)
for number, args in ((240 if x86 else 180, (b"/x", 0o102, 0o666, None)),
                     (248 if x86 else 217, (b"user", b"x", b"x", 1, -1)),
                     (250 if x86 else 219, (0, -3, 1)), (206 if x86 else 0, (1, bytes(8))),
                     (425, (1, bytes(200))), (444, (None, 0, 1))):
    if libc.syscall(number, *args) >= 0: print("GOT-IT", number)
"""),
    Case("what the kernel counts for all", before="""
import ctypes, os, platform
libc = ctypes.CDLL(None)
x86 = platform.machine() == "x86_64"
if libc.sysinfo(ctypes.create_string_buffer(512)) == 0: print("GOT-IT sysinfo")
for act in (lambda: os.setpriority(os.PRIO_USER, 0, 19), lambda: os.setpriority(0, 0, 19),
            lambda: os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0)),
            lambda: os.getloadavg(), lambda: os.setxattr("/tmp", "user.x", b"x"),
            lambda: os.mkfifo("fifo"), lambda: os.chown(".", os.getuid(), -1)):
    try: act(); print("GOT-IT")
    except OSError: pass
if libc.syscall(251 if x86 else 30, 3, 0, 0) == 0: print("GOT-IT ioprio_set")
"""),
    Case("what the kernel counts for each user", before="""
import ctypes, os, signal, threading
libc = ctypes.CDLL(None, use_errno=True)
timer = ctypes.c_void_p()
if libc.timer_create(1, None, ctypes.byref(timer)) == 0: print("GOT-IT a timer")
signal.pthread_sigmask(signal.SIG_BLOCK, [40])
try: signal.pthread_kill(threading.get_ident(), 40); print("GOT-IT a queued signal")
except OSError: pass
"""),
    Case("pages of shared files made large ones", before="""
import ctypes, glob, mmap, os, numpy
libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
path = max(glob.glob(f"{numpy.__path__[0]}/**/*.so", recursive=True), key=os.path.getsize)
with open(path, "rb") as file:
    start = libc.mmap(None, 8 << 20, 5, 1, file.fileno(), 0)
start = start + (2 << 20) - 1 & -(2 << 20)
done = libc.madvise(ctypes.c_void_p(start), ctypes.c_size_t(2 << 20), 25)  # MADV_COLLAPSE
if done == 0: print("GOT-IT")
"""),
    Case("a session or a process group of its own", before="""
import os
def leave():
    for act in (os.setsid, lambda: os.setpgid(0, 0), lambda: os.setpgrp()):
        try: act(); print("GOT-IT", flush=True)
        except OSError: pass
leave()
r, w = os.pipe()
try:
    if os.fork() == 0:
        try:
            for act in (os.setsid, lambda: os.setpgid(0, 0)):
                try: act(); os.write(w, b"GOT-IT")
                except OSError: pass
        finally: os._exit(0)
    os.wait(); os.close(w); print(os.read(r, 100).decode())
except OSError: pass
"""),
    Case("other processes by their number", before="""
import ctypes, os, time
for process in {@victim@, @arena@, @fork-server@} - {os.getpid()}:
    for act in (lambda: os.kill(process, 0), lambda: os.getpgid(process),
                lambda: os.getsid(process), lambda: os.sched_getaffinity(process),
                lambda: os.sched_getscheduler(process), lambda: os.getpriority(0, process),
                lambda: time.clock_gettime(~process << 3 | 2), lambda: os.pidfd_open(process),
                lambda: __import__("resource").prlimit(process, 0)):
        try: act(); print("GOT-IT", process)
        except OSError: pass
"""),
    Case("filters, rules and limits of its own", before="""
import ctypes, fcntl, os, resource, struct
libc = ctypes.CDLL(None)
for option, value in ((1, 0), (22, 2), (4, 1), (36, 1), (67, 1), (38, 0), (24, 1)):
    if libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0) == 0: print("GOT-IT prctl", option)
for number in (444, 445, 446, 317):
    if libc.syscall(number, 0, 0, 0, 0) >= 0: print("GOT-IT", number)
r, w = os.pipe()
try: fcntl.fcntl(w, 1031, 1 << 20); print("GOT-IT F_SETPIPE_SZ")
except OSError: pass
for kind in (resource.RLIMIT_AS, resource.RLIMIT_NOFILE, resource.RLIMIT_CPU,
             resource.RLIMIT_FSIZE, resource.RLIMIT_SIGPENDING, resource.RLIMIT_DATA):
    soft, hard = resource.getrlimit(kind)
    if hard == resource.RLIM_INFINITY: print("GOT-IT no limit", kind)
    try: resource.setrlimit(kind, (hard + 1, hard + 1)); print("GOT-IT more", kind)
    except (OSError, ValueError): pass
"""),
]  # fmt: skip

# Taking the judge over ----------------------------------------------------------------------------

_WHO = """
import gc, json, os, socket, struct
sockets = [x for x in gc.get_objects() if isinstance(x, socket.socket) and x.fileno() > 0]
commands = next(x for x in gc.get_objects() if type(x).__name__ == "SupervisorClient")
def answer(data):
    for sock in sockets:
        if sock is not commands.commands:
            try: sock.sendall(struct.pack("<Q", len(data)) + data)
            except OSError: pass
    os._exit(0)
"""
_FULL = """{"cells": {"%s": {"outputs": [], "points": %s, "checks": [], "error": ""}},
    "notes": [], "stopped": false, "seconds": 1, "cpu_seconds": 1, "memory_bytes": 1}"""


# What becomes of a submission that has broken its judge.
LOST: dict[str, Any] = {
    "score": NONE, "stopped": None, "note": "the judge", "errors": "NotRun( NotRun)*"
}  # fmt: skip


def _judge_answers(data: str) -> str:
    """Return a test cell that gives an answer of its own for all cells."""
    return f"{_WHO}\nanswer({data})\n3.0"


JUDGES = [
    *(
        Case(f"in the judge: {case.name}", judge=f"{case.before}\n3.0")
        for case in [*READS, *WRITES, *NETWORK, *CHANNELS]
        if case.before and "@repository@" not in case.before and "!pip" not in case.before
        and case.name != "its own memory"
    ),
    Case("in the judge: solutions, hidden tests and others' work", judge="""
import glob, os
for path in ("@solutions@", "@other@", "@gradebook@", "@repository@/.git/HEAD",
             "@repository@/solutions", "@repository@/assignments", "@repository@/tests", "@home@"):
    try: print("GOT-IT", os.listdir(path) if os.path.isdir(path) else open(path, "rb").read(80))
    except OSError: pass
from utils import functions, layers  # these it may have
3.0"""),
    Case("in the judge: processes and programs", judge="""
import os, subprocess, sys
for act in (os.fork, lambda: os.execv(sys.executable, ["python"]), lambda: os.posix_spawn(
        sys.executable, ["python"], {}), lambda: subprocess.run([sys.executable, "-c", "1"])):
    try: act(); print("GOT-IT")
    except OSError: pass
3.0"""),
    Case("in the judge: files", judge="""
import os, tempfile, utils
for path in (utils.__file__, os.path.join(os.path.dirname(utils.__file__), "x.py"), "x", "/x",
             "/tmp/x", os.path.expanduser("~/x"), np.__file__):
    try: open(path, "a").write("x"); print("GOT-IT", path)
    except OSError: pass
3.0"""),
    Case("in the judge: threads without end", **LOST, judge="""
import os, threading, time
try:
    for _ in range(10_000):
        threading.Thread(target=time.sleep, args=(30,), daemon=True).start()
    print("GOT-IT")
except RuntimeError:
    os._exit(0)
3.0"""),
    Case("in the judge: memory", 7.0, limits={"memory": 1 << 27}, judge="""
keep = [bytearray(1 << 26) for _ in range(100)]
print("GOT-IT")
3.0"""),
    Case("in the judge: the filter", judge="""
import ctypes, fcntl, os, socket
libc = ctypes.CDLL(None)
for number in (101, 310, 311, 321, 425, 434, 438, 424, 304, 272, 308, 165, 41, 49, 50):
    if libc.syscall(number, 0, 0, 0, 0, 0, 0) >= 0: print("GOT-IT", number)
for process in (1, 2, @victim@, @fork-server@, os.getppid() or 1):
    if process != os.getpid():
        for number in (0, 9, 15):
            try: os.kill(process, number); print("GOT-IT", process, number)
            except OSError: pass
for act in (lambda: os.killpg(0, 0), lambda: os.kill(-1, 9), lambda: os.setuid(0)):
    try: act(); print("GOT-IT")
    except OSError: pass
3.0"""),
    Case("in the judge: commands of no form", **LOST, judge=_WHO + """
for command in (b"J", b"X" * 1000, b"S" * 3, b"W", b"W" + bytes(9), b'{"sandbox": "none"}'):
    try: commands.commands.send(command)
    except OSError: pass
import time
time.sleep(30)
print("GOT-IT")
3.0"""),
    Case("in the judge: processes without end", 3.0, stopped=None, note="enough",
         errors="ProcessEnded", judge=_WHO + """
try:
    for _ in range(1000): commands.start().close()
    print("GOT-IT")
except OSError as error: assert "enough" in str(error)
3.0"""),
    Case("in the judge: files handed to the supervisor", stopped=None, judge=_WHO + """
for sock in sockets:
    try: socket.send_fds(sock, [b"S"], [0, 1]); print("GOT-IT")
    except OSError: pass
3.0"""),
    Case("in the judge: it ends", **LOST, judge="import os; os._exit(0)"),
    Case("in the judge: it crashes", **LOST,
         judge="import ctypes; ctypes.string_at(0)\n3.0"),
    Case("in the judge: it never ends", **LOST, judge="""
import signal, time
signal.setitimer(signal.ITIMER_REAL, 0)
while True:
    pass""", limits={"submission_seconds": 0.5}),
    *(
        Case(f"in the judge: it answers with {name}", **LOST, judge=_judge_answers(data))
        for name, data in {
            "endless points": repr(_FULL % (2, "1e308")) + ".encode()",
            "lists in lists": 'b"[" * 100_000',
            "no JSON": 'b"\\xff" * 100',
            "a number of a million digits": 'b"9" * 1_000_000',
            "65 megabytes": "bytes(65 << 20)",
        }.items()
    ),
]  # fmt: skip

# Forged messages ----------------------------------------------------------------------------------

_LINK = """
import gc, os, struct
link = next(x for x in gc.get_objects() if type(x).__name__ == "StudentConnection")
sock, codec = link.sock, type(link).__mro__[1].send.__globals__["codec"]
def raw(data):
    sock.sendall(struct.pack("<Q", len(data)) + data)
def forge(*message):
    raw(b"".join(codec.pack(message, link.shared)))
"""

NO_FORM = [
    {"output_type": "stream", "name": 3},
    5,
    {
        "output_type": "display_data",
        "data": {"text/html": "<script>1</script>", "text/javascript": "x", "text/plain": []},
    },
    {"output_type": "execute_result", "data": {"text/plain": "99"}},
    {"output_type": "error", "ename": 5},
]

FORGERIES = [
    Case("noise on every file descriptor", errors="ProcessEnded", stopped=None, before="""
import os
for fd in range(300):
    try: os.write(fd, os.urandom(4096))
    except OSError: pass
""", note=""),
    Case("an answer ahead of the question", DOUBLE, errors="ProcessEnded",
         answers={"softmax": WRONG}, stopped=True,
         note="fits no question", before=_LINK + """
for _ in range(50):
    forge("done", bytes(8), (np.array([0.5, 0.5]), "", ()))
"""),
    Case("two answers to each question", DOUBLE, stopped=True, note="fits no question",
         answers={"softmax": _LINK + """
def softmax(a):
    for token in range(3):
        forge("done", bytes(8), (np.array([0.5, 0.5]), "", ()))
    return np.zeros(np.shape(a))"""}),
    Case("a message that never ends", DOUBLE, stopped=True, limits=HANG,
         answers={"softmax": _LINK + """
def softmax(a):
    sock.sendall(struct.pack("<Q", 1000) + b"x")
    import time; time.sleep(100)"""}, note="softmax"),
    Case("a message of 16 exabytes", DOUBLE, stopped=True, note="too long",
         answers={"softmax": _LINK + """
def softmax(a):
    sock.sendall(b"\\xff" * 64)
    import time; time.sleep(100)"""}),
    Case("a message without form", DOUBLE, stopped=True, note="softmax",
         answers={"softmax": _LINK + """
def softmax(a):
    raw(os.urandom(1000))
    import time; time.sleep(100)"""}),
    Case("a message with a ring in it", DOUBLE, answers=softmax("x = []\nx.append(x)\nreturn x")),
    Case("questions for what was not handed over", DOUBLE, stopped=True, note="handed over",
         answers={"softmax": _LINK + """
def softmax(a):
    for verb, args in (("special", (a, "__class__", (), {})), ("getattr", (a, "base")),
                       ("setattr", (a, "x", 1))):
        link.ask(verb, *args)"""}),
    Case("names that were not sent", DOUBLE, stopped=True, note="did not send",
         answers={"softmax": _LINK + """
def softmax(a):
    data = bytes(8) + b"t\\3\\0\\0\\0u\\4\\0\\0\\0doneb\\x08\\0\\0\\0" + bytes(8)
    raw(data + b"t\\1\\0\\0\\0G\\x09\\0\\0\\0os:system")
    import time; time.sleep(100)"""}),
    Case("a pickle", DOUBLE, stopped=True, note="softmax", answers={"softmax": _LINK + """
import pickle
class E:
    def __reduce__(self): return (os.system, ("touch @course@/pickled",))
def softmax(a):
    raw(pickle.dumps(E()))
    import time; time.sleep(100)"""}),
    Case("file descriptors through the socket", DOUBLE,
         answers={"softmax": _LINK + """
import socket
def softmax(a):
    for _ in range(20):
        socket.send_fds(sock, [b"x" * 8], [0, 1, 2])
    import time; time.sleep(100)"""}),
    Case("hanging up", DOUBLE, stopped=True, note="softmax", answers={"softmax": _LINK + """
def softmax(a):
    sock.close()
    return a"""}),
    Case("outputs of no form", before=_LINK + """
import json
text = """ + repr(json.dumps(NO_FORM)) + """
json.dumps = lambda *a, **k: text
"""),
    Case("outputs that say 99 points", DOUBLE, answers={"softmax": WRONG}, before=_LINK + """
link.extras = lambda: ('[{"output_type": "execute_result", "data": {"text/plain": "99"}}]', ())
"""),
    Case("other threads that talk out of turn", DOUBLE, answers={"softmax": _LINK + """
import threading
def talk():
    while True:
        try: forge("special", bytes(8), (1, "__call__", (), {}))
        except Exception: return
def softmax(a):
    threading.Thread(target=talk, daemon=True).start()
    import time; time.sleep(0.2)
    return a"""}, stopped=None),
]  # fmt: skip

# The reference as the answer ----------------------------------------------------------------------

IMPORTS = [
    Case("importing the reference", NONE + 3.0, errors="ImportError", note="", answers={
        "softmax": "from utils.functions import softmax"}),
    Case("importing the reference by other ways", DOUBLE, answers={"softmax": """
import importlib, importlib.util, sys, glob, os, marshal
sys.meta_path[:] = [f for f in sys.meta_path if type(f).__name__ != "BlockedImports"]
def softmax(a):
    return np.zeros(np.shape(a))
for name in ("utils.functions", "utils.layers", "utils.networks", "utils.gradients"):
    try: importlib.import_module(name); print("GOT-IT", name)
    except (ImportError, OSError): pass
for path in ["@repository@/utils/functions.py", "@repository@/utils/layers.py",
             *glob.glob("@repository@/utils/__pycache__/functions*.pyc")]:
    try:
        spec = importlib.util.spec_from_file_location("f", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        softmax = module.softmax
        print("GOT-IT", path)
    except (OSError, ImportError): pass
"""}),
    Case("importing the grader", before="""
import sys
for name in ("utils.grading", "utils.grading.judge.judge", "utils.grading.notebook.restore",
             "utils.commands"):
    try: __import__(name); print("GOT-IT", name)
    except ImportError: pass
if any(name.startswith("utils.grading") for name in sys.modules): print("GOT-IT")
"""),
]  # fmt: skip

# The notebook itself ------------------------------------------------------------------------------


def cells(change: Callable[[dict[str, NotebookNode], NotebookNode], None]) -> Callable:
    """Return damage that changes cells, given by their grade id."""

    def damage(notebook: NotebookNode) -> bytes:
        named = {
            cell.metadata.nbgrader.grade_id: cell
            for cell in notebook.cells
            if "nbgrader" in cell.metadata
        }
        change(named, notebook)
        return json.dumps(notebook).encode()

    return damage


def text(data: bytes) -> Callable[[NotebookNode], bytes]:
    """Return damage that replaces everything."""
    return lambda notebook: data


def _marks(name: str, **marks: Any) -> Callable:
    return cells(lambda named, notebook: named[name].metadata.nbgrader.update(marks))


def _remove(*names: str) -> Callable:
    return cells(lambda named, notebook: [notebook.cells.remove(named[name]) for name in names])


def _again(name: str, source: str | None = None) -> Callable:
    def change(named: dict[str, NotebookNode], notebook: NotebookNode) -> None:
        twin = copy.deepcopy(named[name])
        twin.source = twin.source if source is None else source
        notebook.cells.append(twin)

    return cells(change)


def _move(name: str, place: int) -> Callable:
    def change(named: dict[str, NotebookNode], notebook: NotebookNode) -> None:
        notebook.cells.remove(named[name])
        notebook.cells.insert(place, named[name])

    return cells(change)


def _all_marks(**marks: Any) -> Callable:
    return cells(
        lambda named, notebook: [cell.metadata.nbgrader.update(marks) for cell in named.values()]
    )


def _source(name: str, source: Any) -> Callable:
    return cells(lambda named, notebook: named[name].update(source=source))


def _old(cell: NotebookNode) -> dict[str, Any]:
    """Return a cell as notebooks had them before 2014."""
    kept = {"cell_type": cell.cell_type, "metadata": cell.metadata}
    if cell.cell_type != "code":
        return kept | {"source": cell.source}
    return kept | {"input": cell.source, "language": "python", "outputs": []}


WRITTEN = {"softmax": WRONG}
DAMAGE = [
    Case("a test cell deleted", DOUBLE, answers=WRITTEN, note="put back",
         damage=_remove("test_softmax_hidden")),
    Case("all test cells deleted", DOUBLE, answers=WRITTEN, note="put back",
         damage=_remove("test_softmax_visible", "test_softmax_hidden", "test_double", "setup")),
    Case("a test cell twice", DOUBLE, answers=WRITTEN, note="more than once",
         damage=_again("test_softmax_hidden", "4.0")),
    Case("a test cell moved up", note="moved", damage=_move("test_double", 0)),
    Case("a test cell edited", DOUBLE, answers=WRITTEN, note="was changed",
         damage=_source("test_softmax_hidden", "4.0")),
    Case("a test cell turned into text", DOUBLE, answers=WRITTEN, note="code cell again",
         damage=cells(lambda named, _: named["test_softmax_visible"].update(cell_type="markdown"))),
    Case("points changed", damage=_marks("test_double", points=99)),
    Case("flags changed", DOUBLE, answers=WRITTEN,
         damage=_all_marks(grade=False, solution=True, locked=False)),
    Case("schema version too new", damage=_all_marks(schema_version=99)),
    Case("schema version too old", damage=_all_marks(schema_version=0)),
    Case("marks of no form", note="deleted", damage=_all_marks(grade_id=["x"], points={"a": 1})),
    Case("marks removed", note="deleted",
         damage=cells(lambda named, nb: [c.metadata.pop("nbgrader") for c in named.values()])),
    Case("a solution cell deleted", DOUBLE, note="deleted", damage=_remove("softmax")),
    Case("a solution cell twice, the second wrong", note="more than once",
         damage=_again("softmax", WRONG)),
    Case("a solution cell twice, the second not written", note="more than once",
         damage=_again("softmax", fixture.STUBS["softmax"])),
    Case("a solution cell twice, the first not written", note="more than once",
         answers={"softmax": fixture.STUBS["softmax"]},
         damage=_again("softmax", fixture.RIGHT["softmax"])),
    Case("a solution cell moved to the end", note="moved", damage=_move("softmax", 8)),
    Case("a solution cell marked as the test", DOUBLE, answers={"softmax": "10.0"}, note="deleted",
         damage=_marks("softmax", grade=True, points=10, grade_id="test_softmax_hidden")),
    Case("grade ids that nobody gave", damage=cells(lambda named, nb: nb.cells.append(new_code_cell(
        "99.0", metadata={"nbgrader": {"grade_id": "bonus", "grade": True, "points": 99,
                                       "solution": False, "locked": True, "schema_version": 3}})))),
    Case("invalid JSON", NONE, status="unreadable", note="not valid JSON",
         damage=text(b'{"cells": [}')),
    Case("an empty file", NONE, status="unreadable", note="empty", damage=text(b"")),
    Case("no text", NONE, status="unreadable", note="UTF-8",
         damage=text(b"\x89PNG\r\n\x00\xff")),
    Case("a list", NONE, status="unreadable", note="not a notebook", damage=text(b"[1, 2]")),
    Case("no cells", NONE, status="unreadable", note="no cells", damage=text(b'{"nbformat": 4}')),
    Case("cells that are not a list", NONE, status="unreadable", note="no cells",
         damage=text(b'{"cells": {"a": 1}}')),
    Case("JSON nested 100,000 deep", NONE, status="unreadable", note="not valid JSON",
         damage=text(b"[" * 100_000)),
    Case("200 MB", NONE, status="unreadable", note="MB",
         damage=lambda nb: b'{"cells": [' + b" " * 200_000_000 + b"]}"),
    Case("100,000 cells", NONE, status="unreadable", note="cells", damage=text(
        b'{"cells": [' + b",".join([b'{"cell_type": "code", "source": ""}'] * 100_000) + b"]}")),
    Case("cells of no form", damage=cells(lambda named, nb: nb.cells.extend(
        [5, None, [], {}, {"cell_type": 7, "source": "1"},
         {"cell_type": "code", "source": {"a": 1}},
         {"cell_type": "code", "source": ["print(", 5, "1)"], "outputs": 5, "metadata": []},
         {"cell_type": "widget", "source": "x", "metadata": {"nbgrader": 5}},
         {"cell_type": "markdown", "source": "x", "attachments": {"a": 5}}]))),
    Case("half characters", damage=cells(lambda named, nb: nb.cells.append(
        {"cell_type": "code", "source": "x = '\ud800'", "metadata": {}}))),
    Case("a byte order mark", damage=lambda nb: b"\xef\xbb\xbf" + nbformat.writes(nb).encode()),
    Case("old format", damage=lambda nb: json.dumps({
        "nbformat": 3, "nbformat_minor": 0, "metadata": {},
        "worksheets": [{"cells": [_old(cell) for cell in nb.cells]}]}).encode()),
    Case("a format from the future",
         damage=cells(lambda named, nb: nb.update(nbformat=99, extra={"x": 1}))),
    Case("another kernel", damage=cells(lambda named, nb: nb.metadata.update(
        kernelspec={"name": "../../bash", "display_name": "x", "language": "bash"}))),
    Case("scripts in outputs", before="""
from IPython.display import display, HTML, Javascript
display(HTML("<script>window.evil = 1</script><img src=x onerror=evil()>"), Javascript("evil()"))
"""),
]  # fmt: skip

CASES = [
    *LOOPS, *PATCHES, *EXITS, *BOMBS, *READS, *WRITES, *NETWORK, *CHANNELS, *JUDGES, *FORGERIES,
    *IMPORTS, *DAMAGE,
]  # fmt: skip
