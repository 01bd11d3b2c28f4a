"""What lecture 05 says in words and no cell of it asserts."""

import re

import numpy as np
import pytest

from tests.lectures.notebooks import ROOT, answers, committed, numbers, said
from utils.functions import cross_entropy_error, softmax, sum_squared_error

LECTURE = committed(ROOT / "lectures" / "05_loss_functions.ipynb")
CELLS = {cell.id: cell for cell in LECTURE.cells}
TIMES = {"nearly six": 6, "six": 6, "nine": 9, "fifty": 50, "ninth": 9}


@pytest.mark.parametrize("classes", [2, 3, 10, 100])
def test_squared_error_is_steepest_at_a_third_and_flat_at_both_ends(classes):
    def slope(p, h=1e-5):
        a = np.log(np.append(p, np.full(classes - 1, (1 - p) / (classes - 1))))
        t = np.eye(classes)[0]
        up, down = (sum_squared_error(softmax(a + d * t), t) for d in (h, -h))
        return (up - down) / (2 * h)

    ps = np.arange(1, 300) / 300
    slopes = np.array([slope(p) for p in ps])
    assert ps[slopes.argmin()] == pytest.approx(1 / 3)
    assert slopes == pytest.approx(-classes / (classes - 1) * ps * (1 - ps) ** 2, abs=1e-8)


def test_at_one_in_a_hundred_squared_error_is_fifty_times_flatter():
    (times,) = said("05", r"squared error is (\w+) times flatter")
    (p,) = numbers("05", r"the slope at \$p = ([\d.]+)\$")
    assert (1 - p) / (2 * p * (1 - p) ** 2) == pytest.approx(TIMES[times], rel=0.02)


def test_squared_error_takes_six_times_as_many_steps():
    entropy, squared = re.findall(r"in (\d+) steps", CELLS["teach-steps"].outputs[0].text)
    (times,) = said("05", r"squared error takes (\w+) times as many steps")
    assert round(int(squared) / int(entropy)) == TIMES[times]


def test_cross_entropy_learns_most_from_the_worst_image():
    """The slope in the true score is p - 1, so its size is largest where p is smallest."""
    p = np.array([1e-6, 0.01, 0.5, 0.999])
    assert np.argmax(np.abs(p - 1)) == 0


def test_how_much_worse_the_network_is_on_the_test_set():
    text = CELLS["sets-code"].outputs[0].text
    found = re.findall(r"([\d.]+)% wrong, loss ([\d.]+)", text)
    (train_rate, train_loss), (test_rate, test_loss) = [tuple(map(float, pair)) for pair in found]
    mistakes, loss = said("05", r"it makes (\w+) times as many mistakes, and its loss is ([\w ]+) ")
    assert round(test_rate / train_rate) == TIMES[mistakes]
    assert TIMES[loss.removesuffix(" times as")] == round(test_loss / train_loss)
    (share,) = said("05", r"a (\w+) of the true error rate")
    assert TIMES[share] == TIMES[mistakes]


def test_a_bit_is_0_693_nats():
    (nats,) = numbers("05", r"a bit is ([\d.]+) nats")
    assert np.log(2) == pytest.approx(nats, abs=5e-4)


def test_a_loss_of_0_69_is_guessing_between_two_and_better_than_that_among_ten():
    (loss,) = numbers("05", r"(0\.\d+) is pure guessing between two classes")
    assert cross_entropy_error(np.full(2, 1 / 2), 0) == pytest.approx(loss, abs=0.005)
    assert np.log(10) > 3 * loss


def test_the_three_wrong_means_are_wrong_by_what_the_text_says():
    y = np.array([[0.7, 0.2, 0.1], [0.6, 0.3, 0.1], [0.0, 0.1, 0.9]])
    log_y, one_hot = np.log(y + 1e-7), np.eye(3)
    loss = cross_entropy_error(y, one_hot)
    assert -np.sum(one_hot * log_y) == pytest.approx(3 * loss, rel=1e-5)
    assert -np.mean(one_hot * log_y) == pytest.approx(loss / 3, rel=1e-5)
    assert log_y[:, [0, 1, 2]].shape == (3, 3)
    guess, sure = np.log(np.full((3, 3), 1 / 3)), np.log(one_hot + 1e-7)
    assert -np.sum(one_hot * guess) != pytest.approx(np.log(3))
    assert -np.mean(one_hot * guess) != pytest.approx(np.log(3))
    assert -np.mean(guess[:, [0, 1, 2]]) == pytest.approx(np.log(3)), "the one that it misses"
    assert -np.mean(sure[:, [0, 1, 2]]) > 1


def test_one_line_alone_has_the_symptoms_of_the_diagnosis():
    source = CELLS["check-diagnosis"].source
    lines = set(re.findall(r'"`(-np\.\w+\(.*?\))`"', source))
    assert len(lines) == 4
    rng = np.random.default_rng(0)
    t = rng.integers(10, size=100)
    y = softmax(12 * np.eye(10)[np.where(rng.random(100) < 0.96, t, (t + 1) % 10)])

    def has_the_symptoms(line: str) -> bool:
        def loss(y, t):
            names = {"np": np, "log_y": np.log(y), "t": t, "one_hot": np.eye(10)[t], "N": len(t)}
            return eval(line, names)

        before = [loss(np.full((n, 10), 0.1), t[:n]) for n in (10, 100)]
        return np.allclose(before, 2.30, atol=0.005) and loss(y, t) > 5

    right = answers(LECTURE)["check-diagnosis"]
    assert [line for line in lines if has_the_symptoms(line)] == [right]


def test_a_squared_error_is_at_most_1_for_one_image():
    assert sum_squared_error(np.eye(10)[7], np.eye(10)[2]) == 1
    shares = np.random.default_rng(0).dirichlet(np.full(10, 0.1), 1000)
    assert all(sum_squared_error(y, np.eye(10)[2]) <= 1 for y in shares)


def test_drawing_from_all_images_leaves_out_37_percent():
    (percent,) = numbers("05", r"([\d.]+) % of the images not seen")
    drawn = np.random.default_rng(0).integers(60_000, size=60_000)  # an epoch of `rng.choice`
    assert round(100 * (1 - len(np.unique(drawn)) / 60_000)) == percent


def test_nine_measurements_are_worse_than_raw_pixels_and_hog_is_better():
    output = CELLS["predict-features"].outputs[0].data["text/html"]
    pattern = (
        r"measurements \(([\d.]+)\).*pixels \(([\d.]+)\).*reaches ([\d.]+), .*reach ([\d.]+)\."
    )
    nine, raw, hog, learned = map(float, re.search(pattern, output).groups())
    assert nine < raw < hog
    assert hog == pytest.approx(learned, abs=0.01), "the text says that learned is not better"
