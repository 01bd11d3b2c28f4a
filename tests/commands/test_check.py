"""`check`: a student's own check, with hints, without a kernel and without a gradebook."""

import ast
import functools
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest

from tests.classroom import PS1, RIGHT, ROOT, START
from tests.processes import gone, survivors
from utils.commands import check
from utils.grading.judge import unsandboxed
from utils.grading.notebook.reading import text_hash
from utils.grading.notebook.source_cells import RELEASES_FILE, read_releases
from utils.grading.run import check_process, self_study

SANDBOX = sys.platform == "linux"
RELEASED = ROOT / "assignments" / PS1 / f"{PS1}.ipynb"
BATCH = "def softmax(a):\n    e = np.exp(a - np.max(a))\n    return e / np.sum(e)\n"


def call(path: Path | str, *options: str, status: int) -> str:
    """Run the command, without a terminal, and return what it said."""
    command = [sys.executable, "-P", "-c", START.format("check"), str(path), *options]
    result = subprocess.run(
        command, capture_output=True, encoding="utf-8", timeout=120, stdin=subprocess.DEVNULL
    )
    said = result.stdout + result.stderr
    assert result.returncode == status, said
    assert "Traceback" not in said
    return said


def write(path: Path, answers: dict[str, str], drop: str = "") -> Path:
    """Write a filled-in notebook, without one of its cells."""
    notebook = nbformat.read(RELEASED, as_version=4)
    for cell in notebook.cells:
        name = cell.metadata.get("nbgrader", {}).get("grade_id")
        cell.source = answers.get(name, cell.source)
    notebook.cells = [c for c in notebook.cells if not drop or c.id != drop]
    nbformat.write(notebook, path)
    return path


def not_sandboxed(plots: bool) -> tuple:
    return "none", functools.partial(unsandboxed.judge, plots=plots)


def names_and_hints() -> list[tuple[str, str]]:
    """Return every visible check's name with each of its hints, from the released notebook."""
    found = []
    for cell in nbformat.read(RELEASED, as_version=4).cells:
        for node in ast.walk(ast.parse(cell.source if cell.cell_type == "code" else "")):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "check":
                _, name, *hints = map(ast.literal_eval, node.args)
                hints += [ast.literal_eval(given.value) for given in node.keywords]
                found += [(name, hint) for hint in hints]
    assert len({name for name, _ in found}) > 8
    return found


def test_right_work_passes_every_check(tmp_path):
    said = call(write(tmp_path / "my work.ipynb", RIGHT), status=0)
    for name, hint in names_and_hints():
        assert name in said
        assert hint not in said
    assert "6 of 6 points" in said
    assert "Solution" not in said
    assert "a batch agrees with a loop over rows" not in said  # a hidden check's name


def test_an_empty_notebook_shows_the_tables_that_it_shows_itself():
    said = call(RELEASED, status=1)
    for task, points in (("identity_function", 1), ("softmax", 5)):
        assert f"○ {task}: 0 of {points} visible points. Task {task} is not written yet." in said
    assert "Hint" not in said
    assert "cells `identity_function`, `softmax` are as they were handed out" in said
    assert "0 of 6 points" in said
    assert "8 more points depend on hidden checks and a person gives 4" in said


def test_a_mistake_is_named_on_the_right_check(tmp_path):
    said = call(write(tmp_path / "a.ipynb", RIGHT | {"softmax": BATCH}), status=1)
    failed = [line for line in said.splitlines() if "not yet" in line]
    assert [line.split("  ")[-1].strip() for line in failed] == [
        "every row of a batch sums to 1",
        "rows of different scale",
        "more axes: the last holds the classes",
        "integers give floats",  # of a batch, too
    ]
    assert "Hint: Each row has a sum of its own, over the last axis." in said
    assert "3.5 of 6 points" in said


def test_an_error_names_the_cell_and_the_line(tmp_path):
    broken = "x = 1\ndef softmax(a)\n    return a\n"
    said = call(write(tmp_path / "a.ipynb", RIGHT | {"softmax": broken}), status=1)
    assert "its cell ended in SyntaxError: expected ':' (line 2: `def softmax(a)`)" in said
    assert said.count("The cell of `softmax` is not valid Python: expected ':' (line 2: `") == 1
    assert said.count("Next step: Fix that line, then run the cell again.") == 1
    assert said.count("(same cause)") == 8
    assert "Hint: " not in said


