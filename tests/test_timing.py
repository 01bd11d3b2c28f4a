"""`utils.timing`: which images a call gets, and the unit of the result."""

import numpy as np
import pytest

from utils import timing


def test_time_per_image_takes_whole_batches_in_turn():
    seen = []

    def predict(batch):
        seen.append(batch.tolist())

    assert timing.time_per_image(predict, np.arange(7), 3, seconds=1e-4) > 0
    assert seen[0] == [0, 1, 2]
    assert all(batch in ([0, 1, 2], [3, 4, 5]) for batch in seen)
    assert seen[:2] == [[0, 1, 2], [3, 4, 5]] or len(seen) == 1


@pytest.mark.parametrize("n", [0, 8])
def test_time_per_image_needs_a_batch_that_fits(n):
    with pytest.raises(ValueError, match="1 to 7 images"):
        timing.time_per_image(len, np.arange(7), n)


def test_typical_time_is_the_median_in_microseconds(monkeypatch):
    ticks = iter([0.0, 1e-6, 1.0, 1.0 + 5e-6, 2.0, 2.0 + 9.0])
    monkeypatch.setattr(timing.time, "perf_counter", lambda: next(ticks))
    assert timing.typical_time(lambda: None, seconds=1) == pytest.approx(5)
