"""Submissions that write to the connection by themselves, or answer so as to harm the judge.

They run as any other does; `test_hostile` has those that attack the machine.
"""

import json
import re

import nbformat
import numpy as np
import pytest

from tests.grading.judge import fixture_course as fixture
from utils.grading.judge import grade_notebook, hidden_test_policy
from utils.grading.judge.judge import Judge
from utils.grading.judge.verdict import points_of
from utils.grading.notebook.source_cells import cells_of_notebook
from utils.grading.sandbox.config import Limits

DOUBLE = 3.0  # what is left if softmax is wrong

LINK = """
import gc, os, struct, sys
link = next(x for x in gc.get_objects() if type(x).__name__ == "StudentConnection")
globals_of = type(link).__mro__[1].send.__globals__
codec, SharedObjects = globals_of["codec"], globals_of["SharedObjects"]
def raw(data):
    link.sock.sendall(struct.pack("<Q", len(data)) + data)
def text(words):
    return b"u" + struct.pack("<I", len(words)) + words.encode()
def answer(records, value):
    '''Answer the question that is open with a message made by hand.'''
    token = link.token
    head = struct.pack("<II", 0, len(records)) + b"".join(records)
    body = b"t" + struct.pack("<I", 3) + value + text("") + b"t" + bytes(4)
    raw(head + b"t" + struct.pack("<I", 3) + text("done")
        + b"b" + struct.pack("<I", 8) + token + body)
    import time; time.sleep(100)
def record(number, kind, content, flags=0):
    return struct.pack("<QBBQ", number, ord(kind), flags, len(content)) + content
def array(dtype, shape, data=b""):
    return (bytes([len(dtype)]) + dtype.encode() + bytes([len(shape)])
            + b"".join(struct.pack("<Q", n % 2**64) for n in shape) + data)
def x(number):
    return b"x" + struct.pack("<Q", number)
old_reply = type(link).reply
def reply(self, verb, token, args):
    link.token = token
    return old_reply(self, verb, token, args)
type(link).reply = reply
"""


def softmax(body, before=""):
    lines = "\n".join(f"    {line}" for line in body.splitlines())
    return LINK + before + f"\ndef softmax(a):\n{lines}"


CASES = {
    "an array in the memory of another, with wild strides": softmax(
        "answer([record(1001, 'a', array('<f8', (0,))),\n"
        "        record(1003, 'v', struct.pack('<QQqqQQ', 1001, 0, -2**63, 2**40, 2, 2))],\n"
        "       x(1003))"
    ),
    "an exception in line 10^6000": softmax(
        "raise ValueError",
        "space = type(link).serve.__globals__; describe = space['describe_error']\n"
        "def forged(error):\n"
        "    found = list(describe(error)); found[4] = 10**4000; return tuple(found)\n"
        "space['describe_error'] = forged\n",
    ),
    "a warning in line 10^4000": softmax(
        "link.warned.append(('UserWarning', 'x', 10**4000))\nreturn np.zeros(np.shape(a))"
    ),
    "keys that collide": softmax("return {i * (2**61 - 1): 0 for i in range(3000)}"),
    "a range without end": softmax("return range(10**18)"),
    "a number with too many digits": softmax("return 10**4290"),
    "a list that holds itself twice, and so on": softmax(
        "one = [0]\nfor _ in range(60): one = [one, one]\nreturn one"
    ),
    "items that are such a list": softmax(
        "class Row:\n"
        "    def __len__(self): return 2\n"
        "    def __getitem__(self, i):\n"
        "        one = [0]\n        for _ in range(60): one = [one, one]\n        return one\n"
        "    def __iter__(self): return iter([1, 2])\n"
        "    def __contains__(self, x): return link\n"
        "return Row()"
    ),
    "a length of 2^61": softmax(
        "class Long:\n"
        "    def __len__(self): return 2**61\n"
        "    def __getitem__(self, i): return 0.5\n"
        "return Long()"
    ),
    "a name of 50 million characters": softmax(
        "return type('x' * 50_000_000, (), {'__call__': print})()"
    ),
    "descriptions of no form": softmax(
        "answer([record(1001, 'o', b't' + struct.pack('<I', 4) + text('x' * 9) + text('y')\n"
        "                          + text('z') + b't' + bytes(4))], x(1001))"
    ),
    "thousands of objects": softmax("return [object() for _ in range(5_000)]"),
    "too many objects": softmax(
        "answer([record(2 * i + 1001, 'l', bytes(4)) for i in range(210_000)], b'N')"
    ),
    "outputs of 100 MB": softmax(
        "return np.zeros(np.shape(a))",
        "import json\njson.dumps = lambda *a, **k: '[' * 100_000_000\n",
    ),
    "many empty outputs": softmax(
        "print(1)\nreturn np.zeros(np.shape(a))",
        "import json\njson.dumps = lambda *a, **k: '[' + ', '.join("
        "['{\"output_type\": \"display_data\", \"data\": {}}'] * 200_000) + ']'\n",
    ),
    "something else at each look": softmax(
        "class Any:\n"
        "    def __iter__(self): return self\n"
        "    def __next__(self): return 0.5\n"
        "    def __len__(self): return 2\n"
        "return Any()"
    ),
    "the judge's own array as the answer": softmax("a[...] = 0.5\nreturn a") + "\n",
}  # fmt: skip
NOT_WRONG = {"the judge's own array as the answer"}  # 0.5 is right for two equal numbers


