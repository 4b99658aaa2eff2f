"""What it costs, here and elsewhere: a typed-out character, a model's token, Markdown, a room.

`python -m tests.benchmarks typing`, `assistants`, `rendering`, `rooms`, `http` or `scale`.
"""
