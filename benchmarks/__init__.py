"""Side-by-side measurements against what people use today; `python -m benchmarks --help`."""
