"""What lecture 09 says, tried out in its own kernel; test_lectures.py appends it cell by cell."""

# %% every-start
# Every position of its figure with controls.
off = {}
for hidden in (10, 50, 200):
    for std in (0.001, 0.01, 0.03, 0.1, 0.3, 1, 3):
        fig, sentence = draw_start(std, hidden)
        fresh = TwoLayerNet(784, hidden, 10, weight_init_std=std, seed=0)
        loss = fresh.loss(x_test[:200], t_test[:200])
        assert f"with {hidden} hidden units" in sentence
        assert f"standard deviation {std:g}: the loss on 200 images is {loss:.4f}" in sentence
        assert "log 10 is 2.3026" in sentence
        bars = [bar.get_height() for bar in fig.axes[0].patches]
        y = fresh.predict(x_test[:2])
        np.testing.assert_allclose(np.reshape(bars, (2, 10)), y)
        off[hidden, std] = np.abs(y - 0.1).max()
assert all(off[h, 0.01] < 0.02 for h in (10, 50, 200))
assert off[10, 0.1] < off[50, 0.1] < off[200, 0.1]  # "sooner or later"

# %% every-run
# The dashboard's own run and picture: before a run, within it, after it, and with a loss of nan.
from utils.training import History

fig, sentence = draw_run(History())
assert sentence.startswith("Two empty panels")
seen = []
h = run(watch=lambda h: seen.append(draw_run(h)[1]) or len(seen) == 3)
assert h.stopped
assert len(h.loss) == 3
assert "After 1 of 6,000 steps the loss is 2.3" in seen[0]
assert "After 3 of 6,000 steps" in seen[-1]
for losses in ([2.3, float("inf")], [2.3, float("nan")], [1e30, 2.3]):
    fig, sentence = draw_run(History(losses, [0], [0.1], [0.1], True, 10, 600))
    bottom, top = fig.axes[0].get_ylim()
    assert bottom == 0
    assert 2.6 <= top <= 12
    show(fig, sentence)

# %% slopes-for-weights
# Slopes in the place of weights: the loss climbs, and the accuracy does not move.
lost, pays, answers = TwoLayerNet(784, 50, 10, seed=0), [], set()
for start in (0, 100, 200, 300):
    batch = slice(start, start + 100)
    lost.params.update(lost.gradient(x_train[batch], t_train[batch]))
    pays.append(lost.loss(x_test, t_test))
    answers |= set(lost.predict(x_test).argmax(axis=1))
assert np.log(10) < pays[0]
assert pays == sorted(pays)
assert len(answers) == 1


# %% every-try
# "Try" of the dashboard: what each of its questions expects.
def early(epochs, **options):
    return run(watch=lambda h: len(h.epoch) > epochs, **options)


slow = early(3, lr=0.01)
assert slow.loss[-1] > 2.1, "0.01 hardly leaves log 10"
assert np.mean(early(1, lr=50).loss[-100:]) > 2
two = early(4, hidden=2, lr=0.5)
assert 0.15 < two.test_accuracy[-1] < 0.75
large = early(3, batch_size=1000)
assert large.test_accuracy[3] < history.test_accuracy[3] - 0.03
small = early(2, batch_size=10)
assert np.std(small.loss[11_000:11_900]) > 1.5 * np.std(history.loss[1100:1190])
plus = TwoLayerNet(2, 2, 2, weight_init_std=1, seed=1)
x, t = np.eye(2), np.array([0, 1])
before = plus.loss(x, t)
for _ in range(10):
    for key, g in plus.gradient(x, t).items():
        plus.params[key] += 0.5 * g
assert plus.loss(x, t) > before
