"""What lecture 10 says, tried out in its own kernel; test_lectures.py appends it cell by cell."""

# %% every-step
# Every position of both of its figures with controls.
from matplotlib.colors import to_hex


def by_turning(gates, given, k, i, h=1e-6):
    # turn what gate k takes as its input i, and nothing else, and watch the end of the graph
    def last(turned):
        values = dict(given)
        for at, (gate, inputs, output) in enumerate(gates):
            taken = [turned if (at, name) == (k, i) else values[name] for name in inputs]
            values[output] = gate.forward(*taken)
        return values[output]

    at = walk(gates, given)[0][i]
    if np.ndim(at) == 0:
        return (last(at + h) - last(at - h)) / (2 * h)
    return numerical_gradient(last, at, h)


def numbers_in(text):
    return [float(number) for number in text.replace(" and ", ", ").split(", ")]


for example, (gates, given, _place, _signs) in EXAMPLES.items():
    assert len(gates) == 5
    values = walk(gates, given)[0]
    written, said_before = [], set()
    for step in range(12):
        fig, sentence = draw_steps(example, step)
        texts = [text for text in fig.axes[0].texts if text.get_text()]
        above = [text for text in texts if to_hex(text.get_color()) == BLUE.lower()]
        below = [text for text in texts if text.get_text().startswith("←")]
        written.append((len(above), len(below)))
        plt.close(fig)
        assert sentence not in said_before, sentence
        said_before.add(sentence)
        if 1 <= step <= 5:
            gate, inputs, output = gates[step - 1]
            made, taken = sentence.rstrip(".").split(" makes ")[1].split(" of ")
            np.testing.assert_allclose(numbers_in(made), np.ravel(values[output]), rtol=6e-4)
            all_taken = np.concatenate([np.ravel(values[i]) for i in inputs])
            np.testing.assert_allclose(numbers_in(taken), all_taken, rtol=6e-4)
        if step > 6:
            k = 11 - step
            gave = sentence.rstrip(".").split(" hands ")[1]
            for part in gave.split(" and "):
                slope, _, i = part.rpartition(" to ")
                true = np.ravel(by_turning(gates, given, k, i))
                np.testing.assert_allclose(numbers_in(slope), true, rtol=6e-4, atol=1e-6)
    edges = sum(len(inputs) for _, inputs, _ in gates) + 1
    assert written[0][1] == written[5][1] == 0
    assert written[5][0] == written[11][0] == written[11][1] == edges
    assert all(a <= b for a, b in zip(written, written[1:], strict=False))

# %% every-fault
everything = [f"{kind}{i}" for i in (1, 2, 3, 4) for kind in "Wb"]


def must_reject(fault, number, images):
    if fault in ("nothing", "overwrite", "loss / K"):
        return []
    if fault in ("no / N", "mean for db") and images == 1:
        return []
    if fault == "no / N":
        return everything
    if FAULTS[fault][0] == "Affine":
        return [f"b{number}"] if fault == "mean for db" else [f"W{number}"]
    return everything[: 2 * number]


for fault in FAULTS:
    for number in (2, 3):
        for images in (10, 2, 1):
            fig, sentence = draw_errors(fault, number, images)
            bars = [bar.get_hatch() == "//" for bar in fig.axes[0].patches]
            plt.close(fig)
            expected = must_reject(fault, number, images)
            assert [n for n, wrong in zip(everything, bars, strict=True) if wrong] == expected
            _, _, rejects = sentence.partition("Central differences reject ")
            assert [n for n in rejects.rstrip(".").split(", ") if n] == expected, sentence
            wrong_shape = fault == "dout.T @ x" and number == 2
            assert ("does not fit" in sentence) == wrong_shape
            assert ("overwritten" in sentence) == (fault == "overwrite")
            assert ("first loss" in sentence) == (fault == "loss / K")
            unseen = not expected and fault not in ("overwrite", "loss / K")
            assert ("No check objects" in sentence) == unseen, sentence
            errors = examine("nothing", number, images)[3]
            assert max(errors.values()) < 1e-7

# %% tries
# What the reader is asked to try.
import pytest


class Max:
    def forward(self, a, b):
        self.first = a >= b
        return max(a, b)

    def backward(self, dout):
        return [dout * self.first, dout * (not self.first)]


routed = [*gates_541, (Max(), ["y", "sixty"], "m")]
slopes = walk(routed, GIVEN | {"sixty": 60.0})[1]
assert slopes["sixty"] == 1
assert slopes["w1"] == slopes["w2"] == slopes["w3"] == 0


class WithoutDout(Tanh):
    def backward(self, dout):
        return 1 - self.y**2


assert check(WithoutDout(), rng.standard_normal((4, 5))) > 1e-2


def not_reversed(stack, last, x, t):
    for layer in stack:
        x = layer.forward(x)
    last.forward(x, t)
    dout = last.backward()
    for layer in stack:
        dout = layer.backward(dout)


with pytest.raises(ValueError, match="the output had shape"):
    not_reversed(stack, last, x_colours, t_hot)
square = [Affine(rng.standard_normal((3, 3)), np.zeros(3)), ReLU()]
square += [Affine(rng.standard_normal((3, 3)), np.zeros(3))]
not_reversed(square, last, x_colours, t_hot)  # and no line complains
