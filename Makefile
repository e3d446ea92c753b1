# The index of everything a person can do here. `make` alone lists it.

NAME ?= doubleit
VERSION ?= 1.0

PYTHON := .venv/bin/python
# Where the server listens; scripts/server/settings.py has the same defaults.
export PORT ?= 8080
export MANAGEMENT_PORT ?= 8081
export METRICS_PORT ?= 8082
export GRPC_PORT ?= 7070
export GRPC_MANAGEMENT_PORT ?= 7071

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SUFFIXES:

.PHONY: help
help: ## List the targets
	@awk 'BEGIN {FS = ":.*## "} /^##@ / {printf "\n%s\n", substr($$0, 5)} /^[a-z-]+:.*## / {printf "  %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# Set-up: each stamp is one set of dependency groups, at the versions of uv.lock.
SETUP := scripts/setup.sh scripts/fetch_uv.py pyproject.toml uv.lock
.venv/.server: $(SETUP)
	@scripts/setup.sh server torch archive ops
	@touch $@
.venv/.development: $(SETUP) | .venv/.server
	@scripts/setup.sh server torch archive ops test lint bench
	@touch $@

##@ Server

.PHONY: model archive serve infer
model: .venv/.server ## Rebuild the TorchScript file and show what is inside
	@$(PYTHON) -m scripts.build_model
infer: .venv/.server ## Load the TorchScript file and double [1, 2, 3, 4]
	@$(PYTHON) -m scripts.infer
archive: .venv/.server ## Build model_store/NAME-VERSION.mar [MODEL= NAME= VERSION= CONFIG=]
	@$(PYTHON) -m scripts.build_archive --name $(NAME) --version $(VERSION) $(if $(MODEL),--model $(MODEL)) $(if $(CONFIG),--config $(CONFIG))
# DoubleIt's archive follows its sources. Any other archive is yours, and never replaced by itself.
DOUBLEIT := model_store/doubleit-1.0.mar
$(DOUBLEIT): $(wildcard handler/*) scripts/doubleit.py scripts/build_model.py scripts/build_archive.py | .venv/.server
	@$(PYTHON) -m scripts.build_archive
serve: .venv/.server $(filter $(DOUBLEIT),model_store/$(NAME)-$(VERSION).mar) ## Start TorchServe on 127.0.0.1:PORT and wait until the model answers
	@exec $(PYTHON) -m scripts.serve --name $(NAME) --version $(VERSION)

##@ Speed

.PHONY: bench profile
.venv/.bench: $(SETUP) | .venv/.server
	@scripts/setup.sh server torch archive ops bench
	@touch $@
bench: .venv/.bench ## Measure this server against others [ROUNDS= SECONDS= ONLY=NAME,... WRITE=1]
	@scripts/setup_bench.sh
	@$(PYTHON) -m scripts.bench $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(SECONDS),--seconds $(SECONDS)) $(if $(ONLY),--only '$(ONLY)') $(if $(WRITE),--write)
profile: .venv/.bench ## Show where the server's processor time goes under load
	@scripts/setup_bench.sh
	@$(PYTHON) -m scripts.bench.profile

##@ Quality

.PHONY: lint format test
lint: .venv/.development ## Everything static: format, style, types, shell
	@.venv/bin/ruff format --check .
	@.venv/bin/ruff check .
	@.venv/bin/mypy
	@.venv/bin/shellcheck scripts/*.sh scripts/bench/contenders/lock.sh .ci/run
format: .venv/.development ## Format the code and mend what can be mended
	@.venv/bin/ruff check --fix --quiet . || true
	@.venv/bin/ruff format .
test: .venv/.development ## Run the tests against the real server, with coverage
	@.venv/bin/pytest --cov --cov-report=term --cov-report=xml

.PHONY: clean
clean: ## Remove what was built; the environment stays
	@rm -rf build model_store/*.mar model_store/*.pt coverage.xml .coverage* .pytest_cache .mypy_cache .ruff_cache
