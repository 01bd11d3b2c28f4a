"""The committed numbers of PyTorch are right, and are made again where PyTorch is installed."""

import sys

import numpy as np
import pytest

from utils import pytorch_gradients
from utils.expressions import read_expression, read_numbers
from utils.gradients import numerical_gradient
from utils.pytorch_gradients import EXPRESSIONS, compute, load, main


def test_the_committed_file_has_the_expressions_of_the_script():
    results = load()["results"]
    assert {text: result["numbers"] for text, result in results.items()} == EXPRESSIONS


@pytest.mark.parametrize("text", EXPRESSIONS)
def test_central_differences_agree_with_pytorch(text):
    result = load()["results"][text]
    given = read_numbers(result["numbers"])

    def f(v):
        names = dict(zip(given, v, strict=True))
        return read_expression(text, names, {"exp": np.exp, "log": np.log}, float)

    at = np.array(list(given.values()))
    assert f(at) == pytest.approx(result["value"], rel=1e-12)
    slow = numerical_gradient(f, at)
    fast = [result["gradients"][name] for name in given]
    np.testing.assert_allclose(fast, slow, rtol=1e-6)


def test_pytorch_gives_the_committed_numbers_again():
    pytest.importorskip("torch")
    made, committed = compute()["results"], load()["results"]
    for text, result in committed.items():
        assert made[text]["value"] == pytest.approx(result["value"], rel=1e-14)
        assert made[text]["gradients"] == pytest.approx(result["gradients"], rel=1e-14)


def test_without_pytorch_the_script_says_so_and_writes_nothing(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(pytorch_gradients, "FILE", tmp_path / "numbers.json")
    monkeypatch.setitem(sys.modules, "torch", None)
    assert main() == 1
    assert "PyTorch is not installed" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