def test_the_courses_own_tests_count(tmp_path):
    easy = {"test_softmax_visible": "5.0"}
    said = call(write(tmp_path / "a.ipynb", {"softmax": BATCH} | easy), status=1)
    assert (
        "cell `test_softmax_visible` was changed; the grader uses the course's text: put your code "
        "into a cell of your own"
    ) in said
    assert "2.5 of 5 visible points" in said
    gone = write(tmp_path / "b.ipynb", RIGHT, drop="test-softmax-visible")
    said = call(gone, status=0)
    assert "cell `test_softmax_visible` was deleted; it has been put back" in said
    assert "6 of 6 points" in said


def test_cells_may_use_magics_prints_figures_and_await(tmp_path):
    busy = (
        "%matplotlib inline\nimport asyncio, warnings\nimport matplotlib.pyplot as plt\n"
        "plt.plot([1, 2])\nplt.show()\nprint('much')\nwarnings.warn('loud')\n"
        "await asyncio.sleep(0)\n!ls\n"
    )
    said = call(write(tmp_path / "a.ipynb", RIGHT | {"softmax": busy + RIGHT["softmax"]}), status=0)
    assert "much" not in said
    assert "loud" not in said


def test_the_courses_solutions_cannot_be_imported(tmp_path):
    borrowed = RIGHT | {"softmax": "from utils.functions import softmax\n"}
    said = call(write(tmp_path / "a.ipynb", borrowed), status=1)
    assert "utils.functions is not there when work is graded" in said


@pytest.mark.slow
@pytest.mark.parametrize("sandboxed", [True, False])
@pytest.mark.parametrize(
    ("cell", "source", "lines", "points"),  # in a loop, Python 3.14 is stopped at its last line
    [
        ("identity_function", "while True:\n    pass\n", (1, 2), 5),
        (
            "identity_function",
            "def identity_function(a):\n    while a is not 3:\n        pass",
            (2, 3),
            5,
        ),
        ("softmax", "import time\n" + BATCH + "time.sleep(1000)\n", (5,), 3.5),
    ],
    ids=["a cell", "a call", "below right work"],
)
def test_what_does_not_end_costs_its_own_checks_and_is_named(
    tmp_path, capsys, sandboxed, cell, source, lines, points
):
    path = write(tmp_path / "a.ipynb", RIGHT | {cell: source})
    found = check.checked(path, sandboxed and SANDBOX, {"cell_seconds": 2, "call_seconds": 2})
    assert not check.show(found)
    said = capsys.readouterr().out
    text = dict(enumerate(map(str.strip, source.splitlines()), start=1))
    assert any(f"was stopped (line {line}: `{text[line]}`)" in said for line in lines)
    assert said.count("softmax: ") >= 1
    assert f"{points} of 6 points" in said


def test_a_cell_that_waits_for_a_signal_in_vain_is_ended_all_the_same(tmp_path):
    stubborn = "while True:\n    try:\n        while True: pass\n    except BaseException: pass"
    path = write(tmp_path / "a.ipynb", RIGHT | {"identity_function": stubborn})
    found = check.checked(path, SANDBOX, {"cell_seconds": 1})
    assert [test["points"] for test in found["tests"]] == [0, 5]


@pytest.mark.slow
@pytest.mark.parametrize("answers", [RIGHT, RIGHT | {"softmax": BATCH}, {}], ids=len)
def test_without_a_sandbox_the_verdict_is_the_same(tmp_path, capsys, answers):
    path = write(tmp_path / f"{PS1}.ipynb", answers)
    plain, boxed = check.checked(path, False), check.checked(path, SANDBOX)
    assert plain["sandbox"] == "none"
    assert plain | {"sandbox": ""} == boxed | {"sandbox": ""}
    check.show(plain)
    assert capsys.readouterr().out.startswith("(Not sandboxed: ")
    if boxed["sandbox"] != "none":
        check.show(boxed)
        assert "sandbox" not in capsys.readouterr().out


@pytest.mark.skipif(not SANDBOX, reason="submissions are sandboxed on Linux")
def test_a_file_of_someone_elses_meets_a_sandbox(tmp_path, monkeypatch):
    secret = tmp_path / "elsewhere" / "secret"
    secret.parent.mkdir()
    secret.write_text("only for the staff")
    monkeypatch.setenv("STAFF_TOKEN", "only for the staff")
    spy = (
        "import os\n"
        "seen = str(dict(os.environ))\n"
        f"for place in ('/proc/self/environ', {str(secret)!r}):\n"
        "    try: seen += open(place).read()\n"
        "    except OSError: pass\n"
        f"os.system('rm -f {secret}')\n"
        f"!rm -f {secret}\n"
        "raise ValueError(f\"looked and found {'the staff' in seen}\")"
    )
    path = write(tmp_path / "a.ipynb", RIGHT | {"identity_function": spy})
    found = check.checked(path)
    if found["sandbox"] == "none":
        pytest.skip("no sandbox is available")
    assert "ValueError: looked and found False" in json.dumps(found)
    assert secret.exists()


