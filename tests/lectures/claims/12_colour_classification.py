"""What lecture 12 says, tried out in its own kernel; tests append it cell by cell."""

# %% every-colour
# What is true at every position of its widgets.
corners = [0, 1, 63, 127, 128, 200, 254, 255]
for red, green, blue in np.stack(np.meshgrid(*[corners] * 3), axis=-1).reshape(-1, 3).tolist():
    if (red + 3 * green + 5 * blue) % 7:  # a seventh of them is enough
        continue
    fig, sentence = pick(red, green, blue)
    slice_, bar_axes = fig.axes
    assert np.allclose(swatch.get_facecolor()[:3], np.array([red, green, blue]) / 255)
    y = softmax(learn("/ 255", "he")[0].predict(np.array([[red, green, blue]]) / 255))[0]
    names = np.array(COLOUR_NAMES)
    told = ", ".join(f"{name} {p:.3f}" for name, p in zip(names, y, strict=True))
    largest = " and ".join(names[np.array([red, green, blue]) == max(red, green, blue)])
    called = names[y.argmax()]
    start = f"The network calls ({red}, {green}, {blue}) {called}: {told}. "
    assert sentence == start + f"Its largest part is {largest}."
    assert np.allclose([bar.get_width() for bar in bar_axes.patches], y)
    (dot,) = [line for line in slice_.lines if line.get_marker() == "o"]
    assert dot.get_xydata().tolist() == [[red, green]]
    if not {red, green, blue} & {1, 254}:  # where the map has a cell just here, their colours agree
        cells = slice_.images[0].get_array()
        if red % 5 == green % 5 == 0:
            assert np.array_equal(cells[green // 5, red // 5], TINTS[y.argmax()])
    plt.close(fig)

# %% every-epoch
for i, epochs in enumerate(EPOCHS):
    fig, sentence = borders(epochs)
    assert np.array_equal(fig.axes[0].images[0].get_array(), TINTS[maps[i]])
    told = [name for k, name in enumerate(COLOUR_NAMES) if (maps[i] == k).any()]
    assert sentence.startswith(f"After {epochs} epochs the map shows {' and '.join(told)}, and ")
    assert f"{rates_then[i]:.1%} of 6,000 new colours" in sentence
assert rates_then[EPOCHS.index(1)] < 0.9 < rates_then[EPOCHS.index(6)]
rule = np.maximum(128, np.maximum(*np.meshgrid(PARTS, PARTS)))  # (52, 52)
red, green = np.meshgrid(PARTS, PARTS)
true = np.where(rule == 128, 2, np.where(red > green, 0, 1))  # (52, 52)
assert np.mean(maps[-1] == true) > 0.95 > np.mean(maps[EPOCHS.index(1)] == true)

# %% signal
# What the text says of the numbers that its cells print.
assert 1e-7 < sent["/ 255", 0.01][-1] < 1e-5, "the scores are millionths"
assert np.isclose(sent["0 to 255", 0.01][-1] / sent["/ 255", 0.01][-1], 255)
assert 100 < sent["0 to 255", "he"][-1] < 1000, "scores in the hundreds"
assert 0.5 < min(sent["/ 255", "he"]) < max(sent["/ 255", "he"]) < 1
dead, history = learn("0 to 255", "he")
assert np.ptp(dead.predict(x_train), axis=0).max() == 0, "the same three numbers"
assert not any(relu.mask.any() for relu in dead.layers[1::2])
assert history.loss[0] > 100
assert history.loss[1] > history.loss[0]
assert np.isclose(np.mean(history.loss[-12:]), np.log(3), atol=0.01)
faded = learn("/ 255", 0.01)[1]
assert np.allclose(faded.loss, np.log(3), atol=0.02), "it stands still from the start"
assert max(ratio["/ 255", 0.01]) < 1e-5 < 1 < max(ratio["0 to 255", "he"])
for run in (("0 to 255", 0.01), ("/ 255", "he")):
    assert all(1e-4 < value < 1e-2 for value in ratio[run]), "roughly a thousandth"
for factor, (ahead, back) in deep.items():
    assert 0.3 * factor**20 < ahead[-1] / ahead[0] < 3 * factor**20, "a factor a layer"
    assert 0.1 * factor**20 < back[0] / back[-1] < 3 * factor**20, "and on the way back"
assert learn("/ 255", 0.1)[0].accuracy(x_new / 255, t_new) > 0.9
assert learn("/ 255", 0.03)[0].accuracy(x_new / 255, t_new) < 0.9

# %% standardised
plain, better = (
    [epochs_until(learn(name, "he", seed)[1]) for seed in range(5)]
    for name in ("/ 255", "standardised")
)
assert max(better) < min(plain)
for seed in range(3):
    clear, foggy = (learn(name, "he", seed)[0] for name in ("standardised", "fog standardised"))
    assert all(np.allclose(clear.params[key], foggy.params[key]) for key in clear.params)

# %% trust
net, claims = MultiLayerNet(sizes, "he", seed=0), []
for epochs in (20, 40, 180):
    train(net, x_train / 255, t_train, epochs=epochs, **setting)
    for x, t in ((x_new, t_new), (cube[lead > 0], t_cube[lead > 0])):
        y = softmax(net.predict(x / 255))
        assert y.max(axis=1).mean() < accuracy(y, t), "it claims too little"
    claims.append(softmax(net.predict(x_new / 255)).max(axis=1).mean())
assert claims == sorted(claims)
assert claims[-1] - claims[0] > 0.1
without = MultiLayerNet(sizes)
without.params = {k: 0 * v if k.startswith("b") else v for k, v in namer.params.items()}
assert not without.predict(np.zeros(3)).any(), "black is named by the biases alone"

# %% memorised
net = MultiLayerNet(sizes, "he", seed=0)
how = setting | {"optimizer": SGD(0.1)}
train(net, x_train / 255, shuffled, epochs=1000, **how)
assert net.accuracy(x_train / 255, shuffled) > 0.7
assert net.accuracy(x_new / 255, t_new) < 0.45, "about a third"

# %% digits
with quiet():
    assert not np.isfinite(readers[FlippedReLU].loss(images[:100], digits[:100]))


# %% submissions
def refused(labels, change=lambda text: text):
    with TemporaryDirectory() as folder:
        path = Path(folder) / "submission.csv"
        write_submission(path, labels)
        path.write_text(change(path.read_text()))
        try:
            return not np.array_equal(read_submission(path), said)
        except AssertionError:
            return True


assert not refused(said)
assert refused(said[:-1])
assert refused(said, lambda text: text.replace("\n2,", "\n0,", 1))
assert refused(said, lambda text: text.replace("ImageId,Label\n", ""))
assert refused(said, lambda text: "\n".join(text.split("\n")[:5] + text.split("\n")[6:]))
assert refused(np.where(said == said[0], 10, said))
