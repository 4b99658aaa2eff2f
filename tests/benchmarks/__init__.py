"""What a typed-out character costs here and elsewhere, a model's token, and drawing Markdown.

`python -m tests.benchmarks typing`, `assistants` or `rendering`.
"""
