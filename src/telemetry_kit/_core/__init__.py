"""What every capability stands on: the clock, the context, the SDK, counts, values, outcomes, instruments, the scope.

A module keeps its underscores to itself, and what belongs together is an object with names. Where that would be paid for by
every call, it isn't so. These are all such places, with the instructions (callgrind, CPython 3.11) that each saves a call:

- `_core/context.py`: the API's own context variable, in place of its functions around it: 2,300.
- `_core/sdk.py`: the API's globals, in place of `get_tracer_provider()`, which makes a proxy where there is no SDK: 8,500.
- `_core/instruments.py`: looks at those globals itself, in place of three calls: 800.
- `_operation/fast_path.py`, `_operation/measurement.py`: the same, in place of two: 600; they count in a cell themselves, which
  is a list, in place of `Running.enter` and `leave`: 1,200.
- `_operation/fast_call.py`, `_operation/entered.py`: that cell, on its way to another call: 1,200.
- `_operation/state.py`: the cell of a series of sampled calls: 1,200.
- `_operation/hot_path.py`: adds to that cell itself, and shares nothing with the fast path: 5,000.
- `_executors/tasks.py`: the same, for a task: 1,200.
- `_wrapping/drivers.py`: the same, for a call that nobody looks at: 1,200.
- `_use/timed.py`: the same, for a section: 1,200.

`tests/test_architecture.py` finds the places in the source, and holds this list to them.
"""
