"""What lecture 07 says, tried out in its own kernel; test_lectures.py appends it cell by cell."""

# %% every-position
# The widget at every step h, and at every x.
places = [(x, p) for x in (0, 1, 10) for p in POWERS] + [(x, 4) for x in (2, 3, 5, 8)]
for curve, (f, slope_of) in CURVES.items():
    for x, power in places:
        h, true = 10.0**-power, slope_of(x)
        for way, behind in (("forward", 0), ("central", h)):
            fig, sentence = draw_difference(x, power, curve, way)
            slope = (f(x + h) - f(x - behind)) / (h + behind)
            assert f"at x = {x} with h = 1e-{power:02}, the {way} difference" in sentence
            said = sentence.rstrip(".").replace(";", "").split()
            assert abs(float(said[said.index("true") - 2]) - slope) <= 5e-7, sentence
            assert abs(float(said[-5]) - true) <= 5e-7, sentence
            np.testing.assert_allclose(float(said[-1]), abs(slope - true), rtol=0.5)
            left, right = fig.axes
            (circle,) = (line for line in right.lines if line.get_markersize() == 18)
            assert circle.get_xdata() == [-power]
            assert circle.get_ydata()[0] <= 1, "the mark is outside the picture"
            plt.close(fig)

# %% answers
# The answers to what the text beside it asks, and what the figures show of both dtypes.
import pytest

wrong = {p: abs(central(parabola, 5, 10.0**-p) - 0.2) for p in POWERS}
assert max(wrong[p] for p in range(5)) < 1e-11, "the parabola has no right arm"
for h in (0.1, 0.01, 1e-3):  # the sine does not bend at 0
    assert np.isclose(forward(sin, 0, h), central(sin, 0, h), rtol=1e-15, atol=0)
zero = [p for p in POWERS if forward(parabola, 5, 10.0**-p) == 0]
assert zero == [16], "too small to move x"
behind = [(square(1 + h) - square(1)) / h for h in (-0.1, -0.01)]
np.testing.assert_allclose(behind, [1.9, 1.99])
with pytest.raises(TypeError, match="not callable"):
    numerical_diff(sin(1), 1)
for f, one in ((loss_in(np.float32), np.float32(0)), (sin32, np.float32(1))):
    tiny = np.float32(1e-9)
    assert central(f, one, tiny) == 0
deep, flat = (errors_of(difference)[1].min() for difference in (central, forward))
assert 100 < flat / deep < 10_000
