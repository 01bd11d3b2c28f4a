"""What lecture 01 says, tried out in its own kernel; tests append it cell by cell."""

# %% every-fruit
# Each position of the fruit's weight: the sentence, and the class with the highest line.
melon = {}
for kilograms in (0, 0.5, 1, 1.5, 1.7, 1.8, 2, 2.2, 2.6, 2.7, 3, 4, 5, 6):
    fig, sentence = look_at_fruit(kilograms)
    share = softmax(kilograms * W3[0] + b3)
    for name, value in zip(kinds, share, strict=True):
        assert f"{name} " in sentence
        assert f"-> {value:.2f}" in sentence
    assert sentence.endswith(f". So {kinds[int(np.searchsorted(borders, kilograms))]} wins.")
    assert np.allclose(fig.axes[1].lines[3].get_ydata(), share)
    melon[kilograms] = share[1]
    plt.close(fig)
assert max(melon.values()) < 0.5, "is it ever above one half?"
assert 0 < max(melon, key=melon.get) < 6

# %% very-heavy-fruit
# Its scores grow without bound, its shares approach 0, 0 and 1.
assert np.abs(60 * W3[0] + b3).max() > 10 * np.abs(6 * W3[0] + b3).max()
assert np.allclose(softmax(60 * W3[0] + b3), [0, 0, 1])

# %% templates
# The columns of W in the colour network are the pure colours.
colours = 6 * np.eye(3)
assert np.array_equal(colours / 6, rgb[:3])
assert np.array_equal((rgb[:3] @ colours).argmax(axis=1), [0, 1, 2])
assert np.isclose(softmax(rgb[3])[1], 0.23, atol=0.005), "without the 6 green is not small"
