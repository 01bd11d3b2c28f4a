"""What lecture 08 says, tried out in its own kernel; tests append it cell by cell."""

# %% every-position
# The walks at every rate and momentum, from several starts, in every landscape.
import itertools
import re

curvatures = {"bowl": (2, 2), "valley": (0.1, 2), "saddle": (2, -2)}
some = [(0, 0), (-5, 2), (0.5, -4.5)]
for land, begin, lr, momentum in itertools.product(LANDSCAPES, some, RATES, (0, 0.5, 0.95)):
    path, slopes = walk_from(land, *begin, lr, momentum)
    sentence = in_words(land, path, slopes, lr, momentum, None)
    assert f"from {begin} with rate {lr:g} and momentum {momentum:g} " in sentence
    if land in curvatures:  # the same recurrence without any measured slope
        x, v = np.array(begin, float), np.zeros(2)
        for point in path:
            np.testing.assert_allclose(point, x, rtol=1e-4, atol=1e-5)
            v = momentum * v - lr * np.array(curvatures[land]) * x
            x = x + v
    if "stops at" in sentence:
        place = re.search(r", \((.*), (.*)\)\.", sentence).groups()
        np.testing.assert_allclose(np.array(place, float), path[-1], atol=0.0051)
        assert slopes[-1] <= 0.01
        is_minimum = land != "saddle" and LANDSCAPES[land][0](path[-1]) < 0.01
        assert ("a minimum" in sentence) == is_minimum
    else:
        assert "diverges" in sentence or slopes[-1] > 0.01

# %% drawn
# A walk is drawn as it is described, and nothing that is drawn is infinite.
for land, lr, momentum in itertools.product(LANDSCAPES, (0.1, 1.5), (0, 0.95)):
    fig, sentence = draw_walks(land, -5, 2, lr, momentum, keep=False)
    path, slopes = walk_from(land, -5, 2, lr, momentum)
    assert sentence == in_words(land, path, slopes, lr, momentum, None)
    assert len(kept_walks) == 1
    lines = [line for ax in fig.axes for line in ax.lines]
    assert len(lines[0].get_xdata()) == len(path)
    assert all(np.isfinite(line.get_ydata()).all() for line in lines)
    plt.close(fig)

# %% kept
# Paths stay beside a new one only while "keep paths" is on, in one landscape, and at most three.
kept_walks.clear()
for lr in RATES[:6]:
    fig, sentence = draw_walks("valley", -5, 2, lr, 0, keep=True)
    plt.close(fig)
assert "Paths kept beside it: 3." in sentence
fig, sentence = draw_walks("bowl", -5, 2, 0.1, 0, keep=True)
assert "Paths kept beside it: 0." in sentence
plt.close(fig)
assert len(kept_walks) == 1

# %% answers
# The answers to what its text asks.
here = np.array([3.0, 4.0])
assert np.allclose(keeping_gradient(forgetful, here), [6, 8]), "it moves `here` itself"
assert np.allclose(numerical_gradient(bowl, np.array([0.0, 4.0])), [0, 8])
far = bowl(here[:, np.newaxis] + 5 * ways) - bowl(here)
assert 238 <= np.sum(far > 0) <= 242, "two thirds of all directions rise, not half"
on_the_ridge, _ = gradient_descent(two_minima, np.array([0.0, 4.0]), 0.1, 100)
assert np.allclose(on_the_ridge, 0, atol=1e-6)
assert np.allclose(numerical_gradient(two_minima, on_the_ridge), 0, atol=1e-6)
blown, _ = gradient_descent(valley, np.array([-5.0, 2.0]), 1.05, 100)
assert abs(blown[1]) > 1000 > 1 > abs(blown[0]), "across, not along"
by_rate = {
    lr: steps_needed(descend(valley, np.array([-5.0, 2.0]), lr, 0, 500)) for lr in RATES[3:-3]
}
assert min(by_rate, key=by_rate.get) == best_rate in RATES
ends_at = {x1: walk_from("saddle", -5, x1, 0.1, 0)[0][-1] for x1 in STARTS}
stops = [x1 for x1, end in ends_at.items() if np.abs(end).max() < 0.01]
assert stops == [0]
carried = [
    (x0, m)
    for x0 in (-4, -3, -2.5)
    for m in (0.7, 0.8, 0.9, 0.95)
    if walk_from("two minima", x0, 2, 0.03, m)[0][-1][0] > 1
]
assert carried, "momentum carries a walk over the ridge"
for x0, _ in carried:
    assert walk_from("two minima", x0, 2, 0.03, 0)[0][-1][0] < 0
lowest_of, right_of = {}, {}
for lr in (0.3, 1, 2, 3, 4, 10):
    W_end = np.zeros((101, 10))
    for _ in range(12):
        W_end = W_end - lr * exact_gradient(W_end)
    lowest_of[lr], right_of[lr] = loss_of(W_end), accuracy(z_test @ W_end, t_test)
assert lowest_of[0.3] > lowest_of[1] > lowest_of[3], "a larger rate than 1 gets lower"
assert right_of[0.3] < right_of[3]
