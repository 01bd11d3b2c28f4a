"""What a lecturer has to know before class: whether the real images are on this machine."""

import pytest

from utils.commands.doctor import conclusion


@pytest.mark.parametrize("amiss", [0, 1])
@pytest.mark.parametrize("sandboxes", [[], ["namespaces"]])
def test_the_last_line_says_whether_mnist_is_here(amiss, sandboxes):
    def last(mnist: bool) -> str:
        return conclusion(amiss, sandboxes, mnist).splitlines()[-1]

    assert last(True) == "MNIST is present."
    assert last(False).startswith("MNIST is not here: ")
