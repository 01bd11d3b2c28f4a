"""What lecture 04 says, tried out in its own kernel; tests append it cell by cell."""

# %% five-strokes-five-answers
assert film.argmax(axis=-1).tolist() == [1, 7, 3, 9, 8]
assert film.max(axis=-1).min() > 0.94

# %% a-ladder-of-three
# The nearest average is the largest of ten sums, and each step of the ladder is higher.
by_distance = np.stack([np.sum((x[:500] - m) ** 2, axis=1) for m in averages], axis=1)
as_sums = x[:500] @ averages.T - np.sum(averages**2, axis=1) / 2
assert np.array_equal(by_distance.argmin(axis=1), as_sums.argmax(axis=1))
assert 0.8 < rate_averages < rate_linear - 0.05 < rate - 0.05

# %% inverted-and-shifted
assert changed["inverted"] < 0.1 < changed["4 px right"] < changed["2 px right"] < rate
assert changed["raw 0..255"] > rate - 0.04
assert len(np.unique(answers["divided twice"])) == 1
assert grid.argmax() == 12, "the centre is best"

# %% the-mean-of-inverted-images
assert abs((1 - x).mean() - 0.87) < 0.05

# %% traffic
one, hundred = (x[0].nbytes + 4 * 45_360 / n for n in (1, 100))
assert (one, round(hundred), round(one / hundred)) == (184_576, 4_950, 37)

# %% every-batch-size
for n in sizes[: sizes.index(10_000) + 1]:
    fig, sentence = draw_time(n)
    assert sentence.startswith(f"With N = {n:,} an image takes ")
    plt.close(fig)

# %% a-hiccup-is-ignored
# Three calls in four are interrupted and take ten times as long; at the next visit all are.
true_time = {1: 80.0, 100: 2.0}
calls = 0


def interrupted(_predict, _images, n, _seconds):
    global calls
    calls += 1
    return true_time[n] * (1 if calls % 4 == 1 else 10)


def always_interrupted(_predict, _images, n, _seconds):
    return 10 * true_time[n]


undisturbed = timing.time_per_image
try:
    points.clear()
    for timing.time_per_image in (interrupted, always_interrupted):
        fig, sentence = draw_time(100)
        plt.close(fig)
        assert points == true_time
        assert "an image takes 2.00 µs on this machine: 40.0 images in" in sentence
finally:
    timing.time_per_image = undisturbed
    points.clear()

# %% guesses-are-marked
for draw in (draw_cost, draw_curve):
    for guess in (None, 50.0):
        fig, sentence = draw(guess)
        assert any("your guess" in text.get_text() for text in fig.axes[0].texts) == bool(guess)
        plt.close(fig)
