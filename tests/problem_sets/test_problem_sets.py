"""Every problem set: its shape, its release, its solution, and the checks against wrong work."""

import ast
import functools
import re
import shutil

import matplotlib.pyplot as plt
import pytest
from nbgrader.utils import is_grade

from tests.lectures.notebooks import LECTURES, committed
from tests.problem_sets.grading import (
    ROOT,
    PlainCourse,
    check_states,
    execute,
    graded_cells,
    read,
    scores,
    sources,
    stderr,
    submission,
    tells_no_number,
    worth,
)
from tests.problem_sets.tables import NAMES, TABLES, cells_of, graded_here
from utils import checks, mnist, plots
from utils.grading.course.gradebook import CourseGradebook
from utils.grading.course.settings import find_course
from utils.grading.run.points import fill


@pytest.fixture(autouse=True, scope="module")
def _few_images():
    """Load the stand-in once, a part of it, and draw nothing: no check depends on the rest."""
    load = functools.cache(mnist.load_mnist)

    def few(**flags):
        return tuple((x[:2000].copy(), t[:2000].copy()) for x, t in load(**flags))

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MNIST_DIR", "digits")
        patch.setattr(mnist, "load_mnist", few)
        patch.setattr(plots, "digits_figure", lambda images, titles: None)
        patch.setattr(plots, "show", lambda figure, alt: plt.close(figure))
        yield


def _cases(table: str) -> list:
    """Return (problem set, task, case) for every line of the tables."""
    return [
        pytest.param(name, task, case, id=f"{name[:3]}-{task}-{case.name}")
        for name in NAMES
        for task, cases in getattr(TABLES[name], table).items()
        for case in cases
    ]


def _automatic(result: dict) -> dict:
    return {grade_id: points for grade_id, points in result.items() if grade_id[:5] == "test_"}


@pytest.fixture(params=NAMES)
def name(request) -> str:
    """Each problem set: a test that asks for `name` holds for all of them."""
    return request.param


def _test_cells(name: str) -> list:
    return [cell for cell in read("solutions", name).cells if cell.id.startswith("test-")]


def test_the_points_in_the_texts_are_those_of_the_checks(name):
    notebook = execute(read("solutions", name))
    fresh = read("solutions", name)
    fill(fresh, {i: worth(notebook, i) for i in graded_cells(notebook) if i.startswith("test_")})
    assert fresh == read("solutions", name)
    text = "\n".join(cell.source for cell in fresh.cells)
    graded = [
        c.metadata.nbgrader for c in graded_cells(fresh).values() if c.metadata.nbgrader.grade
    ]
    assert f"**{sum(cell.points for cell in graded):g}** |" in text  # in the table's last row
    visible = sum(cell.points for cell in graded if cell.grade_id.endswith("_visible"))
    hidden = sum(cell.points for cell in graded if cell.grade_id.endswith("_hidden"))
    assert 0.3 <= visible / (visible + hidden) <= 0.5


def test_every_task_has_its_visible_and_its_hidden_test_right_below(name):
    ids = list(graded_cells(read("solutions", name)))
    for task in sources(read("solutions", name)):
        at = ids.index(task)
        assert tuple(ids[at + 1 : at + 3]) == cells_of(task)


def test_a_test_cell_binds_no_name_but_its_own(name):
    for cell in _test_cells(name):
        function, call = ast.parse(cell.source).body
        assert isinstance(function, ast.FunctionDef)
        assert function.name == cell.id.replace("-", "_")
        assert ast.unparse(call) == f"{function.name}()"
        assert not any(isinstance(node, ast.Global) for node in ast.walk(function))


def test_no_check_looks_at_the_wall_clock(name):
    """On a busy machine the clock runs while right work waits for a processor."""
    for i, cell in graded_cells(read("solutions", name)).items():
        if i.startswith("test_"):
            clocks = re.findall(r"\b(?:monotonic|perf_counter|time\.time)\b", cell.source)
            assert clocks == [], i


def test_a_test_cell_ends_in_its_points(name):
    for cell in _test_cells(name):
        last = ast.parse(cell.source).body[0].body[-1]
        assert ast.unparse(last) == "return task.points()"


def test_a_visible_test_knows_the_points_of_the_hidden_one(name):
    cells = graded_cells(read("solutions", name))
    for task in sources(read("solutions", name)):
        visible, hidden = (cells[i] for i in cells_of(task))
        points = re.findall(r"hidden_points=([\d.]+)", visible.source)
        assert [float(text) for text in points] == [hidden.metadata.nbgrader.points]


@pytest.mark.parametrize("folder", ["solutions", "assignments"])
def test_checks_arrive_folded(name, folder):
    for cell in read(folder, name).cells:
        if cell.id.startswith("test-"):
            assert cell.metadata["jupyter"] == {"source_hidden": True}