def grade(answers, after="", **limits):
    """Return the notebook and what became of it."""
    limits = Limits(**{"call_seconds": 10.0, "submission_seconds": 60.0} | limits)
    file = nbformat.writes(fixture.submission("", after, **answers)).encode()
    return grade_notebook.grade_notebook(file, fixture.course(), limits)


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_a_forged_answer_earns_nothing_and_the_grading_goes_on(sandbox, name):
    notebook, outcome = grade({"softmax": CASES[name]})
    assert outcome.status == "graded"
    assert not any("judge" in note for note in outcome.notes), outcome.notes
    assert outcome.tests["test_double"].points == DOUBLE
    assert outcome.tests["test_softmax_hidden"].points == 0
    if name not in NOT_WRONG:
        assert outcome.tests["test_softmax_visible"].points == 0
    assert len(json.dumps(notebook)) < 6_000_000


def test_a_graders_memory_does_not_come_back_to_the_submission(sandbox):
    """What an array without bytes is filled with is not sent back as if it had changed."""
    spy = softmax(
        "if not asked:\n"
        "    asked.append(1)\n"
        "    answer_only([record(1001, 'a', array('|S0', (4096,)))], x(1001))\n"
        "return a",
        "asked = []\n"
        "def answer_only(records, value):\n"
        "    import time; time.sleep = lambda _: None\n"
        "    answer(records, value)\n"
        "unpack = codec.unpack\n"
        "def spying(data, heap):\n"
        "    if asked and bytes(data[:4]) == bytes(4) and b'S1' in bytes(data): print('GOT-IT')\n"
        "    return unpack(data, heap)\n"
        "codec.unpack = spying\n",
    )
    notebook, outcome = grade({"softmax": spy})
    assert "GOT-IT" not in json.dumps([cell.get("outputs") for cell in notebook.cells])
    assert any("no size" in note for note in outcome.notes), outcome.notes


EXITS = {
    "an exit status": "os._exit(int(abs(a[0, 0])) % 100)",
    "a crash": "import ctypes; ctypes.string_at(int(abs(a[0, 0])))",
    "silence": "import time; time.sleep(100)",
    "a message": "answer([record(1000 + int(abs(a[0, 0])), 'l', bytes(4))], b'N')",
}


@pytest.mark.parametrize("how", EXITS)
def test_how_a_process_ends_in_a_hidden_test_is_not_told(sandbox, how):
    right = "e = np.exp(a - np.max(a, axis=-1, keepdims=True))\n"
    right += "return e / e.sum(axis=-1, keepdims=True)"
    source = softmax(f"if np.shape(a) == (4, 5): {EXITS[how]}\n{right}")
    notebook, outcome = grade({"softmax": source}, call_seconds=1.0)
    reason = "`test_softmax_hidden` earned 0 of 4 points: none of its hidden checks passed"
    assert outcome.notes == [hidden_test_policy.NOTE, reason]
    assert outcome.score == 6.0
    shown = [cell for cell in notebook.cells if cell.metadata.get("nbgrader", {}).get("grade")]
    errors = [o["ename"] for cell in shown for o in cell.get("outputs", []) if "ename" in o]
    assert errors == ["Exception"]
    assert outcome.tests["test_softmax_hidden"].error == "Exception: "


def test_how_a_process_ends_in_a_visible_test_is_told(sandbox):
    _, outcome = grade({"softmax": softmax("os._exit(77)")})
    assert any("exit status 77" in note for note in outcome.notes)


@pytest.mark.parametrize("kind", ["KeyError", "OSError", "type('Seen', (Exception,), {})"])
def test_which_exception_stops_a_hidden_test_is_not_told(sandbox, kind):
    source = softmax(f"if np.shape(a) == (4, 5): raise {kind}\nreturn a")
    notebook, outcome = grade({"softmax": source})
    assert outcome.tests["test_softmax_hidden"].error == "Exception: "
    shown = json.dumps([cell.get("outputs") for cell in notebook.cells])
    assert not re.search(r"KeyError|OSError|Seen", shown)


LOOKS = """
asked = []
for verb, function in list(link.verbs.items()):
    def spying(*args, verb=verb, function=function):
        asked.append((verb, args if verb == "get" else ()))
        return function(*args)
    link.verbs[verb] = spying
"""


