"""What the kit costs, as ratios against the same written by hand, side by side in one process.

Each `bench_*.py` has a `run(report)`. Nothing here asserts a time: `python -m tests.bench` prints a table and writes
`bench.json`, with the versions that it was measured with.
"""
