"""Break the index on purpose and count: `python -m torture --help`; results are in docs/reliability.md."""