def test_a_test_hands_arrays_to_a_students_function_by_a_helper_only(name):
    tasks = sources(read("solutions", name))
    for cell in _test_cells(name):
        calls = [node for node in ast.walk(ast.parse(cell.source)) if isinstance(node, ast.Call)]
        called = {node.func.id for node in calls if isinstance(node.func, ast.Name)}
        functions = {task for task, source in tasks.items() if source.startswith("def ")}
        assert not called & functions


def test_a_visible_test_does_not_print_a_line_of_the_solution(name):
    """Nor does the text: what a hint or a formula may say is no line of code that is asked for."""
    released = read("assignments", name)
    shown = "".join("".join(cell.source.split()) for cell in released.cells)
    for task, source in sources(read("solutions", name)).items():
        inside = source.partition("BEGIN SOLUTION")[2].partition("### END SOLUTION")[0]
        lines = [line.partition("#")[0].strip() for line in inside.splitlines()[1:]]
        for line in lines:
            if len(line) > 30:
                assert "".join(line.split()) not in shown, (task, line)


def _words_of_checks(name: str, kind: str) -> list[str]:
    """Return the names and hints of a set's checks, from the sources of its test cells."""
    found = []
    for grade_id, cell in graded_cells(read("solutions", name)).items():
        if not (grade_id.startswith("test_") and grade_id.endswith(kind)):
            continue
        tree = ast.parse(cell.source)
        named = {
            target.id: node.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        for call in ast.walk(tree):
            if isinstance(call, ast.Call) and ast.unparse(call.func) == "check":
                for part in [*call.args[1:], *(word.value for word in call.keywords)]:
                    value = named.get(part.id, part) if isinstance(part, ast.Name) else part
                    texts = [n.value for n in ast.walk(value) if isinstance(n, ast.Constant)]
                    found += [text for text in texts if isinstance(text, str)]
    return found


def test_a_hidden_check_names_a_property_and_no_number_and_no_code(name):
    texts = _words_of_checks(name, "_hidden")
    assert len(texts) > 10
    for text in texts:
        assert not re.search(r"(?<![A-Za-z\d])\d", text), text  # W1 and uint8 are names
        for code in re.findall(r"`([^`]+)`", text):
            assert not re.search(r"\w\(|\bnp\.|[^-+*/<>!= ]=|\w\[\w+\]", code), text
        for word in ("axis=", "keepdims", "ndindex", "default_rng", "argmax"):
            assert word not in text, text


def test_where_to_look_names_sections_that_lectures_have(name):
    cells = [cell.source for path in LECTURES for cell in committed(path).cells]
    titles = {title for text in cells for title in re.findall(r"^#+ (.+)$", text, re.MULTILINE)}
    for cell in read("assignments", name).cells:
        _, _, pointer = cell.source.partition("**Where to look:**")
        for title in re.findall(r'"([^"]+)"', pointer):
            assert " ".join(title.split()) in titles


def test_solutions_are_kept_without_outputs_and_with_readable_cell_ids(name):
    for cell in read("solutions", name).cells:
        assert re.fullmatch(r"[a-z][a-z0-9-]*", cell.id)
        assert not cell.get("outputs")
        assert not cell.get("execution_count")


def test_release_holds_no_solution_and_no_hidden_test(name):
    release, solution = read("assignments", name), graded_cells(read("solutions", name))
    text = "\n".join(cell.source for cell in release.cells)
    assert "SOLUTION" not in text
    assert "HIDDEN TESTS" not in text
    for grade_id, cell in graded_cells(release).items():
        if grade_id.endswith("_hidden"):
            assert all(line.startswith("#") for line in cell.source.splitlines())
        elif cell.metadata.nbgrader.solution:
            expected = "raise NotImplementedError()" if cell.cell_type == "code" else "YOUR ANSWER"
            assert expected in cell.source
            assert cell.source != solution[grade_id].source


def test_run_all_on_the_release_says_calmly_what_is_to_be_done(name):
    notebook = execute(read("assignments", name))
    assert stderr(notebook) == []
    for task in sources(notebook):
        text = graded_cells(notebook)[f"test_{task}_visible"].outputs[0].data["text/plain"]
        assert f"Task {task} is not written yet" in text
        assert len(text.splitlines()) == 1


def test_release_scores_nothing(name):
    notebook = execute(submission(name, sources(read("assignments", name))))
    assert stderr(notebook) == []
    assert {points for points, _ in _automatic(scores(notebook)).values()} == {0}


def test_solution_scores_everything(name):
    notebook = execute(read("solutions", name))
    assert stderr(notebook) == []
    for points, most in _automatic(scores(notebook)).values():
        assert points == most


def test_each_function_has_ten_wrong_and_four_right_ways(name):
    assert TABLES[name].wrong, f"write tests/problem_sets/{name}.py"
    tasks = set(sources(read("solutions", name)))
    for table, least in ((TABLES[name].wrong, 10), (TABLES[name].right, 4)):
        assert set(table) == tasks
        for cases in table.values():
            assert len({case.source for case in cases}) == len(cases) >= least


@pytest.mark.parametrize(("name", "task", "case"), _cases("wrong"))
def test_wrong_work_loses_points_on_the_right_check(name, task, case):
    notebook = graded_here(name, task, case)
    states = {}
    for grade_id in cells_of(task):
        cell = graded_cells(notebook)[grade_id]
        assert [o.output_type for o in cell.outputs if o.get("name") != "stdout"] == [
            "display_data",
            "execute_result",
        ]
        states |= check_states(notebook, grade_id)
    assert states[case.revealed_by] == "failed"
    result = scores(notebook)
    assert any(result[grade_id][0] < result[grade_id][1] for grade_id in cells_of(task))


@pytest.mark.parametrize(("name", "task", "case"), _cases("wrong"))
def test_hidden_checks_show_no_numbers(name, task, case):
    notebook = graded_here(name, task, case)
    cell = graded_cells(notebook)[f"test_{task}_hidden"]
    assert not any(output.output_type == "stream" for output in cell.outputs)
    assert checks.MIME in cell.outputs[0].data
    tells_no_number(cell)


@pytest.mark.parametrize(("name", "task", "case"), _cases("right"))
def test_right_work_gets_every_point(name, task, case):
    notebook = graded_here(name, task, case)
    for grade_id in cells_of(task):
        states = check_states(notebook, grade_id)
        assert set(states.values()) == {"passed"}, states
        points, most = scores(notebook)[grade_id]
        assert points == most


# Plain nbgrader, by its own commands ------------------------------------------------------------


@pytest.fixture(scope="module")
def course(tmp_path_factory) -> PlainCourse:
    """A course where every problem set was handed in right, and with one wrong answer; graded."""
    course = PlainCourse(tmp_path_factory.mktemp("plain") / "a course 講義")
    shutil.copytree(ROOT / "assignments", course.folder / "assignments")
    with CourseGradebook(find_course(course.folder)) as book:
        for name in NAMES:
            book.take_in(name)
    for name in NAMES:
        task, cases = next(iter(TABLES[name].wrong.items()))
        course.submit(name, "right", sources(read("solutions", name)))
        course.submit(name, "wrong", {task: cases[0].source})
        course.nbgrader("autograde", name)
    return course


@pytest.mark.slow
def test_plain_nbgrader_gives_nothing_for_what_was_left_as_released(name, course):
    notebook = course.autograded(name, "wrong")
    assert stderr(notebook) == []
    written = cells_of(next(iter(TABLES[name].wrong)))
    left = {i: points for i, (points, _) in scores(notebook).items() if i not in written}
    assert set(left.values()) <= {0}  # a set of one task has nothing left


@pytest.mark.slow
def test_plain_nbgrader_gives_the_solution_everything(name, course):
    notebook = course.autograded(name, "right")
    assert stderr(notebook) == []
    for points, most in _automatic(scores(notebook)).values():
        assert points == most


@pytest.mark.slow
def test_plain_nbgrader_agrees_with_the_run_in_this_process(name, course):
    graded = course.autograded(name, "wrong")
    task, cases = next(iter(TABLES[name].wrong.items()))
    blank = sources(read("assignments", name)) | {task: cases[0].source}
    here = execute(submission(name, blank))
    assert _automatic(scores(graded)) == _automatic(scores(here))
    for grade_id in cells_of(task):
        assert check_states(graded, grade_id) == check_states(here, grade_id) != {}


@pytest.mark.slow
def test_validate_is_content_with_a_solution_and_with_no_release(course):
    paths = (f"{folder}/{NAMES[0]}/{NAMES[0]}.ipynb" for folder in ("solutions", "assignments"))
    said = course.nbgrader("validate", *paths)
    assert said.count("Success!") == said.count("VALIDATION FAILED") == 1
    assert said.index("Success!") < said.index("VALIDATION FAILED")


@pytest.mark.slow
def test_written_answers_wait_for_a_person(name, course):
    cells = graded_cells(read("solutions", name)).items()
    by_hand = {i for i, cell in cells if is_grade(cell) and cell.cell_type == "markdown"}
    answered = course.autograded(name, "right")
    for grade_id, cell in graded_cells(answered).items():
        if grade_id in by_hand:
            assert cell.source == "YOUR ANSWER HERE"
            cell.source = "An answer."
    waiting = {grade_id for grade_id, (points, _) in scores(answered).items() if points is None}
    assert waiting == by_hand