@pytest.mark.slow
def test_modules_and_data_beside_the_notebook_are_found(tmp_path):
    files = {
        "my_functions.py": "def half(a):\n    return a / 2\n",
        "parts/__init__.py": "",
        "parts/more.py": "from my_functions import half\ntwice = 2\n",
        "data/numbers.txt": "1 2 3\n",
        "utils.py": "raise RuntimeError('not mine')\n",
        "numpy.py": "raise RuntimeError('not mine')\n",
        "matplotlib/__init__.py": "raise RuntimeError('not mine')\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "escape").symlink_to(tmp_path.parent)
    uses = (
        "import sys\nassert sys.path[0] == ''\nfrom my_functions import half\n"
        "from parts.more import twice\nimport numpy as np\nimport matplotlib.pyplot\n"
        "from utils import checks\nassert np.loadtxt('data/numbers.txt').sum() == 6\n"
        "import os\nassert not os.path.lexists('escape')\n"
        "def identity_function(a):\n    return half(a) * twice\n"
    )
    path = write(tmp_path / "a.ipynb", RIGHT | {"identity_function": uses})
    for sandboxed in {SANDBOX, False}:
        found = check.checked(path, sandboxed)
        assert [test["points"] for test in found["tests"]] == [1, 5], found
        for name in ("file `utils.py`", "file `numpy.py`", "folder `matplotlib`"):
            note = f"your {name} hides behind the course's module of that name: rename it"
            assert note in found["notes"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "there is no file"),
        (b"", "is not a notebook that can be read: the file is empty"),
        (b"\xff\xfe", "is not a notebook that can be read: it is not text in UTF-8"),
        (b"[1, 2]", "is not a notebook that can be read: it is JSON"),
        (json.dumps({"cells": []}).encode(), "has no cell of checks"),
        (b'{"nbformat": 3, "worksheets": []}', "has no cell of checks"),
    ],
)
def test_a_wrong_file_gets_a_sentence(tmp_path, content, words):
    path = tmp_path / "notes.ipynb"
    if content is not None:
        path.write_bytes(content)
    assert words in call(path, status=2)
    assert "is a folder" in call(tmp_path, status=2)


def test_a_name_without_its_folder_or_ending_is_told_the_file(tmp_path):
    path = write(tmp_path / "a.ipynb", RIGHT)
    assert f"did you mean {path}?" in call(tmp_path / "a", status=2)
    for name in (PS1, f"{PS1}.ipynb"):
        assert f"did you mean {RELEASED}?" in call(tmp_path / name, status=2)
    assert "mean" not in call(tmp_path / ("x" * 300), status=2)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "notes.ipynb")
    assert "is not an ordinary file" in call(tmp_path / "notes.ipynb", status=2)


def test_it_starts_without_nbgrader_and_jupyter(tmp_path):
    path = write(tmp_path / "a.ipynb", RIGHT)
    code = (
        "import sys; from pathlib import Path; from utils.grading.run import check_process\n"
        "check_process.check_file(Path(sys.argv[1]), False); print('HEAVY', "
        "*{'nbgrader', 'nbformat', 'jupyter_client'} & set(sys.modules))"
    )
    command = [sys.executable, "-P", "-c", code, str(path)]
    result = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=120, check=True)
    assert result.stdout.rstrip().endswith("HEAVY")


def test_a_submission_of_an_earlier_release_is_not_called_changed(tmp_path):
    earlier = read_releases(ROOT / "solutions" / RELEASES_FILE, PS1)
    assert len(earlier) > 1
    case = tmp_path / "a.ipynb"
    write(case, RIGHT)
    notebook = nbformat.read(case, as_version=4)
    for cell in notebook.cells:
        if cell.metadata.get("nbgrader", {}).get("grade_id") == "setup":
            cell.source = "import numpy as np  # an earlier text"
    nbformat.write(notebook, case)
    content = case.read_bytes()

    assert any(
        "`setup` was changed" in n
        for n in check_process.check_notebook(content, "a", {}, not_sandboxed)["notes"]
    )
    known = [{"setup": text_hash("import numpy as np  # an earlier text")}]
    file = tmp_path / RELEASES_FILE
    file.write_text(json.dumps({PS1: known}))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(check_process, "RELEASES", (file,))
        notes = check_process.check_notebook(content, "a", {}, not_sandboxed)["notes"]
    assert not any("changed" in note for note in notes)


