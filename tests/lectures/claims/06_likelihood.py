"""What lecture 06 says, tried out in its own kernel; tests append it cell by cell."""

# %% every-coin
gone = {}
for heads in (0.5, 0.7, 0.9):
    for series in (1, 2, 3):
        for n in numbers:
            fig, sentence = draw_coin(n, heads, series)
            left, right = fig.axes
            ones = int(sentence.split()[1].replace(",", ""))
            (top,) = right.lines[-1].get_xdata()
            assert abs(top - ones / n) <= 1 / 400, sentence
            if "rounded to 0" in sentence:
                gone.setdefault((heads, series), n)
                assert not left.lines[0].get_ydata().any()
            plt.close(fig)
assert {heads for heads, _ in gone} == {0.5, 0.7}, gone
assert set(gone.values()) == {2000}
first_ten = (np.random.default_rng(1).random(2000)[:10] < 0.7).astype(int)
assert first_ten.tolist() == flips.tolist()

# %% every-bias
# What the first screen shows for class 4 holds for all ten biases.
for k in range(10):
    p = [softmax(scores[:300] + c * np.eye(10)[k]) for c in np.linspace(-2, 2, 41)]
    p = np.array([y[np.arange(300), t_test[:300]] for y in p])  # (41, 300)
    assert p.prod(axis=1).argmax() == (-np.log(p)).mean(axis=1).argmin()

# %% every-weight-and-any-noise
# Squared error and Gaussian likelihood agree on w2 and b, too, and for any standard deviation.
x1 = np.column_stack([x, np.ones(5)])
for which in range(3):
    columns = x1 @ (w[:, np.newaxis] + np.eye(3)[:, [which]] * np.linspace(-0.5, 0.5, 101))
    squares = ((columns - later[:, np.newaxis]) ** 2).sum(axis=0)
    for sigma in (0.2, 0.48, 3.0):
        logs = np.log(density(later[:, np.newaxis], columns, sigma)).sum(axis=0)
        assert logs.argmax() == squares.argmin() == 50
