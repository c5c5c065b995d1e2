"""Question to Answer: retrieve, rerank, read, verify."""
