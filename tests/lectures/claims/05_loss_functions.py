"""What lecture 05 says, tried out in its own kernel; tests append it cell by cell."""

# %% one-weight-at-a-time
# Where the path of the figure ends, no single change lowers the loss, but some other place does.
here = measure(*path[-1], (3, 1), 9)[0]
for change in ((1, 0), (-1, 0), (0, 1), (0, -1)):
    assert measure(*np.add(path[-1], change), (3, 1), 9)[0] >= here
for before, after in zip(path, path[1:], strict=False):
    assert np.abs(np.subtract(before, after)).sum() == 1, "one weight, by 1"

# %% the-game
# Each move is counted once, says the loss of its place, and two moves are enough to win.
played.clear()
row, column = np.unravel_index(map_of_game.argmin(), map_of_game.shape)
best = stops[column].item(), stops[row].item()
places = [(10, 10), (-15, 15), (best[0], 15), best]
for move, place in enumerate(places):
    for the_map in ("hidden", "shown", "hidden"):
        fig, sentence = play(*place, the_map)
        loss, rate = measure(*place, units, digit)
        assert sentence.startswith(f"Move {move}: loss {loss:.4f}, accuracy {rate:.1%}."), sentence
        assert sentence.endswith(f"The map is {the_map}.")
        assert ("not reached yet" in sentence) == (move < 3), sentence
        assert len(fig.axes[0].collections) == (the_map == "shown"), "a hidden map is hidden"
        plt.close(fig)
assert "reached at move 3" in sentence
played.clear()
play(10, 10, "hidden")
assert played == [(10, 10)]
plt.close("all")

# %% both-rewritten-weights
# `measure` with the trained weights is the trained network.
for pair, k in (((3, 1), 9), (units, digit)):
    loss, rate = measure(*net["W3"][list(pair), k], pair, k)
    np.testing.assert_allclose(loss, cross_entropy_error(y_train[:500], t_train[:500]))
    assert rate == accuracy(y_train[:500], t_train[:500])
