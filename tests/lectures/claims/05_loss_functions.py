"""What lecture 05 says, tried out in its own kernel; test_lectures.py appends it cell by cell."""

# %% every-position
# Every position of both of its figures with controls.
for classes in (2, 3, 10, 100):
    for p in chances:
        fig, sentence = draw_losses(p, classes)
        rest = np.full(classes - 1, (1 - p) / (classes - 1))
        a = np.log(np.append(p, rest))
        words = sentence.replace(",", " ").replace(";", " ").rstrip(".").split()
        said = [float(word) for word in words if word[-1].isdigit()]
        t = np.eye(classes)[0]
        losses = cross_entropy_error, sum_squared_error
        true = [f for loss in losses for f in (loss(softmax(a), t), slope(loss, a, 0))]
        np.testing.assert_allclose(said, [p, classes, *true], atol=6e-4)
        plt.close(fig)

# %% every-coin
gone = {}
for heads in (0.5, 0.7, 0.9):
    for series in (1, 2, 3):
        for n in numbers:
            fig, sentence = draw_coin(n, heads, series)
            left, right = fig.axes
            ones = int(sentence.split()[1])
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
