"""One adapter per operating system: which releases and kernels there are. Named in `watching.py`."""
