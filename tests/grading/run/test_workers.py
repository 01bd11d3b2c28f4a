"""Tasks of several submissions: nobody is lost, waits behind a slow one, falls with a bad one."""

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from utils.grading.course.settings import CourseError
from utils.grading.judge import grade_notebook
from utils.grading.notebook.result import GradingResult
from utils.grading.run import worker
from utils.grading.run.worker import Failure, Graded, RunConfig, Submission
from utils.grading.sandbox.config import Limits

CONFIG = RunConfig([], Limits())
SUBMISSIONS = [Submission(f"student{number:02}", "", b"") for number in range(30)]


class KilledWorker(Exception):
    """Named as Dask's own: a task's workers died several times."""


@dataclass
class Future:
    """A task that is done."""

    key: int
    value: list[Graded] | None = None
    error: Exception | None = None

    @property
    def status(self) -> str:
        return "error" if self.error else "finished"

    def result(self) -> list[Graded]:
        return self.value

    def exception(self) -> Exception | None:
        return self.error

    def add_done_callback(self, call: Any) -> None:
        call(self)

    def release(self) -> None:
        pass

    cancel = release


@dataclass
class Client:
    """Two workers that do at once what they are asked, and remember how much that was."""

    lots: list[int] = field(default_factory=list)

    def nthreads(self) -> dict[str, int]:
        return {"one": 1, "two": 1}

    def submit(self, work: Any, config: RunConfig, lot: list[Submission], **_: Any) -> Future:
        self.lots.append(len(lot))
        try:
            return Future(len(self.lots), work(config, lot))
        except Exception as error:
            return Future(len(self.lots), error=error)


def run(client: Client, monkeypatch, grade: Any) -> dict[str, Graded | Failure]:
    """Return what became of everyone's submission when one is graded like this."""
    monkeypatch.setattr(worker, "grade_submission", grade)
    found = [
        one
        for batch in worker.results_from(CONFIG, iter(SUBMISSIONS), len(SUBMISSIONS), client)
        for one in batch
    ]
    assert sorted(one.student for one in found) == [
        submission.student for submission in SUBMISSIONS
    ]
    return {one.student: one for one in found}


def right(config: RunConfig, submission: Submission) -> Graded:
    return Graded(submission.student, b"", [], GradingResult())


def test_everyone_comes_back_once_from_tasks_that_grow_small_at_the_end(monkeypatch):
    client = Client()
    run(client, monkeypatch, right)
    assert max(client.lots) > 4
    assert client.lots[-1] == 1
    assert sum(client.lots) == len(SUBMISSIONS)


def test_what_a_slow_task_has_not_begun_goes_to_others(monkeypatch):
    clock = SimpleNamespace(now=0.0)

    def slow(config: RunConfig, submission: Submission) -> Graded:
        clock.now += 20 if submission.student == "student02" else 0.01
        return right(config, submission)

    monkeypatch.setattr(worker.time, "monotonic", lambda: clock.now)
    client = Client()
    results = run(client, monkeypatch, slow)
    assert all(isinstance(one, Graded) for one in results.values())
    assert sum(client.lots) > len(SUBMISSIONS)


def test_a_submission_that_kills_its_worker_is_found_among_its_neighbours(monkeypatch):
    def deadly(config: RunConfig, submission: Submission) -> Graded:
        if submission.student == "student02":
            raise KilledWorker
        return right(config, submission)

    results = run(Client(), monkeypatch, deadly)
    failed = {name: one.why for name, one in results.items() if isinstance(one, Failure)}
    assert failed == {
        "student02": "its worker died again and again; is the machine short of memory?"
    }


def test_a_machine_without_a_sandbox_ends_the_run(monkeypatch):
    def refused(config: RunConfig, submission: Submission) -> Graded:
        raise grade_notebook.NotSandboxed("there is no sandbox")

    with pytest.raises(CourseError, match="there is no sandbox"):
        run(Client(), monkeypatch, refused)
