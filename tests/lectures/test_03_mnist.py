"""What lecture 03 says in words and no cell of it asserts."""

from functools import cached_property

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.lectures.notebooks import numbers, said
from utils import mnist


class Bytes:
    """Either data set as the lecture loads it with normalize=False."""

    def __init__(self) -> None:
        (self.x_train, self.t_train), (self.x_test, self.t_test) = mnist.load_mnist(False)

    def answers(self, squares, scale=1) -> NDArray[np.int64]:
        """What the reader of the first screen says, with `squares(known, image)`."""
        known, images = self.x_train[:2000] * scale, self.x_test[:500] * scale
        nearest = [squares(known, x).sum(axis=1).argmin() for x in images]
        return self.t_train[nearest]

    @cached_property
    def answers_in_bytes(self) -> NDArray[np.int64]:
        return self.answers(lambda known, x: (known - x) ** 2)

    def right(self, answers: NDArray[np.int64]) -> float:
        return np.mean(answers == self.t_test[:500])


@pytest.fixture(scope="module", params=["MNIST", "stand-in"])
def data(request) -> Bytes:
    folder = request.getfixturevalue("mnist_dir") if request.param == "MNIST" else "digits"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MNIST_DIR", str(folder))
        data = Bytes()
        assert mnist.data_source() == ("MNIST" if request.param == "MNIST" else "digits")
    data.is_mnist = request.param == "MNIST"
    return data


@pytest.mark.slow
def test_of_the_two_readers_one_reads_most_digits_and_the_other_gets_most_wrong(data):
    in_floats = data.answers(lambda known, x: (known - x) ** 2, scale=np.float32(1 / 255))
    assert data.right(in_floats) > 0.8
    assert data.right(data.answers_in_bytes) < 0.5


@pytest.mark.slow
def test_abs_is_no_cure_for_bytes_and_a_late_cast_only_half_of_one(data):
    plain = data.answers_in_bytes
    with_abs = data.answers(lambda known, x: np.abs(known - x) ** 2)
    late = data.answers(lambda known, x: (known - x).astype(np.int32) ** 2)
    assert np.array_equal(with_abs, plain)
    assert data.right(plain) < data.right(late) < 0.8


@pytest.mark.slow
def test_the_reader_of_bytes_adds_up_greys_and_says_the_digit_that_has_fewest(data):
    said = np.bincount(data.answers_in_bytes, minlength=10)
    assert said.max() > 3 * np.sort(said)[-2]
    grey = (data.x_train > 0) & (data.x_train < 255)
    greys = [grey[data.t_train == k].mean() for k in range(10)]
    assert said.argmax() == np.argmin(greys) == 1
    known, total, from_greys = data.x_train[:2000], 0, 0
    middle = (known >= 16) & (known < 240)
    for x in data.x_test[:20]:
        squares = ((known - x) ** 2).astype(int)
        total += squares.sum()
        from_greys += squares[middle | ((x >= 16) & (x < 240))].sum()
    assert from_greys > 0.8 * total


def test_the_classes_are_of_about_the_same_size(data):
    for t in (data.t_train, data.t_test):
        assert np.all(np.abs(np.bincount(t) / len(t) - 0.1) < 0.015)


def test_the_averages_of_four_and_nine_are_closest_and_five_is_taken_for_three(data):
    if not data.is_mnist:
        pytest.skip("the lecture says this of MNIST")
    averages = np.stack([data.x_train[data.t_train == k].mean(axis=0) for k in range(10)])
    apart = np.sum((averages[:, np.newaxis] - averages) ** 2, axis=-1)
    np.fill_diagonal(apart, np.inf)
    assert np.unravel_index(apart.argmin(), apart.shape) == (4, 9)
    sums = data.x_test @ averages.T - np.sum(averages**2, axis=1) / 2
    nearest = sums.argmax(axis=1)
    counts = np.zeros((10, 10), int)
    np.add.at(counts, (data.t_test, nearest), data.t_test != nearest)
    assert np.unravel_index(counts.argmax(), counts.shape) == (5, 3)
    assert numbers("03", r"On MNIST ([\d.]+) % are right") == [
        round(100 * np.mean(nearest == data.t_test), 2)
    ]


def test_one_mnist_image_in_ten_lacks_full_white_and_none_of_the_stand_in(data):
    lacking = np.mean(data.x_test.max(axis=1) < 255)
    assert lacking == pytest.approx(0.1, abs=0.005) if data.is_mnist else lacking == 0


def test_most_bytes_are_black(data):
    counts = np.bincount(data.x_train.reshape(-1))
    assert counts[0] > 0.5 * counts.sum()
    assert counts.sum() == pytest.approx(47e6, rel=0.01), "47 million pixels"


def test_numpy_warns_of_a_single_byte_and_not_of_an_array():
    pattern = r"arithmetic on bytes \| (\d+) - (\d+) = (\d+), no warning"
    one, other, difference = map(np.uint8, map(int, said("03", pattern)))
    with pytest.warns(RuntimeWarning, match="overflow"):
        assert one - other == difference
    assert (np.array([one]) - np.array([other]))[0] == difference  # warnings are errors here


def test_sum_and_mean_of_bytes_are_safe():
    safe = said("03", r"`(\w+)` and `(\w+)` are safe")
    unsafe = said("03", r"; `(\S+)`, `(\S+)`, `(\S+)` and `(\S+)` are not")
    white, two = np.full(784, 255, np.uint8), np.full(784, 2, np.uint8)
    assert [getattr(white, name)() for name in sorted(safe)] == [255, 784 * 255]
    for sign in unsafe:
        names = {"a": two, "b": white} if sign == "-" else {"a": white, "b": two}
        exact = eval(f"a {sign} b", {key: value.astype(int) for key, value in names.items()})
        assert not np.any(eval(f"a {sign} b", names) == exact), sign


def test_a_download_is_what_the_lecture_says(mnist_dir):
    assert len(mnist.MIRRORS) == 2
    assert mnist.KNOCK == 4, "four seconds"
    packed = [path.stat().st_size for path in mnist_dir.iterdir() if path.suffix == ".gz"]
    if len(packed) == 4:
        assert sum(packed) == pytest.approx(11e6, rel=0.05), "11 MB"


def test_each_call_of_the_loader_returns_new_arrays(monkeypatch):
    monkeypatch.setenv("MNIST_DIR", "digits")
    first, second = mnist.load_mnist(False)[1][0], mnist.load_mnist(False)[1][0]
    assert not np.shares_memory(first, second)
