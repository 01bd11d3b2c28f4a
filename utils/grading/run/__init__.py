"""Grade a class: plan, dispatch over Dask, workers; and `check` for one notebook."""
