"""What lecture 02 says, tried out in its own kernel; tests append it cell by cell."""

# %% every-offset
# At every position naive softmax is right or visibly wrong, and shifted softmax is right.
naive_is_right = {dtype: [] for dtype in dtypes}
for dtype in dtypes:
    for offset in steps:
        fig, sentence = compare(offset, dtype)
        assert sentence.endswith("shifted softmax gives 0.09, 0.24, 0.67."), sentence
        if "naive softmax gives 0.09, 0.24, 0.67" in sentence:
            naive_is_right[dtype].append(offset)
        elif (offset, dtype) == (-20, "float16"):  # "they sum to 1, and yet they are wrong"
            assert "naive softmax gives 0.00, 0.00, 1.00" in sentence
        else:
            assert not fig.axes[0].get_title().endswith("sums to 1.00"), sentence
        plt.close(fig)
assert {dtype: max(right) for dtype, right in naive_is_right.items()} == {
    "float16": 7,
    "float32": 85,
    "float64": 706,
}
assert {7, 8, 85, 86, 706, 707} <= set(steps), "the slider stops just before and just after"

# %% largest-whole-number
# The "Try" below the table: three equal scores, and their sum overflows before any of them does.
with np.errstate(all="ignore"):
    still_right = [
        n for n in range(700, 712) if np.isclose(naive_softmax(np.full(3, float(n))).sum(), 1)
    ]
assert max(still_right) == 708 == int(np.log(np.finfo(float).max / 3))

# %% every-temperature
for which, index in (("4 or 9?", torn), ("a clear 4", clear)):
    third, largest = [], []
    for T in (0.05, 0.1, 0.2, 0.5, 1, 1.35, 2, 3, 5, 10, 30):
        fig, sentence = temper(T, which)
        y = softmax(scores[index].astype(float) / T)
        assert y.argmax() == scores[index].argmax(), "a temperature never changes the winner"
        assert f"as {y.argmax()} with a share of {y.max():.2f}" in sentence
        third.append(np.sort(y)[-3])
        largest.append(y.max())
        plt.close(fig)
    assert np.all(np.diff(largest) <= 0), "sharper at a lower temperature"
    assert third[-1] > 0.1, "the question of the widget has an answer"
    assert largest[-1] < 0.5

# %% groups-of-trust
n, says, is_right, error = count_right(right, t_test)
assert n.sum() == len(t_test)
assert n.min() > 0
np.testing.assert_allclose(n @ is_right / n.sum(), accuracy(right, t_test))
assert np.all(says[1:] >= edges[1:-1])
assert np.all(says < edges[1:])

# %% choosing-on-the-other-half
# The "Try" at the end of the section on trust.
other = [cross_entropy_error(softmax(scores[judge] / T), t_test[judge]) for T in temperatures]
if data_source() == "MNIST":
    assert temperatures[np.argmin(other)] == best
