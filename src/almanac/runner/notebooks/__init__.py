"""Notebooks, read before a run, executed in kernels of their own, shown as HTML; the home of papermill."""
