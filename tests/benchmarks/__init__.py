"""What a typed-out character costs here and elsewhere: `python -m tests.benchmarks typing`."""
