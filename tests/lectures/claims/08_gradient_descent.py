"""What lecture 08 says, tried out in its own kernel; test_lectures.py appends it cell by cell."""

# %% every-position
# The widget at every rate, start and landscape, for some numbers of steps.
import re

curvatures = {"bowl": np.array([2, 2]), "valley": np.array([0.1, 2])}
rates = [float(text) for text in widget.controls["lr"].options]
numbers = [int(text) for text in widget.controls["steps"].options]
assert (min(numbers), max(numbers)) == (0, 100)
for land, curvature in curvatures.items():
    for begin in widget.controls["begin"].meaning.values():
        for lr in rates:
            for steps in (0, 1, 10, 100):
                fig, sentence = draw_walk(begin, lr, steps, land)
                x = begin * (1 - lr * curvature) ** steps
                height = np.sum(curvature / 2 * x**2)
                place, end, first = re.search(
                    r"at \((.*)\), at height (.*); the start had (.*)\.", sentence
                ).groups()
                said = [float(number.replace(",", "")) for number in place.split(", ")]
                np.testing.assert_allclose(said, x, rtol=1e-6, atol=0.0051)
                np.testing.assert_allclose(float(end), height, rtol=0.06, atol=1e-15)
                np.testing.assert_allclose(float(first), LANDSCAPES[land][0](begin), rtol=0.06)
                left, right = fig.axes
                low, high = right.get_ylim()
                (curve, _) = right.lines
                assert np.all((low <= curve.get_ydata()) & (curve.get_ydata() <= high))
                assert len(curve.get_ydata()) == steps + 1
                plt.close(fig)

# %% answers
# The answers to what its text asks.
here = np.array([3.0, 4.0])
assert np.allclose(keeping_gradient(forgetful, here), [6, 8]), "it moves `here` itself"
assert np.allclose(numerical_gradient(bowl, np.array([0.0, 4.0])), [0, 8])
far = bowl(here[:, np.newaxis] + 5 * ways) - bowl(here)
assert 238 <= np.sum(far > 0) <= 242, "two thirds of all directions rise, not half"
on_the_ridge, _ = gradient_descent(two_lows, np.array([0.0, 4.0]), 0.1, 100)
assert np.allclose(on_the_ridge, 0, atol=1e-6)
assert np.allclose(numerical_gradient(two_lows, on_the_ridge), 0, atol=1e-6)
fewest = {lr: np.sum(bowl(gradient_descent(bowl, start, lr, 99)[1].T) > 0.01) for lr in rates}
assert min(fewest, key=fewest.get) == 0.5
assert fewest[0.5] == 1
blown, _ = gradient_descent(valley, np.array([-5.0, 2.0]), 1.05, 100)
assert abs(blown[1]) > 1000 > 1 > abs(blown[0]), "across, not along"
