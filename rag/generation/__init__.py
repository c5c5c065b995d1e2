"""Language models: an upgrade that cannot lie unnoticed.

A model writes sentences from the passages that were found; each is held until it is known which sentences of the
passages support it. `writer` is the way in: `providers` opens a model by name, `prompts` says what it is asked,
`sentences` takes its text apart as it comes, `failures` names what went wrong, `checking` keeps what is supported.
"""
