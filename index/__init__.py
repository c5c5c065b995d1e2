"""Files to searchable passages: discover, parse, chunk, encode, store, search."""
