"""What a typed-out character costs here and elsewhere, and what a model's token does.

`python -m tests.benchmarks typing`, `python -m tests.benchmarks assistants`.
"""
