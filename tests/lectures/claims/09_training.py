"""What lecture 09 says, tried out in its own kernel; tests append it cell by cell."""

# %% every-guess
# The answers of its predictions, for no guess and for several.
for draw, guesses in (
    (draw_enough, (None, -5, 1500, 1e9)),
    (draw_start, (None, 0, 2.3, 1e6)),
    (draw_overfit, (None, -1, 85, 1e9)),
):
    sentences = {draw(guess)[1] for guess in guesses}
    assert len(sentences) == 1, "the answer does not depend on the guess"
assert enough < 5000, "a few thousand"
assert np.allclose(start_losses[:3], np.log(10), atol=0.02)
assert start_losses[5] > 3
assert start_losses[6] > start_losses[5]

# %% every-run
# The dashboard's own run and picture: before a run, within it, after it, and with a loss of nan.
from utils.training import History

fig, sentence = draw_run(History())
assert sentence.startswith("Three empty panels")
seen = []
h = run(watch=lambda h: seen.append(draw_run(h)[1]) or len(seen) == 3)
assert h.stopped
assert len(h.loss) == 3
assert "After 1 of 2,500 steps the loss is 2.3" in seen[0]
assert "It reads the six digits as " in seen[0]
assert "After 3 of 2,500 steps" in seen[-1]
for losses in ([2.3, float("inf")], [2.3, float("nan")], [1e30, 2.3]):
    fig, sentence = draw_run(History(losses, [0], [0.1], [], True, 10, 600, [0.1]))
    bottom, top = fig.axes[0].get_ylim()
    assert bottom == 0
    assert 2.6 <= top <= 12
    show(fig, sentence)
assert best_lr == 2, "the slider of the dashboard has this position"

# %% gradients-for-weights
# Gradients in the place of weights: the loss climbs, and the accuracy does not move.
lost, costs, answers = TwoLayerNet(784, 50, 10, seed=0), [], set()
for start in (0, 100, 200, 300):
    batch = slice(start, start + 100)
    lost.params.update(lost.gradient(x_train[batch], t_train[batch]))
    costs.append(lost.loss(*others))
    answers |= set(lost.predict(others[0]).argmax(axis=1))
assert np.log(10) < costs[0]
assert costs == sorted(costs)
assert len(answers) == 1

# %% gradient-check
# The relative error, of the last array here and of each of the tiny network's.
assert error < 1e-7
tiny = TwoLayerNet(2, 2, 2, weight_init_std=1, seed=1)
slow, fast = (f(np.eye(2), np.array([0, 1])) for f in (tiny.numerical_gradient, tiny.gradient))
assert all(relative_error(slow[key], fast[key]) < 1e-7 for key in slow)

# %% ratios
# The update-to-weight ratio: too small, healthy in the end, and a collapse.
assert np.median(ratios[0.01]) < 1e-3 < np.median(ratios[2]) < 1
assert ratios[10][0] > 0.05
assert trials[10] < 0.3
if data_source() == "MNIST":
    assert np.median(ratios[10]) < 1e-4, "it stands still"
assert 1e-5 < best_lr * np.linalg.norm(g) / size < 1e-2
first_step = TwoLayerNet(784, 50, 10, seed=0, dtype=np.float32)
hot = first_step.gradient(x_train[:100], t_train[:100])["W2"]
assert 10 * np.linalg.norm(hot) > np.linalg.norm(first_step.params["W2"]), "larger than W2 itself"

# %% remedies
# What the text says of them: the mistakes stay about the same, early stopping is a fraction.
assert steps[stop] <= 1600
assert max(abs(row[-1, 3] - plain[-1, 3]) for row in (decayed,)) < 0.03
assert abs(plain[stop, 3] - plain[-1, 3]) < 0.03
assert plain[-1, 2] == 1
assert study(500, 0.1)[-1, 2] < 0.8, "too much weight decay: not even the training images"


# %% paths
# "Try": larger batches or a smaller rate reduce the noise.
def noise(path):
    return np.linalg.norm(path[-20:].std(axis=0))


assert noise(walk(100)) < noise(rough)
slower = walk(10, lr=0.4, steps=200)
assert noise(slower) < noise(rough)
walker.params["b2"][[4, 9]] = 0.3, -0.7
assert np.isclose(loss_at((0.3, -0.7)), walker.loss(x_train[:1000], t_train[:1000]), atol=1e-4)

# %% the-pad
# It reads with the network trained last, whatever its size, and leaves the training alone.
for hidden in (2, 200):
    net = TwoLayerNet(784, hidden, 10, seed=0, dtype=np.float32)
    batch = x_train[:50], t_train[:50]
    before = net.gradient(*batch)["W1"].copy()
    loss = net.loss(*batch)
    y = read(image, net.params)
    dout = net.last_layer.backward()
    assert y.shape == (10,)
    assert np.isclose(y.sum(), 1, atol=1e-5)
    assert np.allclose(y, net.predict(image))
    assert dout.shape == (50, 10), "its forward pass is still that of the batch"

# %% every-try
# "Try" of the dashboard: what each of its questions expects.
assert trials[0.01] < 0.5
assert np.mean(run(watch=lambda h: len(h.loss) == 150, lr=50).loss[-50:]) > 2
two = run(watch=lambda h: len(h.epoch) > 1, hidden=2)
assert 0.15 < two.validation_accuracy[-1] < 0.75
large = run(watch=lambda h: len(h.epoch) > 1, batch_size=1000)
assert large.validation_accuracy[1] < history.validation_accuracy[1] - 0.02
small = run(watch=lambda h: len(h.loss) == 2000, batch_size=10, lr=0.5)
assert np.std(small.loss[-500:]) > 1.2 * np.std(history.loss[200:400])
plus = TwoLayerNet(2, 2, 2, weight_init_std=1, seed=1)
pixels, classes = np.eye(2), np.array([0, 1])
before = plus.loss(pixels, classes)
for _ in range(10):
    for key, step in plus.gradient(pixels, classes).items():
        plus.params[key] += 0.5 * step
assert plus.loss(pixels, classes) > before
