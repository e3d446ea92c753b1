# All commands of this project. Run `make` to list them.

# The arguments of the targets. An assignment with := ignores the caller's environment, in which such
# names mean other things, and yields to make's command line.
NAME := $(or $(BACKEND_MODEL),doubleit)
VERSION := 1.0
EMPTY := MODEL CONFIG CODE FILES FORCE WORKERS ARGS URL ENV PROFILES ROUNDS SECONDS ONLY COMMIT WRITE NETWORKS MEASURE
$(foreach name,$(EMPTY),$(eval $(name) :=))
# Of the tests: processes, minutes of the soak, malformed bodies, requests of the contract tests.
PROCESSES := 3
MINUTES := 10
BODIES := 200000
EXAMPLES := 500

# The other settings come from the environment, without the variables that would configure the
# programs that make starts.
unexport $(filter-out $(shell awk '/^[A-Z_]/ {$$1 = ""; print}' server/environment.txt), \
	$(filter $(shell awk '/^[A-Z_]/ {print $$1 "%"}' server/environment.txt),$(.VARIABLES)))

# An argument of a command, with any characters; one that may be missing; an option and its value.
quote = '$(subst ','\'',$1)'
argument = $(if $1,$(call quote,$1))
option = $(if $($2),--$1 $(call quote,$($2)))
SELECTED = $(call option,name,NAME) $(call option,version,VERSION)
comma := ,

PYTHON := .venv/bin/python

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SUFFIXES:
STORED := stored
# All targets are commands, except those with a dot or a slash, which are files.
.PHONY: $(shell awk -F: '/^[a-z-]+:/ {print $$1}' Makefile) $(STORED)

help: ## List the targets
	@awk 'BEGIN {FS = ":.*## "} /^##@ / {printf "\n%s\n", substr($$0, 5)} /^[a-z-]+:.*## / {printf "  %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# Set-up: each stamp file stands for a set of dependency groups, at the versions of uv.lock.
SETUP := scripts/dev/setup.sh scripts/dev/fetch_uv.py pyproject.toml uv.lock
GROUPS_server := server torch archive ops code
GROUPS_bench := $(GROUPS_server) bench
GROUPS_development := $(GROUPS_bench) ui browser test contract
GROUPS_ui := ui
GROUPS_ops := ops
.venv/.%: $(SETUP)
	@scripts/dev/setup.sh $(GROUPS_$*)
	@touch $@
.venv/.development .venv/.bench: | .venv/.server
# The linters need every package that the code imports except torch, and no browser.
.venv-lint/.ready: $(SETUP)
	@VENV=.venv-lint scripts/dev/setup.sh server archive ops code ui browser test contract lint bench
	@touch $@

# Programs that come from the machine's package manager.
CHROMIUM_PACKAGE := scripts/dev/system_package.sh chromium $(call argument,$(CHROMIUM)) chromium chromium-browser google-chrome
WRK_PACKAGE := scripts/dev/system_package.sh wrk wrk
H2LOAD_PACKAGE := scripts/dev/system_package.sh nghttp2-client h2load

##@ Server

model: .venv/.server ## Rebuild the TorchScript file and show its contents
	@$(PYTHON) -m scripts.model.torchscript
infer: .venv/.server ## Load the TorchScript file and double [1, 2, 3, 4]
	@$(PYTHON) -m scripts.model.infer
archive: .venv/.server ## Build model_store/NAME-VERSION.mar and show the inputs it accepts [MODEL= NAME= VERSION= CONFIG= CODE= FILES= FORCE=1]
	@$(PYTHON) -m scripts.model.archiver $(SELECTED) $(call option,model,MODEL) \
		$(call option,config,CONFIG) $(call option,code,CODE) $(call option,files,FILES) $(if $(FORCE),--replace)
