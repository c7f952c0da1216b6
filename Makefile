# Everything a person or CI does with this repository. `make help` lists it.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= python3
VENV ?= .venv
# On two cores: many tests wait.
WORKERS ?= 4
FAST := tests/core tests/docs tests/sources tests/model tests/executors tests/kube
PYTEST = $(BIN)/python -m pytest -n $(WORKERS)
BIN := $(VENV)/bin
RUNTIME := $(VENV)/.runtime-ready
DEV := $(VENV)/.dev-ready
GO_VERSION = $(shell sed -n 's/^go //p' tools/go/go.mod)
# Set in some environments; each of the many processes of the tests would compile all its code again.
unexport PYTHONDONTWRITEBYTECODE
TOOLS_CACHE = $${PPROJ_TOOLS_CACHE:-$${XDG_CACHE_HOME:-$$HOME/.cache}/parallelproject/tools}
RIG := PYTHONPATH=tools $(BIN)/python -m rig

##@ First steps
demo: $(RUNTIME) ## Set up and run an example backlog on this machine: 21 tasks, one of which fails once
	@rm -rf .pproj/demo
	@$(BIN)/pproj run manifests/examples/demo/tasks.json --command 'sh $(CURDIR)/manifests/examples/demo/work.sh' \
	  --parallelism 4 --set spec.defaults.backoffSeconds=1
check: $(DEV) lint ## In a minute: style, types, layers, then the fast tests; no cluster, no Gitea
	@$(PYTEST) -q --quick -m "not cluster and not gitea" $(FAST) $(ARGS)
test: $(DEV) ## Set up and run every test, real API server included, long sweeps sampled (its programs are built once)
	@$(RIG) build > /dev/null
	@$(PYTEST) $(ARGS)
test-deep: $(DEV) ## All that the tests sample, whole (hours; ARGS="--minutes 10": another part each time, until then)
	@$(RIG) build > /dev/null
	@$(PYTEST) --deep -m deep $(ARGS)
dev-cluster: has-go $(DEV) ## Start a Kubernetes API with fake nodes, and print how to use it; Ctrl-C ends it
	@$(RIG) up

AGENT ?= claude
demo-agents: $(RUNTIME) ## Run a backlog with a real agent program (AGENT=claude or codex) against a scripted model: no key
	@$(BIN)/pproj demo --agent $(AGENT)

has-go: # before anything is installed for it
	@[ -n "$$KUBEBUILDER_ASSETS" ] || command -v go > /dev/null || { \
	  echo "error: there is no go on the PATH, and the control plane is built with Go" >&2; \
	  echo "fix: install Go $(GO_VERSION) or newer; the first start then builds for 5 to 15 minutes, once" >&2; exit 1; }
	@[ -n "$$KUBEBUILDER_ASSETS" ] || [ -d "$(TOOLS_CACHE)" ] || \
	  echo "the first start builds the control plane with Go: 5 to 15 minutes, once" >&2

##@ Working on it
LINTS := lint-style lint-format lint-types lint-layers lint-generated lint-hooks
lint: $(DEV) ## Style, types, layers, generated files, and the hooks of pre-commit
	@$(MAKE) --no-print-directory --keep-going -j 2 $(if $(filter output-sync,$(.FEATURES)),-Otarget) $(LINTS)
lint-style:
	$(BIN)/ruff check .
lint-format:
	$(BIN)/ruff format --check .
lint-types:
	$(BIN)/mypy
lint-layers:
	$(BIN)/lint-imports
lint-generated:
	PYTHONPATH=tools $(BIN)/python -m generate --check
lint-hooks:
	SKIP=ruff,ruff-format,mypy,layers,generated $(BIN)/pre-commit run --all-files
format: $(DEV) ## Format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
generate: $(DEV) ## Make the CRD, the reference pages, the README of the chart and install.yaml
	PYTHONPATH=tools $(BIN)/python -m generate
images: $(DEV) ## Build the images, with docker or buildah, or as root with a buildah that is fetched; ARGS=--check: twice
	@PYTHONPATH=tools $(BIN)/python -m rig.images $(ARGS)
agent-image: $(DEV) ## Build an example image with a coding agent; ARGS=claude or codex
	@PYTHONPATH=tools $(BIN)/python -m rig.agent_images $(ARGS)
e2e: $(DEV) ## The stories, from import to result, in real containers: kind where docker runs, else as root a node made here
	@$(RIG) build > /dev/null
	@$(BIN)/python -m pytest e2e --timeout 1200
faults: $(DEV) ## Every crash and every fault, of an operator and of a local run, judged (hours; ARGS="--sample 100" for less)
	@$(BIN)/python -m tests.local.faults
	@PYTHONPATH=tools:. $(BIN)/python -m tests.faults $(ARGS)
bench: $(DEV) ## Measure all, each figure beside a reference in the same run, and write docs/benchmarks.md; bench-NAME: one
	@PYTHONPATH=tools $(BIN)/python -m bench --docs
bench-%: $(DEV)
	@PYTHONPATH=tools $(BIN)/python -m bench $*
bench-short: $(DEV) ## Measure little, in two minutes: fails only on what is far out of line
	@PYTHONPATH=tools $(BIN)/python -m bench --short
scan: $(DEV) ## What scanners say of the sources, the chart and the Dockerfile (built once, then cached)
	@PYTHONPATH=tools $(BIN)/python -m scan
sbom: $(DEV) ## Bills of materials, as CycloneDX, in dist/sbom; ARGS=--images: of the images too, as root
	@PYTHONPATH=tools $(BIN)/python -m sbom $(ARGS)
lock: $(DEV) ## Pin the dependencies of pyproject.toml anew, with hashes
	UV=$(BIN)/uv requirements/lock.sh
changelog: $(DEV) ## Move the fragments of docs/changes into CHANGELOG.md, for a release; ARGS=--draft only shows them
	@$(BIN)/towncrier build --yes $(ARGS)
tools: $(DEV) ## Build the test control plane, a Gitea and a Kueue, unless they are there
	@$(RIG) build
clean: ## Remove what was set up and built here
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .pproj build dist
help: ## This list
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z0-9-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# Setting up. Hashes are checked; nothing outside the folder is touched.
$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "error: Python 3.11 or newer is needed; PYTHON=… names another one" >&2; exit 1; }
	@echo "setting up $(VENV) …" >&2
	@$(PYTHON) -m venv $(VENV)
$(RUNTIME): requirements/runtime.txt pyproject.toml | $(VENV)/bin/python
	@echo "installing what it needs to run …" >&2
	@$(BIN)/pip install -q --disable-pip-version-check --require-hashes -r requirements/runtime.txt
	@$(BIN)/pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@
$(DEV): requirements/dev.txt $(RUNTIME)
	@echo "installing what its tests need …" >&2
	@$(BIN)/pip install -q --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@touch $@

.PHONY: has-go demo demo-agents check test test-deep dev-cluster lint $(LINTS) format generate images agent-image e2e faults bench bench-short scan sbom lock changelog tools clean help
