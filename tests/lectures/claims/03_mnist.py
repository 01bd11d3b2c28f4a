"""What lecture 03 says, tried out in its own kernel; test_lectures.py appends it cell by cell."""

# %% every-flag
# Every position of the flags, and what their figure says of it.
import itertools

for index, normalize, flatten, one_hot in itertools.product((0, 99), *[(True, False)] * 3):
    fig, sentence = look_up(index, normalize, flatten, one_hot)
    _, (x, t) = load_mnist(normalize, flatten, one_hot)
    ends = f"from {x[index].min():g} to {x[index].max():g}"
    assert sentence == (
        f"Test image {index}, a {t_test[index]}: x_test {x.shape} of {x.dtype} {ends}, "
        f"t_test {t.shape} of {t.dtype}."
    )
    label, view, numbers = (ax.images[0].get_array() for ax in fig.axes)
    part = x[index, np.newaxis, 402:416] if flatten else x[index, 0, 13:16, 14:19]
    assert np.array_equal(numbers, part)
    assert np.array_equal(np.squeeze(view), np.squeeze(x[index]))
    assert label.shape == (1, t[index].size)
    plt.close(fig)

# %% every-change
for change in (-100, -40, -1, 0, 1, 20, 40, 100):
    for dtype in ("uint8", "int16"):
        fig, sentence = change_brightness(change, dtype)
        on_paper = [grey + change for grey in (0, 128, 255)]
        a, b, c = (grey % 256 if dtype == "uint8" else min(max(grey, 0), 255) for grey in on_paper)
        assert sentence.endswith(f": 0 becomes {a}, 128 becomes {b}, 255 becomes {c}.")
        plt.close(fig)
