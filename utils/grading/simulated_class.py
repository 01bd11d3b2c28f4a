"""A class of invented students for `demo` and the tests: right work, mistakes, accidents, attacks.

Each student's answers are source texts by the grade id of the solution cell; other cells stay as
released.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import nbformat


@dataclass(frozen=True)
class Student:
    """One invented student.

    Attributes:
        name: the student's id.
        story: what this student did, in a few words.
        answers: source texts by grade id.
        cut: whether the student hands in only the first half of the file.
    """

    name: str
    story: str
    answers: dict[str, str]
    cut: bool = False


def write_submission(student: Student, released: Path, submitted: Path) -> None:
    """Fill the student's answers into a released notebook.

    Args:
        student: the student.
        released: the released notebook.
        submitted: the path for the filled-in notebook; its folder is created.

    Raises:
        ValueError: an answer names a cell that the released notebook does not have.
    """
    notebook = nbformat.read(released, as_version=4)
    cells = {cell.metadata.get("nbgrader", {}).get("grade_id"): cell for cell in notebook.cells}
    for grade_id, source in student.answers.items():
        if grade_id not in cells:
            raise ValueError(f"{released} has no cell {grade_id!r} for {student.name}'s answer")
        cells[grade_id].source = source
    submitted.parent.mkdir(parents=True, exist_ok=True)
    text = nbformat.writes(notebook)
    submitted.write_text(text[: len(text) // 2] if student.cut else text, encoding="utf-8")


IDENTITY = "def identity_function(a):\n    return a\n"


def _softmax(body: str) -> dict[str, str]:
    """Return answers with a correct identity function, and a softmax with this body."""
    return {"identity_function": IDENTITY, "softmax": f"def softmax(a):\n{body}"}


# For each student a line with the name and the story, then the body of softmax.
_USUAL = """
akiko: right, as in the lecture
    a = a * 1.0
    e = np.exp(a - np.max(a, axis=-1, keepdims=True))
    return e / np.sum(e, axis=-1, keepdims=True)
ben: right, by log-sum-exp
    a = np.asarray(a, dtype=float)
    m = a.max(axis=-1, keepdims=True)
    return np.exp(a - m - np.log(np.exp(a - m).sum(axis=-1, keepdims=True)))
daniel: does not subtract the maximum
    e = np.exp(a)
    return e / np.sum(e, axis=-1, keepdims=True)
emiko: sums over the whole batch
    e = np.exp(a - np.max(a))
    return e / np.sum(e)
farid: one maximum for the whole batch
    e = np.exp(a - np.max(a))
    return e / np.sum(e, axis=-1, keepdims=True)
grace: normalises the columns
    e = np.exp(a - np.max(a, axis=0))
    return e / np.sum(e, axis=0)
hiroshi: forgets keepdims
    e = np.exp(a.T - np.max(a, axis=-1)).T
    return e / np.sum(e, axis=-1)
ines: overwrites the argument
    a -= np.max(a, axis=-1, keepdims=True)
    e = np.exp(a)
    return e / np.sum(e, axis=-1, keepdims=True)
jonas: turns the sign around
    e = np.exp(np.min(a, axis=-1, keepdims=True) - a)
    return e / np.sum(e, axis=-1, keepdims=True)
kenji: rounds to two digits
    e = np.exp(a - np.max(a, axis=-1, keepdims=True))
    return np.round(e / np.sum(e, axis=-1, keepdims=True), 2)
lena: prints instead of returning
    e = np.exp(a - np.max(a, axis=-1, keepdims=True))
    print(e / np.sum(e, axis=-1, keepdims=True))
noor: loops forever
    while True:
        a = a - np.max(a)
qing: loops over the rows of a matrix
    rows = []
    for row in a:
        e = np.exp(row - np.max(row))
        rows.append(e / np.sum(e))
    return np.array(rows)
rosa: adds a constant to the sum
    e = np.exp(a - np.max(a, axis=-1, keepdims=True))
    return e / (np.sum(e, axis=-1, keepdims=True) + 1e-7)
sven: computes in half precision
    a = a.astype(np.float16)
    e = np.exp(a - np.max(a, axis=-1, keepdims=True))
    return e / np.sum(e, axis=-1, keepdims=True)
