"""One application: the page, the HTTP API beside it, and who may use them."""
