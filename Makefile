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
# Where the page listens.
export UI_PORT ?= 8501

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
	@scripts/setup.sh server torch archive ops ui browser test contract lint
	@touch $@
.venv/.ui: $(SETUP)
	@scripts/setup.sh ui
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
# Once for each environment: what makes the next starts quicker.
.venv/torchserve.aot: config.properties .venv/.server | $(DOUBLEIT)
	@$(PYTHON) -m scripts.server.start_cache model_store && touch $@
serve: .venv/.server .venv/torchserve.aot $(filter $(DOUBLEIT),model_store/$(NAME)-$(VERSION).mar) ## Start TorchServe on 127.0.0.1:PORT and wait until the model answers
	@exec $(PYTHON) -m scripts.serve --name $(NAME) --version $(VERSION)

##@ Page

.PHONY: ui up screenshot
ui: .venv/.ui ## Start the page on 127.0.0.1:UI_PORT for the API at BACKEND_URL
	@exec $(PYTHON) -m frontend
up: .venv/.server .venv/.ui .venv/torchserve.aot $(filter $(DOUBLEIT),model_store/doubleit-$(VERSION).mar) ## Start server and page together; Ctrl-C stops both
	@exec $(PYTHON) -m scripts.up --version $(VERSION)
screenshot: .venv/.development ## Take docs/screenshot.png from the real page with the real server
	@scripts/setup_browser.sh
	@SCREENSHOT=docs/screenshot.png .venv/bin/pytest -q tests/browser/test_look.py -k screenshot

##@ Quality

.PHONY: lint format test
lint: .venv/.development ## Everything static: format, style, types, shell
	@.venv/bin/ruff format --check .
	@.venv/bin/ruff check .
	@.venv/bin/mypy
	@.venv/bin/shellcheck -x scripts/*.sh .ci/run tests/iac/stand_ins/*
format: .venv/.development ## Format the code and mend what can be mended
	@.venv/bin/ruff check --fix --quiet . || true
	@.venv/bin/ruff format .
# KServe's client wants other versions than uv.lock has: an environment of its own.
build/kserve/.ready: tests/contract/kserve.txt | .venv/.development
	@uv=$${UV:-$$(command -v uv || echo .tools/uv)} && $$uv venv --quiet --clear --python $(PYTHON) build/kserve && \
	VIRTUAL_ENV=build/kserve $$uv pip sync --quiet $< && touch $@ || echo "test: KServe's client cannot be installed"
test: .venv/.development build/kserve/.ready ## Run the tests against the real server, with coverage
	@scripts/setup_browser.sh || echo "test: the browser tests will be skipped"
	@.venv/bin/pytest --cov --cov-report=term --cov-report=xml

.PHONY: clean
clean: ## Remove what was built; the environment stays
	@rm -rf build model_store/*.mar model_store/*.pt coverage.xml .coverage* .pytest_cache .mypy_cache .ruff_cache

##@ Cloud

# On a machine that cannot download Terraform's providers, what stands in for the google one.
PROVIDER_SETUP ?= $(wildcard ../shared/tools/terraform-google/setup.sh)
IAC := PROVIDER_SETUP=$(PROVIDER_SETUP) scripts/iac.sh

.PHONY: infra-setup test-iac plan apply output
infra-setup: ## Prepare the Google Cloud project and the GitHub repository named in .env [ARGS=--key]
	@scripts/infra_setup.sh $(ARGS)
test-iac: .venv/.development ## Terraform: format, validity, tests, checkov; and infra_setup.sh
	@$(IAC) check
	@.venv/bin/pytest tests/iac
plan: ## What would change: ENV=dev|prod BACKEND_IMAGE= FRONTEND_IMAGE= [ARGS=-destroy]
	@$(IAC) plan $(ENV) $(ARGS)
apply: ## Carry out the plan that was kept: ENV=dev|prod
	@$(IAC) apply $(ENV)
output: ## An environment's addresses and revisions, as JSON: ENV=dev|prod
	@$(IAC) output $(ENV)