tariq: subtracts the mean
    e = np.exp(a - np.mean(a, axis=-1, keepdims=True))
    return e / np.sum(e, axis=-1, keepdims=True)
uma: clips large numbers
    e = np.exp(np.clip(a, -700, 700))
    return e / e.sum(axis=-1, keepdims=True)
viktor: returns a list
    e = np.exp(a - np.max(a, axis=-1, keepdims=True))
    return (e / np.sum(e, axis=-1, keepdims=True)).tolist()
wen: uses axis 1
    e = np.exp(a - np.max(a, axis=1, keepdims=True))
    return e / np.sum(e, axis=1, keepdims=True)
olga: right, with her claims judged
    shifted = a - 1.0 * a.max(axis=-1, keepdims=True)
    return np.exp(shifted) / np.exp(shifted).sum(axis=-1, keepdims=True)
pedro: right, noisy, with half an answer
    print('softmax of', a.shape)
    a = a * 1.0
    e = np.exp(a - np.max(a, axis=-1, keepdims=True))
    return e / np.sum(e, axis=-1, keepdims=True)
xenia: uses math.exp
    import math
    return math.exp(a) / sum(math.exp(a))
"""
_MORE_CELLS = {
    "olga": {
        "written_answer": "**a.** The other way round: a price may be any number.\n\n"
        "**b.** Impossible, the numbers sum to 0.90.\n\n**c.** That rounds to 99 %.\n\n"
        "**d.** Only where nothing but the largest counts."
    },
    "pedro": {
        "identity_function": "import warnings\nwarnings.warn('to be sure')\n" + IDENTITY,
        "written_answer": "**a.** False.\n\n**b.** False.",
    },
}
PS1_OUTPUT_LAYER = (
    *(
        Student(name, story, _softmax(body) | _MORE_CELLS.get(name, {}))
        for name, story, body in re.findall(r"^(\w+): (.+)\n((?: .+\n)+)", _USUAL, re.MULTILINE)
    ),
    Student("chiara", "handed in untouched", {}),
    Student(
        "marek",
        "leaves a syntax error",
        {"identity_function": IDENTITY, "softmax": "def softmax(a)\n    return a"},
    ),
    Student("yusuf", "hands in half a file", {}, cut=True),
)

# Do not run these outside a sandbox.
HOSTILE_PS1_OUTPUT_LAYER = (
    Student(
        "eve",
        "overwrites the tools of the tests",
        {
            "identity_function": "import numpy.testing\nfrom utils import checks\n"
            "for tools in (np.testing, checks):\n"
            "    for name in dir(tools):\n"
            "        if name.startswith(('assert', 'gives', 'equal', 'finite', 'Check')):\n"
            "            setattr(tools, name, lambda *a, **k: None)\n"
            "np.isclose = np.allclose = lambda *a, **k: True\n" + IDENTITY,
            "softmax": "def softmax(a):\n    return a\n",
        },
    ),
    Student(
        "mallory",
        "looks for tests and gradebook",
        {
            "identity_function": "import glob\n"
            "for place in ('/*/*/gradebook.db', '/*/*/solutions/*', '/proc/[0-9]*/environ'):\n"
            "    print(place, [open(name, 'rb').read() for name in glob.glob(place)])\n" + IDENTITY,
            "softmax": "def softmax(a):\n"
            "    import socket\n    socket.create_connection(('127.0.0.1', 8786), 1)\n",
        },
    ),
    Student(
        "oscar",
        "returns what equals everything",
        {
            "identity_function": IDENTITY,
            "softmax": "class Right(np.ndarray):\n"
            "    __eq__ = __le__ = __ge__ = lambda self, other: np.ones(self.shape, bool)\n\n"
            "def softmax(a):\n    return np.zeros(np.shape(a)).view(Right)\n",
        },
    ),
    Student(
        "trudy",
        "leaves in the middle of a test",
        {
            "identity_function": IDENTITY,
            "softmax": "import os\n\ndef softmax(a):\n    os._exit(0)\n",
        },
    ),
    Student(
        "zoe",
        "kills every process in sight",
        {
            "identity_function": IDENTITY,
            "softmax": "import os, signal\n\ndef softmax(a):\n"
            "    os.kill(-1, signal.SIGKILL)\n    os.kill(os.getppid(), signal.SIGKILL)\n",
        },
    ),
)
