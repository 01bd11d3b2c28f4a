"""What lecture 03 says, tried out in its own kernel; tests append it cell by cell."""

# %% every-neighbour
# Every number of known images, and what the figure says of them.
for known in sizes:
    for index in (0, 8, 99):
        fig, sentence = draw_neighbours(index, known)
        plain = squared_distances(x_test[index], x_train[:known])
        assert f"a {t_test[index]}, is a {t_train[plain.argmin()]}: " in sentence
        shown = [ax.get_title() for ax in fig.axes]
        assert shown[0] == f"test: {t_test[index]}"
        near = [int(title.split(":")[0].replace(",", "")) for title in shown[1:]]
        np.testing.assert_allclose(plain[near], np.sort(plain)[:5], rtol=1e-3)
        plt.close(fig)

# %% more-known-images-help
rates = [np.mean(t_train[distances[:, :n].argmin(axis=1)] == t_test[:100]) for n in sizes]
assert rates == sorted(rates)
assert rates[-1] > 0.95

# %% ten-averages
assert share > 0.8

# %% strange-labels
# Their labels are far less probable than most, for a network that has learned from them.
assert p[strange].max() < 0.8 < 0.99 < np.median(p)

# %% two-differences
# What the figure of differences shows: floats choose the right image, bytes the wrong one.
assert sums[0][0] < sums[1][0]
assert sums[0][1] > sums[1][1]
