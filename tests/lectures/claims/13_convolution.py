"""What lecture 13 says, tried out in its own kernel; tests append it cell by cell."""

# %% every-place
for kernel in KERNELS:
    for row, column in ((0, 0), (25, 25), (3, 17), (13, 9)):
        fig, sentence = slide(kernel, row, column)
        weights = np.array(KERNELS[kernel])
        total = np.sum(pictures[0][row : row + 3, column : column + 3] * weights)
        assert f"At row {row} and column {column} " in sentence
        assert f"add up to {total:.2f}, " in sentence.replace("-0.00", "0.00")
        left, middle, right = fig.axes
        assert np.isclose(right.images[0].get_array()[row, column], total)
        assert right.patches[0].get_xy() == (column - 0.5, row - 0.5)

# %% pooling-gradient
rng = np.random.default_rng(0)
x, dout = rng.standard_normal((2, 6, 6, 3)), rng.standard_normal((2, 3, 3, 3))
pool = MaxPool(2)
pool.forward(x)
slow = numerical_gradient(lambda x: np.sum(dout * MaxPool(2).forward(x)), x.copy())
assert relative_error(pool.forward(x) * 0 + pool.out, pool.out) == 0
assert np.allclose(pool.backward(dout), slow, atol=1e-6)

# %% shared-weight
# The gradient of the kernel is the sum over its places in the matrix of the affine layer.
image, dout = rng.standard_normal((1, 6, 6, 1)), rng.standard_normal((1, 4, 4, 1))
shared = Convolution(rng.standard_normal((9, 1)), np.zeros(1), k=3)
shared.forward(image)
shared.backward(dout)
affine = Affine(np.zeros((36, 16)), np.zeros(16))
affine.forward(image.reshape(1, 36))
affine.backward(dout.reshape(1, 16))
places = affine.dW.reshape(6, 6, 4, 4)
total = sum(places[i : i + 3, j : j + 3, i, j] for i, j in np.ndindex(4, 4))
assert np.allclose(shared.dW.reshape(3, 3), total)
assert np.allclose(shared.db, dout.sum())

# %% channels
# A kernel adds up over the channels of its input.
image, kernel = rng.random((1, 8, 8, 3)), rng.random((3, 3, 3))  # (k, k, C)
layer = Convolution(np.moveaxis(kernel, 2, 0).reshape(-1, 1), np.zeros(1), k=3)
expected = sum(convolve_naive(image[0, :, :, c], kernel[:, :, c]) for c in range(3))
assert np.allclose(layer.forward(image)[0, :, :, 0], expected)
assert np.shares_memory(sliding_window_view(image, (3, 3), axis=(1, 2)), image), "no copy"

# %% shifts
assert rates["pooling 2 x 2"][0] > rates["784-50-10"][0]
assert rates["pooling 6 x 6"][0] > rates["784-50-10"][0]
for found_there in rates.values():
    assert found_there[0] > found_there[2] > found_there[4], "all of them lose"
assert found[0] < rates["784-50-10"][0], "one square: less accurate"
assert after > before + 0.1, "neighbours agree more"
