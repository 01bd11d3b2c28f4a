"""`weights`: train the network of the inference lectures and write its weights.

Existing weights are replaced only if you agree, with `--yes` or when asked: numbers in the lectures
depend on them.
"""

from __future__ import annotations

from utils.commands import agreed, new_parser
from utils.mnist import data_source
from utils.weights import train_weights, weights_file


def main(argv: list[str]) -> int:
    """Train on MNIST or its stand-in; return 0, or 1 if nothing was written."""
    parser = new_parser("weights", __doc__ or "")
    parser.add_argument("--yes", action="store_true", help="replace existing weights, do not ask")
    given, unknown = parser.parse_known_args(argv)
    if unknown:
        print("weights takes no arguments but --yes; set MNIST_DIR to choose the data")
        return 2
    source = data_source()
    path = weights_file(source)

    def agrees(reached: float) -> bool:
        question = f"The new weights reach {reached:.4f}. {path} exists: replace it?"
        return not path.exists() or agreed(question, given.yes)

    print(f"training 784-50-100-10 on {source}")
    try:
        reached = train_weights(agrees=agrees)
    except RuntimeError as error:
        print(error)
        return 1
    print(f"test accuracy {reached:.4f}, written to {path}")
    return 0
