"""What lecture 07 says, tried out in its own kernel; tests append it cell by cell."""

# %% every-position
# The microscope at every step h, and at every x.
import re

places = [("x³", 1, power) for power in POWERS]
places += [(curve, x, power) for curve in CURVES for x in (-1, 0, 0.5, 2) for power in (0, 15)]
for i, (curve, x, power) in enumerate(places):
    (f, slope_of), h = CURVES[curve], 10.0**-power
    way, behind = (("forward", 0), ("central", h))[i % 2]
    fig, sentence = draw_microscope(curve, way, x, power)
    slope = (f(x + h) - f(x - behind)) / (h + behind)
    error = abs(slope - slope_of(x))
    assert f"At x = {x} with h = {TEXTS[power]} the curve of {curve} " in sentence
    assert np.isclose(float(TEXTS[power]), h, rtol=1e-12, atol=0)
    pattern = rf"The {way} difference, (\S+), is (?:wrong by (\S+)|exactly right)\."
    said = re.search(pattern, sentence)
    np.testing.assert_allclose(float(said[1]), slope, rtol=1e-7, atol=1e-12)
    np.testing.assert_allclose(float(said[2] or 0), error, rtol=0.5)
    (circle,) = (line for line in fig.axes[1].lines if line.get_markersize() == 18)
    low, high = fig.axes[1].get_ylim()
    assert circle.get_xdata() == [-power]
    assert low < circle.get_ydata()[0] < high, "the mark is outside the picture"
    plt.close(fig)
for curve in CURVES:
    for power, look in ((0, "bends"), (5, "looks straight"), (15, "is a staircase")):
        fig, sentence = draw_microscope(curve, "central", 1, power)
        assert look in sentence
        plt.close(fig)

# %% answers
# The answers to what the text asks, and what the figures show of both dtypes.
import pytest

assert forward(cube, 1, -0.1) < forward(cube, 1, -0.01) < 3
for difference, shrinks in ((forward, 2), (central, 4)):
    one, half = (difference(cube, 1, h) - 3 for h in (0.02, 0.01))
    assert one / half == pytest.approx(shrinks, rel=0.01)
for h in (0.1, 0.01, 1e-3):  # the sine does not bend at 0
    assert np.isclose(forward(sin, 0, h), central(sin, 0, h), rtol=1e-15, atol=0)
fig, sentence = draw_microscope("sin x", "central", 0, 15)
assert "looks straight" in sentence, "around 0 the floats are dense"
plt.close(fig)
for h in (1e-15, 2e-15):  # one or two digits at best
    assert 1e-3 < abs(forward(sin, 1, h) / cos(1) - 1) < 1
by_wrong_rule = 2 * 1.3 * cos(1.3)  # (f g)' = f' g'
product, _ = RULES["product x² sin x"]
assert abs(central(product, 1.3, 1e-4) - by_wrong_rule) > 1
assert central(np.sqrt, 1.3, 1e-4) == pytest.approx(1 / (2 * np.sqrt(1.3)), rel=1e-7)
assert forward(parabola, 5, 1e-16) == 0
with pytest.raises(TypeError, match="not callable"):
    numerical_diff(sin(1), 1)
for f, one in ((loss_in(np.float32), np.float32(0)), (sin32, np.float32(1))):
    assert central(f, one, np.float32(1e-9)) == 0
deep, flat = (errors_of(difference)[1].min() for difference in (central, forward))
assert 100 < flat / deep < 100_000
for guess in (-2, 2):  # a guess marks a power of ten, with or without its sign
    fig, _ = draw_dtypes(guess)
    assert [ax.lines[-1].get_xdata()[0] for ax in fig.axes] == [0.01, 0.01]
    plt.close(fig)