def test_only_names_that_the_cells_define_are_asked_for(sandbox):
    source = LINK + LOOKS + fixture.RIGHT["softmax"]
    notebook, outcome = grade({"softmax": source}, after="print('ASKED', asked)")
    assert outcome.score == 10.0
    told = json.dumps([cell.get("outputs") for cell in notebook.cells if cell.get("outputs")])
    told = told[told.index("ASKED") :]
    assert "'softmax'" in told
    assert "'double'" in told
    for name in ("hidden_input", "hidden_expected", "secret_softmax", "task", "isinstance"):
        assert name not in told


HONEST = {
    "a star import": "import types, sys\n"
    "sys.modules['helper'] = types.ModuleType('helper')\n"
    "exec({code!r}, vars(sys.modules['helper']))\nfrom helper import *",
    "exec": "exec({code!r})",
    "globals": "exec({code!r}, space := {{}})\nglobals()['softmax'] = space['softmax']",
    "setattr on the module": "import sys\nexec({code!r}, space := {{}})\n"
    "setattr(sys.modules['__main__'], 'softmax', space['softmax'])",
    "a loop": "exec({code!r}, space := {{}})\nfor softmax in [space['softmax']]: pass",
    "an underscore": "exec({code!r}, space := {{}})\n_hidden = space['softmax']\n"
    "def softmax(a):\n    return _hidden(a)",
    "get_ipython": "exec({code!r}, space := {{}})\n"
    "get_ipython().push(dict(softmax=space['softmax']))",
    "a walrus": "exec({code!r}, space := {{}})\n(softmax := space['softmax'])",
}  # fmt: skip


@pytest.mark.parametrize("how", HONEST)
def test_however_a_cell_defines_a_name_a_test_finds_it(sandbox, how):
    code = "import numpy as np\n" + fixture.RIGHT["softmax"]
    _, outcome = grade({"softmax": HONEST[how].format(code=code)})
    assert outcome.score == 10.0


ESCAPES = """
link.extras = lambda: (
    '[{"output_type": "stream", "name": "stderr", "text": "\\\\u001b]0;100 graded\\\\u0007"}]',
    (("UserWarning", "\\x1b[2J100 graded", 1),),
)
softmax = 3
"""


def test_outside_test_cells_nothing_of_a_submission_is_written(start, capfd):
    submission = start("x = 1")

    class Shell:
        user_ns: dict = {}

    Judge(Shell(), submission, [])
    submission.run_cell("work", LINK + ESCAPES)
    assert submission.names() >= {"softmax"}
    assert submission.get({"softmax"}) == {"softmax": 3}  # a warning would be an error here
    assert capfd.readouterr() == ("", "")


def test_notes_are_one_line_that_a_terminal_does_not_obey(start):
    submission = start("x = 1")
    submission.note("\x1b[2Ja\nb\x07" + "c" * 5000)
    (note,) = submission.notes
    assert note.startswith("?[2Ja b?")
    assert note.isprintable()
    assert len(note) <= 1000


@pytest.mark.parametrize(
    ("value", "points"),
    [
        (10**400, 4.0),
        (-(10**400), 0.0),
        (float("nan"), 0.0),
        (np.longdouble(1e4000), 4.0),
        (3, 3.0),
    ],
)
def test_points_beyond_all_floats_do_not_end_the_judge(start, value, points):
    assert points_of({"label": "test", "points": 4.0}, value, start("x = 1")) == points


def test_a_test_opens_none_of_the_judges_connections(sandbox):
    """Else a student's number could lead a test to write what looks like a verdict."""
    test = (
        "for n in range(3, 30):\n    try:\n        open(int(double(n / 2)), 'wb').close()\n"
        "    except ValueError as error:\n        assert 'by their names' in str(error)\n"
        "    else:\n        raise AssertionError(n)"
    )
    source = fixture.source_notebook(fixture.RIGHT)
    source.cells[3].source = "assert softmax([0.0])[0] == 1"
    source.cells[6].source = test
    course = cells_of_notebook(source, source)
    _, outcome = grade_notebook.grade_notebook(nbformat.writes(source).encode(), course)
    assert outcome.tests["test_double"].points == DOUBLE


def test_what_a_test_never_hands_over_is_never_changed(work):
    student = work(
        "kept = []\n"
        "def f(x):\n    kept.append(x)\n    for k in kept:\n        k[...] = -1\n"
        "    for n, thing in list(link().shared.objects.items()):\n"
        "        if type(thing.value).__name__ == 'ndarray': thing.value[...] = -1\n"
        "    return kept[0]\n"
        "def link():\n    import gc\n"
        "    return next(x for x in gc.get_objects() if type(x).__name__ == 'StudentConnection')\n"
    )
    base = np.arange(12.0).reshape(3, 4)
    expected = base * 2
    mine = base.copy()
    first = student.f(base[0])
    again = student.f(base[1])
    assert again is first
    np.testing.assert_array_equal(base[:2], -1)
    np.testing.assert_array_equal(base[2], mine[2])  # beside what was handed over
    np.testing.assert_array_equal(expected, mine * 2)