# The only archive that make rebuilds when its sources have changed. Other archives are replaced
# only by `make archive FORCE=1`. The start-up cache and the tests use the one in model_store.
DOUBLEIT := model_store/doubleit-1.0.mar
$(DOUBLEIT): $(wildcard handler/*.py handler/*/*.py handler/*/*/*.py examples/doubleit/*.*) scripts/model/torchscript.py scripts/model/archiver.py | .venv/.server
	@$(PYTHON) -m scripts.model.archiver --replace --store $(@D) >/dev/null
# It, if NAME and VERSION select it, also in the model store that MODEL_STORE names. The shell reads
# that variable, because make cannot name a file with any characters.
SERVED = $(if $(filter doubleit-1.0,$(addsuffix -$(VERSION),$(subst $(comma), ,$(NAME)))),$(if $(value MODEL_STORE),$(STORED),$(DOUBLEIT)))
$(STORED): $(DOUBLEIT)
	@mkdir -p "$$MODEL_STORE" && { cmp -s $< "$$MODEL_STORE/$(<F)" || cp $< "$$MODEL_STORE/$(<F)"; }
# The Java runtime's start-up cache, made once per virtual environment for faster starts. Making it
# also creates the edited classes of TorchServe's jar.
.venv/torchserve.aot: config.properties server/torchserve/jar.py $(wildcard server/torchserve/classes/*.class server/torchserve/docs/*) .venv/.server | $(DOUBLEIT)
	@$(PYTHON) -m server.torchserve.start_cache model_store && touch $@
serve: .venv/.server .venv/torchserve.aot $(SERVED) ## Start TorchServe on 127.0.0.1:PORT and wait until the models are ready [NAME=,... VERSION=]
	@exec $(PYTHON) -m server $(SELECTED)

##@ Page

ui: .venv/.ui ## Start the page on 127.0.0.1:UI_PORT for the API at BACKEND_URL
	@exec $(PYTHON) -m frontend
up: .venv/.server .venv/.ui .venv/torchserve.aot $(SERVED) ## Start server and page together; Ctrl-C stops both [NAME=,... VERSION=]
	@exec $(PYTHON) -m scripts.dev.up $(SELECTED)
screenshot: .venv/.development ## Take docs/screenshot*.png and build/screenshots/ from the real pages with real servers
	@$(CHROMIUM_PACKAGE)
	@SCREENSHOTS=build/screenshots .venv/bin/pytest -q tests/browser -k 'screenshots or examples_are_sent'
	@cp build/screenshots/doubleit-light.png docs/screenshot.png
	@cp build/screenshots/photos-light.png docs/screenshot-classifier.png
	@cp build/screenshots/docs.png docs/screenshot-api.png

##@ Versions

MODELS = $(PYTHON) -m server.versions $(call option,name,NAME)
models: .venv/.server ## Show the models of the running server and their versions [NAME=: of one]
	@$(PYTHON) -m server.versions $(if $(filter command,$(firstword $(origin NAME))),$(call option,name,NAME)) list $(ARGS)
register: .venv/.server ## Register model_store/NAME-VERSION.mar; the default stays [VERSION= ARGS=]
	@$(MODELS) register $(call quote,$(VERSION)) $(ARGS)
rollout: .venv/.server ## Make VERSION the default if its responses match the current default's [ARGS=--retire]
	@$(MODELS) rollout $(call quote,$(VERSION)) $(ARGS)
rollback: .venv/.server ## Switch back to the previous default; running it again undoes it
	@$(MODELS) rollback $(ARGS)
scale: .venv/.server ## Set the number of workers of VERSION [VERSION= WORKERS=]
	@$(MODELS) scale $(call quote,$(VERSION)) $(call quote,$(WORKERS)) $(ARGS)
unregister: .venv/.server ## Remove VERSION from the server; its archive stays [VERSION=]
	@$(MODELS) unregister $(call quote,$(VERSION)) $(ARGS)

##@ Speed

bench: .venv/.bench .venv/torchserve.aot ## Compare the speed of this server and others; NETWORKS=1: with tensors [ROUNDS= SECONDS= ONLY=NAME,... COMMIT= WRITE=1]
	@$(WRK_PACKAGE)
	@$(H2LOAD_PACKAGE)
	@$(PYTHON) -m scripts.bench $(if $(NETWORKS),--networks) $(call option,rounds,ROUNDS) $(call option,seconds,SECONDS) \
		$(call option,only,ONLY) $(call option,commit,COMMIT) $(if $(WRITE),--write)
sizes: .venv/.bench .venv/torchserve.aot ## Measure the largest lists that this server and others answer in 1 GiB (needs root) [WRITE=1]
	@$(PYTHON) -m scripts.bench.sizes $(if $(WRITE),--write)
cloud-scale: .venv/.bench .venv/torchserve.aot ## Estimate Cloud Run's instances, cost and cold starts for 10 to 100 000 requests/s [MEASURE=1 WRITE=1]
	@$(if $(MEASURE),$(WRK_PACKAGE))
	@$(PYTHON) -m scripts.bench.scale $(if $(MEASURE),--measure) $(if $(WRITE),--write)
profile: .venv/.bench .venv/torchserve.aot ## Profile the server under load
	@$(WRK_PACKAGE)
	@$(PYTHON) -m scripts.bench.profiling

##@ Quality

LINT := lint-python lint-shell lint-images lint-workflows lint-files lint-secrets
lint: $(LINT) ## Run all linters: format, style, types, shell, images, workflows, schemas, secrets
lint-python: .venv-lint/.ready
	@.venv-lint/bin/ruff format --check .
	@.venv-lint/bin/ruff check .
	@.venv-lint/bin/mypy
lint-shell: .venv-lint/.ready
	@.venv-lint/bin/shellcheck -x $$( (git ls-files '*.sh'; git grep -lE '^#!(/usr/bin/env |/bin/)(ba)?sh$$') | sort -u)
lint-images: .venv-lint/.ready
	@.venv-lint/bin/hadolint --failure-threshold style docker/*.Dockerfile
# Each at its strictest. jactionlint is actionlint with more rules, and also runs shellcheck.
CHECK_SCHEMA := .venv-lint/bin/check-jsonschema --builtin-schema
lint-workflows: .venv-lint/.ready
	@.venv-lint/bin/jactionlint --shellcheck=.venv-lint/bin/shellcheck
	@.venv-lint/bin/zizmor --offline --quiet --persona=auditor --strict-collection .github
	@$(CHECK_SCHEMA) vendor.github-workflows .github/workflows/*.yml
	@$(CHECK_SCHEMA) vendor.github-actions .github/actions/*/action.yml
	@$(CHECK_SCHEMA) vendor.dependabot .github/dependabot.yml
	@$(CHECK_SCHEMA) vendor.codecov codecov.yml
	@$(CHECK_SCHEMA) vendor.github-issue-forms .github/ISSUE_TEMPLATE/[!c]*.yml
	@$(if $(wildcard docker/compose*.yaml),$(CHECK_SCHEMA) vendor.compose-spec $(wildcard docker/compose*.yaml))
lint-files: .venv-lint/.ready
	@.venv-lint/bin/yamllint --strict $$(git ls-files '*.yml' '*.yaml')
	@.venv-lint/bin/check-toml $$(git ls-files '*.toml')
	@.venv-lint/bin/check-added-large-files --enforce-all --maxkb=500 $$(git ls-files)
	@.venv-lint/bin/check-merge-conflict --assume-in-merge $$(git ls-files)
	@.venv-lint/bin/pre-commit validate-config
	@.venv-lint/bin/codespell $$(git ls-files '*.md' '*.py' '*.sh' '*.yml' '*.yaml' '*.tf' '*.toml' Makefile)
# Secrets are detected by their format (keys, tokens, random strings). Detection by keyword is off,
# because `secret = ` here holds the name of a secret. Excluded are the hashes in the lock file and
# of TorchServe's classes, and URLs with a test's password.
lint-secrets: .venv-lint/.ready
	@.venv-lint/bin/detect-private-key $$(git ls-files)
	@.venv-lint/bin/detect-secrets-hook --no-verify --disable-plugin KeywordDetector \
		--exclude-lines '://[a-z]+:[a-z]+@' $$(git ls-files | grep -vxE 'uv.lock|server/torchserve/jar.py')
format: .venv-lint/.ready ## Format the code and apply safe fixes
	@.venv-lint/bin/ruff check --fix --quiet . || true
	@.venv-lint/bin/ruff format .
test-unit: .venv/.development ## Run the tests that start no server, browser or container
	@.venv/bin/pytest -q tests/unit $(call option,numprocesses,PROCESSES)

# Runs PROCESSES test files in parallel. Each process starts its own servers; some files share those
# of one process (tests/conftest.py).
PARALLEL = $(call option,numprocesses,PROCESSES) --dist loadfile --no-loadscope-reorder
test: .venv/.development .venv/torchserve.aot ## Run the tests against the real server and page, with coverage [PROCESSES=]
	@$(CHROMIUM_PACKAGE) || echo "test: the browser tests will be skipped"
	@.venv/bin/pytest $(PARALLEL) --durations=10 --cov --cov-report=term --cov-report=xml

test-bench: .venv/.development .venv/torchserve.aot ## Run the tests of the benchmarks, which put load on real servers
	@$(WRK_PACKAGE)
	@$(H2LOAD_PACKAGE)
	@.venv/bin/pytest tests/bench

##@ Reliability

# Virtual environments for third-party clients and models that need other versions than uv.lock.
OTHERS := build/kserve/.ready build/mlserver/.ready build/silero/.ready
build/kserve/.ready build/mlserver/.ready: build/%/.ready: scripts/bench/contenders/%/requirements.txt scripts/bench/contenders/uv.toml
build/silero/.ready: tests/contract/silero.txt
build/silero/.ready: FLAGS := --no-deps
$(OTHERS): build/%/.ready: | .venv/.development
	@uv=$${UV:-$$(command -v uv || echo .tools/uv)} && $$uv venv --quiet --clear --python $(PYTHON) build/$* && \
	VIRTUAL_ENV=build/$* $$uv pip install --quiet --config-file scripts/bench/contenders/uv.toml $(FLAGS) --requirements $< && touch $@ || echo "contract: $< cannot be installed"
contract: .venv/.development .venv/torchserve.aot $(OTHERS) ## Test the API with docs/openapi.yaml, third-party clients and real models [EXAMPLES=]
	@CONTRACT_EXAMPLES=$(call quote,$(EXAMPLES)) .venv/bin/pytest -q -s tests/contract tests/models
test-faults: .venv/.development .venv/torchserve.aot ## Inject faults under load and print their effects [BODIES= SLOW=1]
	@FUZZ_BODIES=$(call quote,$(BODIES)) .venv/bin/pytest -v --durations=15 $(if $(SLOW),,-m 'not slow') tests/faults
limits: .venv/.development .venv/torchserve.aot ## Test and print the largest bodies for 512 MiB to 4 GiB of memory (needs root)
	@LIMITS_MIB='512 1024 2048 4096' .venv/bin/pytest -q tests/faults/test_memory.py
JAVAC = javac --release 11 -g:none -proc:none -Xlint:all -Werror -cp .venv/lib/python*/site-packages/ts/frontend/model-server.jar
classes: .venv/.server ## Compile the Java classes of the server and of the benchmark (needs JDK 17), and docs/openapi.yaml for them
	@rm -rf build/classes && $(JAVAC) -d build/classes server/torchserve/classes/*.java
	@$(JAVAC) -d scripts/bench/netty scripts/bench/netty/Constant.java
	@rm -f server/torchserve/classes/*.class && cp build/classes/doubleit/*.class server/torchserve/classes/
	@$(PYTHON) -c 'import json, sys, yaml; json.dump(yaml.safe_load(sys.stdin), sys.stdout)' < docs/openapi.yaml > server/torchserve/docs/openapi.json
linear: .venv/.development .venv/torchserve.aot $(DOUBLEIT) ## Compare time and memory for bodies of N and 4N bytes in each format
	@$(PYTHON) -m scripts.bench.linear
soak: .venv/.development .venv/torchserve.aot ## Load the server steadily; fail if memory, descriptors, threads or p99 grow [MINUTES=]
	@SOAK_MINUTES=$(call quote,$(MINUTES)) .venv/bin/pytest -q tests/soak

##@ Release and deployment

hooks: .venv-lint/.ready ## Install git hooks that check each commit
	@.venv-lint/bin/pre-commit install
release: .venv/.ops ## Run all checks and tag v<version of pyproject.toml>; does not push
	@$(PYTHON) -m scripts.dev.release check
	@$(MAKE) --no-print-directory lint test
	@$(PYTHON) -m scripts.dev.release tag
publish: ## Build both images, push them to REGISTRY as :candidate-<commit>, print their digests
	@scripts/deploy/publish.sh build
publish-tested: ## Tag the pushed candidates of this commit as :<commit>, after make test-images
	@scripts/deploy/publish.sh accept
publish-release: ## Also tag the tested images of this commit as :v<version>
	@scripts/deploy/publish.sh release
deploy: .venv/.ops ## Deploy, test and shift the traffic; roll back on failure: ENV=dev|prod BACKEND_IMAGE= FRONTEND_IMAGE=
	@$(PYTHON) -m scripts.deploy $(call argument,$(ENV))
plan-preview: ## Write the changes that this checkout would make in ENV to build/iac/ENV.md
	@scripts/deploy/iac.sh preview $(call argument,$(ENV))
audit-workflows: .venv-lint/.ready ## Check the workflows against GitHub's data (needs network and GH_TOKEN)
	@.venv-lint/bin/zizmor --persona=auditor --strict-collection .github
audit-dependencies: .venv/.development ## Check every locked package for known vulnerabilities in the OSV database (needs network)
	@$${UV:-$$(command -v uv || echo .tools/uv)} audit --locked --all-groups

clean: ## Remove build outputs; the virtual environments stay
	@rm -rf build model_store/*.mar model_store/*.pt model_store/*.json coverage.xml .coverage* .pytest_cache .mypy_cache .ruff_cache

##@ Containers

# Tag of the images, also used by docker/compose.yaml.
export TAG ?= latest
# More flags for docker buildx bake, such as --set torchserve.contexts.wheels=FOLDER (docker/bake.hcl).
BUILD_FLAGS ?=
BAKE = VERSION=$(shell sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml) \
	REVISION=$(shell git rev-parse HEAD 2>/dev/null) ARCHIVE_SHA256=$(call quote,$(ARCHIVE_SHA256)) \
	docker buildx bake --file docker/bake.hcl --load $(BUILD_FLAGS)
COMPOSE = docker compose --file docker/compose.yaml

images: ## Build doubleit-torchserve and doubleit-frontend [TAG= PLATFORM= BUILD_FLAGS= ARCHIVE_SHA256=]
	@$(BAKE)
image-figures: .venv/.bench .venv/.ui .venv/torchserve.aot ## Print the images' sizes and compare their start-up times with those outside containers [TAG= WRITE=1]
	@$(PYTHON) -m scripts.bench.image_figures $(call option,tag,TAG) $(if $(WRITE),--write)
compose-up: images $(DOUBLEIT) ## Start server and page in containers and wait until they are healthy [PROFILES=management,monitoring]
	@COMPOSE_PROFILES=$(call quote,$(PROFILES)) $(COMPOSE) up --detach --wait
	@for service in server:8080 page:8501 management:8081 prometheus:9090 grafana:3000; do \
		address=$$($(COMPOSE) port $${service%:*} $${service#*:} 2>/dev/null) && \
		printf '%-12s http://%s\n' $${service%:*} "$$address"; done; true
compose-down: ## Stop and remove the containers
	@COMPOSE_PROFILES=management,monitoring $(COMPOSE) down
smoke: .venv/.server ## Send the deployment at URL requests with known responses [URL= NAME= VERSION=; env ID_TOKEN]
	@$(PYTHON) -m scripts.deploy.smoke $(call quote,$(or $(URL),http://127.0.0.1:$(or $(PORT),8080))) --model $(call quote,$(NAME)) $(call option,version,VERSION)
test-images: .venv/.development .venv/torchserve.aot build/kserve/.ready ## Build and test the images, or test existing ones [BACKEND_IMAGE= FRONTEND_IMAGE=]
	@.venv/bin/pytest tests/images

##@ Cloud

# A program that installs a local google provider, for machines that cannot download the real one
# (scripts/deploy/iac.sh).
export PROVIDER_SETUP ?=

infra-setup: ## Prepare the Google Cloud project and the GitHub repository named in .env [ARGS=--key]
	@scripts/deploy/infra_setup.sh $(ARGS)
test-iac: .venv/.development ## Check and test the Terraform code, run checkov, and test infra_setup.sh
	@scripts/deploy/iac.sh check
	@.venv/bin/pytest tests/iac $(call option,numprocesses,PROCESSES) --dist loadfile
iac-reference: .venv/.development ## Write iac/reference.md, the list of Terraform's inputs and outputs
	@$(PYTHON) -m scripts.deploy.reference
plan: ## Plan the changes to ENV and keep the plan: ENV=dev|prod BACKEND_IMAGE= FRONTEND_IMAGE= [ARGS=-destroy]
	@scripts/deploy/iac.sh plan $(call argument,$(ENV)) $(ARGS)
apply: ## Apply the kept plan: ENV=dev|prod
	@scripts/deploy/iac.sh apply $(call argument,$(ENV))
output: ## Print the URLs and revisions of ENV as JSON: ENV=dev|prod
	@scripts/deploy/iac.sh output $(call argument,$(ENV))
