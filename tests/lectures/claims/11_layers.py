"""What lecture 11 says, tried out in its own kernel; tests append it cell by cell."""

# %% every-fault
everything = [f"{kind}{i}" for i in (1, 2, 3, 4) for kind in "Wb"]


def must_reject(fault, number, images):
    if fault in ("nothing", "overwrite", "loss / K"):
        return []
    if fault in ("no / N", "mean for db") and images == 1:
        return []
    if fault == "no / N":
        return everything
    if FAULTS[fault].kind == "Affine":
        return [f"b{number}"] if fault == "mean for db" else [f"W{number}"]
    return everything[: 2 * number]


for fault in FAULTS:
    for number in (2, 3):
        for images in (10, 2, 1):
            fig, sentence = draw_findings(fault, number, images)
            bars = [bar.get_hatch() == "//" for bar in fig.axes[0].patches]
            plt.close(fig)
            expected = must_reject(fault, number, images)
            assert [n for n, wrong in zip(everything, bars, strict=True) if wrong] == expected
            _, _, rejects = sentence.partition("Wrong gradients: ")
            assert [n for n in rejects.rstrip(".").split(", ") if n] == expected, sentence
            wrong_shape = fault == "dout.T @ x" and number == 2
            assert ("shapes (wrong for W2)" in sentence) == wrong_shape
            assert ("overwritten" in sentence) == (fault == "overwrite")
            assert ("first loss" in sentence) == (fault == "loss / K")
            unseen = not expected and fault not in ("overwrite", "loss / K")
            assert ("Every check passes" in sentence) == unseen, sentence
            assert max(examine("nothing", number, images).errors.values()) < 1e-7

# %% tries
# What the reader is asked to try.
import pytest


class WithoutDout(OurSigmoid):
    def backward(self, dout):
        return self.y * (1 - self.y)


x = rng.standard_normal((4, 5))
assert check(WithoutDout(), x) > 1e-2
layer = WithoutDout()
ones = np.ones((4, 5))
right = OurSigmoid()
layer.forward(x), right.forward(x)
assert np.array_equal(layer.backward(ones), right.backward(ones))  # ones hide it


def not_reversed(stack, last, x, t):
    for layer in stack:
        x = layer.forward(x)
    last.forward(x, t)
    dout = last.backward()
    for layer in stack:
        dout = layer.backward(dout)


with pytest.raises(ValueError, match="the output had shape"):
    not_reversed(stack, last, x_colours, t_colours)
square = [Affine(rng.standard_normal((3, 3)), np.zeros(3)), ReLU()]
square += [Affine(rng.standard_normal((3, 3)), np.zeros(3))]
not_reversed(square, last, x_colours, t_colours)  # and no line raises an error

square = Linear(rng.standard_normal((3, 3)))  # as many units as inputs
x, dout = rng.standard_normal((4, 3)), rng.standard_normal((4, 3))
square.forward(x)
square.backward(dout)
transposed = dout.T @ x
assert transposed.shape == square.dW.shape  # shapes no longer notice
assert relative_error(transposed, square.dW) > 1e-2  # central differences do

# %% not-divided-by-n
# "It ends no better than chance. With a twelfth of the rate nobody would notice."
from utils.training import SGD

assert learn("no / N")[1] < 0.5
net = plant(MultiLayerNet([3, 50, 100, 50, 3], seed=0), "no / N")
slow_steps = {"optimizer": SGD(0.1 / 12), "progress": False}
train(net, x_colours, t_colours, epochs=30, batch_size=12, **slow_steps)
assert net.accuracy(new_x, new_t) > 0.99
