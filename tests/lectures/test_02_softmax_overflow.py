"""What lecture 02 claims and no cell of it asserts."""

import re

import numpy as np
import pytest

from tests.lectures.notebooks import ROOT, answers, committed, numbers, said
from utils.functions import cross_entropy_error, sigmoid, softmax
from utils.mnist import load_mnist
from utils.weights import load_weights

LECTURE = committed(ROOT / "lectures" / "02_softmax_overflow.ipynb")
CELLS = {cell.id: cell for cell in LECTURE.cells}
ANSWERS = answers(LECTURE)


@pytest.fixture(scope="module")
def network(mnist_dir):
    """Scores of the course's network and labels of the test images of MNIST."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MNIST_DIR", str(mnist_dir))
        _, (x, t) = load_mnist()
    net = load_weights("MNIST")
    z = sigmoid(sigmoid(x @ net["W1"] + net["b1"]) @ net["W2"] + net["b2"])
    return z @ net["W3"] + net["b3"], t


def test_the_checks_have_the_answers_that_numpy_gives():
    assert ANSWERS["check-sum"] == "no, whatever the scores were"
    assert sum([0.3, 0.28, 0.32]) == pytest.approx(0.9)
    with np.errstate(over="ignore"):
        exp_a = np.exp(np.full(3, 88, np.float32))
        assert np.isfinite(exp_a).all()
        assert float(ANSWERS["check-sum-overflow"]) == (exp_a / exp_a.sum())[0]


def test_one_line_alone_has_the_symptoms_of_the_diagnosis():
    source = CELLS["check-diagnosis"].source
    lines = re.findall(r'"`y = (e / e\.sum\(.*?\))`"', source)
    assert len(lines) == len(set(lines)) == 4

    def has_the_symptoms(line: str) -> bool:
        one, many = (np.exp(np.random.default_rng(0).normal(size=(n, 10))) for n in (1, 100))
        try:
            alone, y = eval(line, {"e": one}), eval(line, {"e": many})
        except ValueError:
            return False
        return (
            np.allclose(alone, one / one.sum())
            and np.array_equal(y.argmax(axis=1), many.argmax(axis=1))
            and np.isclose(y.sum(axis=1).mean(), 0.01)
        )

    assert [f"y = {line}" for line in lines if has_the_symptoms(line)] == [
        ANSWERS["check-diagnosis"]
    ]


def test_bfloat16_has_the_limit_of_float32():
    largest = (2 - 2.0**-7) * 2.0**127  # eight bits of exponent like float32, seven of fraction
    assert np.log(largest) == pytest.approx(np.log(np.float64(np.finfo(np.float32).max)), abs=0.005)


def test_batches_of_one_image_cure_one_mistake_and_turn_the_other_into_ones(network):
    scores, _ = network
    e = np.exp(scores.astype(float)).reshape(-1, 1, 10)  # the "Try" with a batch size of 1
    assert np.allclose((e / e.sum(axis=(1, 2), keepdims=True))[:, 0], softmax(scores), atol=1e-6)
    assert np.all(e / e.sum(axis=1, keepdims=True) == 1)


def test_the_network_says_0_967_and_is_right_in_0_887(network):
    scores, t = network
    y = softmax(scores)
    group = (y.max(axis=1) >= 0.95) & (y.max(axis=1) < 0.98)
    right = np.mean(y.argmax(axis=1)[group] == t[group])
    says, is_right = numbers("02", r"\| says ([\d.]+), right in ([\d.]+) of cases \|")
    assert round(right, 2) == is_right
    assert round(y.max(axis=1)[group].mean(), 2) == says
    error = np.sqrt(right * (1 - right) / group.sum())
    (times,) = said("02", r"The gap is (\w+) times that")
    assert round((y.max(axis=1)[group].mean() - right) / error) == {"four": 4}[times]
    odds = numbers("02", r"about (\d+) to 1; the counted share of ([\d.]+) makes them about (\d+)")
    assert round(0.97 / 0.03) == odds[0]
    assert round(right, 3) == odds[1]
    assert round(right / (1 - right)) == odds[2]


def test_the_temperature_cures_on_images_that_had_no_part_in_its_choice(network):
    scores, t = network
    grid = np.linspace(0.5, 3, 51)
    even, odd = scores[::2], scores[1::2]
    best = grid[np.argmin([cross_entropy_error(softmax(even / T), t[::2]) for T in grid])]
    assert best == pytest.approx(1.35)
    after = cross_entropy_error(softmax(odd / best), t[1::2])
    assert after < 0.95 * cross_entropy_error(softmax(odd), t[1::2])


def test_softmax_itself_is_left_to_the_problem_set():
    code = "\n".join(cell.source for cell in LECTURE.cells if cell.cell_type == "code")
    functions = re.findall(r"(?m)^def (\w+)\(.*\):\n((?:[ ]{4}.*\n|\n)+)", code + "\n")
    assert {"shifted_softmax", "batch_log_softmax"} <= {name for name, _ in functions}
    far_apart = np.array([[1000.0, 999.0], [0.0, 1.0]])
    for name, body in functions:
        if "softmax" in name or "maximum" in name:
            names = {"np": np}
            exec(f"def {name}(a):\n{body}", names)
            with np.errstate(all="ignore"):
                assert not np.allclose(names[name](far_apart), softmax(far_apart)), name