@pytest.mark.parametrize("clone", [True, False])
def test_work_in_the_folder_of_assignments_itself_is_not_taken_for_the_course(
    tmp_path, monkeypatch, clone
):
    own = tmp_path / "assignments" / PS1 / f"{PS1}.ipynb"
    own.parent.mkdir(parents=True)
    shutil.copy(RELEASED, own)
    if clone:
        git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b"]
        subprocess.run([*git, "init", "-q"], check=True)
        subprocess.run([*git, "add", "."], check=True)
        subprocess.run([*git, "commit", "-qm", "Handed out"], check=True)
    changes = {"softmax": "def softmax(a):\n    return a\n"}
    if clone:
        changes["test_softmax_visible"] = "5.0"
    write(own, RIGHT | changes)
    monkeypatch.setattr(check_process, "ROOT", tmp_path)
    monkeypatch.setattr(check_process, "RELEASES", ())
    found = check_process.check_notebook(own.read_bytes(), PS1, {}, not_sandboxed)
    assert not any("handed out" in note for note in found["notes"])
    points = {test["name"]: test["points"] for test in found["tests"]}
    assert points["test_softmax_visible"] == 0
    assert points["test_identity_function_visible"] == 1
    assert any("`test_softmax_visible` was changed" in n for n in found["notes"]) == clone
    if clone:
        assert any("0 points for `softmax`" in note for note in found["notes"])


@pytest.mark.skipif(sys.platform != "linux", reason="processes are looked for in /proc")
def test_ending_check_ends_what_it_runs(tmp_path, monkeypatch):
    path = write(tmp_path / "a.ipynb", RIGHT | {"softmax": "while True:\n    pass\n"})
    monkeypatch.setenv("TZ", mark := f"Etc/CHECK{os.getpid()}")  # all its processes know TZ
    command = [sys.executable, "-P", "-c", START.format("check"), str(path)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while len(survivors(f"TZ={mark}")) < 3 and time.monotonic() < deadline:
        time.sleep(0.05)  # the command, the process that checks, the student process, ...
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 143, said
    assert "Traceback" not in said
    assert gone(f"TZ={mark}"), survivors(f"TZ={mark}")


# After a problem set, by oneself ----------------------------------------------------------------


def test_finished_shows_hidden_checks_solutions_rubric_and_what_is_next(tmp_path):
    said = call(
        write(tmp_path / "a.ipynb", RIGHT | {"softmax": BATCH}), "--finished", "--yes", status=1
    )
    assert "softmax, hidden checks: " in said
    assert "a batch agrees with a loop over rows" in said  # a hidden check's name
    assert "points in the visible and the hidden checks" in said
    assert "--- Solution: identity_function (yours has 2 of 2 points)" in said
    assert "--- Solution: softmax (yours has " in said
    assert "np.max(a, axis=-1, keepdims=True)" in said
    assert "BEGIN SOLUTION" not in said
    assert "Where to look: lecture 02" in said  # points were lost there, and only there
    assert said.count("Where to look") == 1
    assert "--- Model answer and rubric: written_answer" in said
    assert "*Rubric, half a point each*" in said
    assert "Next: lectures 03 MNIST (03_mnist.ipynb)" in said


def test_finished_asks_first_and_without_a_terminal_names_yes(tmp_path):
    said = call(write(tmp_path / "a.ipynb", RIGHT), "--finished", status=2)
    assert "then shows the solutions" in said
    assert "give --yes" in said
    assert "points" not in said
    assert "np.max" not in said


@pytest.mark.parametrize(("answer", "shown"), [("y", True), ("", False), ("no", False)])
def test_finished_does_what_the_user_answers(tmp_path, monkeypatch, capsys, answer, shown):
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda question: answer)
    assert check.main([str(write(tmp_path / "a.ipynb", RIGHT)), "--finished"]) == 2 - 2 * shown
    assert ("--- Solution: softmax" in capsys.readouterr().out) == shown


@pytest.mark.parametrize("there", ["nothing", "another set"])
def test_a_student_edition_says_that_it_has_no_solutions(tmp_path, monkeypatch, capsys, there):
    shutil.copytree(ROOT / "assignments" / PS1, tmp_path / "assignments" / PS1)
    if there == "another set":
        (tmp_path / "solutions" / "ps9").mkdir(parents=True)
        (tmp_path / "solutions" / "ps9" / "ps9.ipynb").write_text("{}")
    monkeypatch.setattr(self_study, "ROOT", tmp_path)
    found = {"problem_set": PS1, "tests": []}
    check.show_solutions(found)
    printed = capsys.readouterr().out
    assert f"the solutions of {PS1} are not in this copy of the course" in printed
    assert "Next: " in printed
    assert self_study.has_solutions() == (there == "another set")
