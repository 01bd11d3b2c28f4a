"""What a person is told of a submission, and what a hidden test keeps back."""

import pytest

from utils.grading.judge import hidden_test_policy
from utils.grading.judge.notes import MAX_JUDGE_LIMITS, MAX_NOTE, MAX_NOTES, Notes
from utils.grading.remote.judge_limits import NOT_THEIR_FAULT

MISSING = "name 'helper' is not defined"


def test_a_note_stands_once_and_is_short_and_few():
    notes = Notes()
    for number in [1, 1, *range(1, 100)]:
        notes.note(f"{number}\x1b[31m" + "x" * 2000)
    assert len(notes.notes) == len(set(notes.notes)) == MAX_NOTES
    assert max(map(len, notes.notes)) <= MAX_NOTE
    assert not any("\x1b" in note for note in notes.notes)
    assert not notes.stopped
    notes.stop("late")
    assert notes.stopped


@pytest.mark.parametrize(
    ("hidden", "kept"),
    [
        (False, [f"no {NOT_THEIR_FAULT}", f"no files: {NOT_THEIR_FAULT}"]),
        (True, [hidden_test_policy.JUDGE_LIMIT]),
    ],
)
def test_limits_of_the_judge_say_whose_fault_they_are(hidden, kept):
    notes = Notes(hidden=hidden)
    for text in (f"no {NOT_THEIR_FAULT}", "no files", "no files"):
        notes.note_judge_limit(text)
    assert notes.judge_limits_met == kept
    for number in range(100):
        notes.note_judge_limit(str(number))
    assert len(notes.judge_limits_met) == (1 if hidden else MAX_JUDGE_LIMITS)


def test_a_name_that_only_a_test_binds_is_explained():
    notes = Notes(bound_by_tests={"helper": "test_1"})
    assert "`helper` is bound by the cell `test_1`" in notes.name_missing(MISSING)
    assert len(notes.judge_limits_met) == 1
    assert notes.name_missing("name 'other' is not defined") == notes.name_missing("?") == ""
    notes.hidden = True
    assert notes.name_missing(MISSING) == ""
    assert (notes.as_note("why"), Notes().as_note("why")) == (hidden_test_policy.NOTE, "why")
