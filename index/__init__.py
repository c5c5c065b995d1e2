"""Files to searchable passages: discover, parse, chunk, encode, store, search."""

import os

# subtle: onnxruntime keeps a record of the machine for its makers, and sends it, unless it is told before its import.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
