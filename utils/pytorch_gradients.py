"""Gradients of a few expressions as PyTorch's automatic differentiation computes them.

The numbers are committed in `data/pytorch_gradients.json`, so that lecture 10 can compare its own
engine with them on a machine without PyTorch. To make them again, install PyTorch and run

    python3 -m utils.pytorch_gradients

The expressions go through `read_expression`, for PyTorch's tensors as for the engine of the
lecture, so both compute the same operations in the same order.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from utils.expressions import read_expression, read_numbers
from utils.system import atomic_write

FILE = Path(__file__).resolve().parent / "data" / "pytorch_gradients.json"

EXPRESSIONS = {
    "x * x": "x = 3",
    "(x + w) * exp(x * w)": "x = 0.5, w = -2",
    "x1*w1 + x2*w2 + x3*w3 + b": (
        "x1 = 122, x2 = 66, x3 = 94, w1 = 0.1, w2 = 0.2, w3 = 0.3, b = 0.5"
    ),
    "log(exp(a) + exp(b) + exp(c)) - a": "a = 0, b = 0.1, c = 5.3",
}


def load() -> dict[str, Any]:
    """Return the committed numbers: the version of PyTorch and, by expression, its results.

    A result has `numbers` (text, see `read_numbers`), `value`, and `gradients` by name.
    """
    return json.loads(FILE.read_text(encoding="utf-8"))


def compute() -> dict[str, Any]:
    """Return the numbers of `load`, computed now.

    Raises:
        ImportError: PyTorch is not installed.
    """
    import torch  # nothing else in the course needs it

    def constant(number: float) -> torch.Tensor:
        return torch.tensor(number, dtype=torch.float64)

    results = {}
    for expression, numbers in EXPRESSIONS.items():
        tensors = {
            name: constant(number).requires_grad_()
            for name, number in read_numbers(numbers).items()
        }
        functions = {"exp": torch.exp, "log": torch.log}
        result = read_expression(expression, tensors, functions, constant)
        result.backward()
        results[expression] = {
            "numbers": numbers,
            "value": result.item(),
            "gradients": {name: tensor.grad.item() for name, tensor in tensors.items()},
        }
    return {"version": torch.__version__.partition("+")[0], "results": results}


def main() -> int:
    """Write the file; return an exit status."""
    try:
        made = compute()
    except ImportError:
        print(
            "PyTorch is not installed, so the numbers stay as they are. Install torch to make "
            "them again.",
            file=sys.stderr,
        )
        return 1
    atomic_write(FILE, json.dumps(made, indent=1) + "\n")
    print(f"PyTorch {made['version']}: {len(made['results'])} expressions in {FILE.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
