"""`weights`: train the network of the inference lectures and write its weights."""

from __future__ import annotations

from utils.mnist import data_source
from utils.weights import train_weights, weights_file


def main(argv: list[str]) -> int:
    """Train on the data that is here; return 0, or 1 when the goal was missed."""
    if argv:
        print("weights takes no arguments; set MNIST_DIR to choose the data")
        return 2
    source = data_source()
    print(f"training 784-50-100-10 on {source}")
    try:
        reached = train_weights()
    except RuntimeError as error:
        print(error)
        return 1
    print(f"test accuracy {reached:.4f}, written to {weights_file(source)}")
    return 0
