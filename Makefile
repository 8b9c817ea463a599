# Every command of the project. `make` alone lists them.

.DEFAULT_GOAL := help
.PHONY: help install dev run test test-unit test-cluster test-chart test-converters test-snippets test-monitoring test-docs images e2e e2e-kind kind-up kind-down lint fmt types generate chart verify bench bench-operator lock clean

VENV   := .venv
BIN    := $(VENV)/bin
PYTHON ?= $(shell command -v python3.11 || command -v python3)
# Options for `make run` and `make bench`, such as ARGS="--port 8501".
ARGS   ?=

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: install ## Serve the example models on this machine: http://127.0.0.1:8080
	@$(BIN)/python examples/build_models.py
	@exec $(BIN)/modelport serve examples/*.yaml $(ARGS)

test: dev ## Run the tests: unit, contract, and those with a real Triton
	$(BIN)/python -m pytest -n 2 --dist loadfile tests/unit tests/contract tests/triton

install: $(VENV)/.run ## Make the virtual environment with what serving needs

dev: $(VENV)/.dev ## Add what testing and developing need

test-unit: dev ## Run the tests that need nothing and take seconds
	$(BIN)/python -m pytest tests/unit tests/contract

test-cluster: dev ## Run the tests on a real Kubernetes control plane (built once, with Go 1.26; kept in the cache folder)
	KUBEBUILDER_ASSETS=$$(scripts/control-plane) && export KUBEBUILDER_ASSETS && $(BIN)/python -m pytest tests/cluster

test-chart: dev ## Run the tests of the Helm chart by helm, on the same control plane (both are built once, with Go 1.26)
	HELM=$$(scripts/helm) && KUBEBUILDER_ASSETS=$$(scripts/control-plane) && export HELM KUBEBUILDER_ASSETS && $(BIN)/python -m pytest tests/chart

test-converters: dev ## Run the tests of SavedModel's and NNP's real converters (1 GB of them, kept in the cache folder)
	scripts/test-converters

test-snippets: dev ## Run the snippets of ten languages by their own tools against a gateway
	scripts/test-snippets

test-monitoring: dev ## Try the dashboards and rules with a real Prometheus over a server
	scripts/need-prometheus
	$(BIN)/python -m pytest -m monitoring tests/monitoring

test-docs: dev ## Type the commands of the guides for one machine, as they stand there
	scripts/need-prometheus
	$(BIN)/python -m pytest -m docs tests/docs

images: ## Build the images without a registry, as root on Debian, and print their archives
	@scripts/images

e2e: dev ## Run the tests on the real cluster of KUBECONFIG, a test cluster (tests/e2e/conftest.py names the variables)
	HELM=$$(scripts/helm) && export HELM && $(BIN)/python -m pytest -m e2e tests/e2e $(ARGS)

kind-up: ## Start a cluster of one node in Docker, with kind
	kind get clusters | grep -qx modelport || kind create cluster --config kind-config.yaml --wait 2m

kind-down: ## Delete that cluster
	kind delete cluster --name modelport

e2e-kind: kind-up ## Run the end-to-end tests on that cluster, with images that Docker builds
	MODELPORT_E2E_IMAGES=scripts/kind-images \
	MODELPORT_E2E_LOAD_IMAGE="kind load image-archive --name modelport" \
	MODELPORT_E2E_NODE="docker exec modelport-control-plane" \
	MODELPORT_E2E_REBOOT="docker restart modelport-control-plane" $(MAKE) --no-print-directory e2e

lint: dev ## Check style, types, imports and generated files
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(MAKE) --no-print-directory verify

fmt: dev ## Put the code into the project's style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

generate: dev chart ## Write the files that are made from the code: CRD, roles, reference pages and the chart's copies
	$(BIN)/python -m modelport.api.schema > crds/publishedmodels.yaml.new
	mv crds/publishedmodels.yaml.new crds/publishedmodels.yaml
	$(BIN)/python -m modelport.api.reference > docs/reference/publishedmodel.md.new
	mv docs/reference/publishedmodel.md.new docs/reference/publishedmodel.md
	$(BIN)/python -m modelport.gateway.metrics > docs/reference/metrics.md.new
	mv docs/reference/metrics.md.new docs/reference/metrics.md
	$(BIN)/python -m modelport.cli_reference > docs/reference/cli.md.new
	mv docs/reference/cli.md.new docs/reference/cli.md
	$(BIN)/python -m modelport_operator.reference > docs/reference/operator.md.new
	mv docs/reference/operator.md.new docs/reference/operator.md
	$(BIN)/python -m modelport_operator.rbac > operator/rbac/cluster.yaml.new
	mv operator/rbac/cluster.yaml.new operator/rbac/cluster.yaml
	$(BIN)/python -m modelport_operator.rbac --namespaces models > operator/rbac/namespaced.yaml.new
	mv operator/rbac/namespaced.yaml.new operator/rbac/namespaced.yaml
	$(BIN)/python -m monitoring fleet > charts/modelport/dashboards/fleet.json.new
	mv charts/modelport/dashboards/fleet.json.new charts/modelport/dashboards/fleet.json
	$(BIN)/python -m monitoring model > charts/modelport/dashboards/model.json.new
	mv charts/modelport/dashboards/model.json.new charts/modelport/dashboards/model.json

chart: dev ## Write the parts of the Helm chart that are made from the code
	$(BIN)/python -m modelport_operator.chart charts/modelport/files

verify: generate ## Fail if a generated file is not what the code makes
	git diff --exit-code -- charts/modelport/dashboards charts/modelport/files crds docs/reference operator/rbac

bench: dev ## Measure the gateway beside Triton's own endpoint, a bare loop of Pillow and four model servers; writes docs/benchmarks.md
	@$(BIN)/python examples/build_models.py
	$(BIN)/python tests/bench/bench.py $(ARGS)

bench-operator: dev ## Measure the operator with 1,000 resources on a real control plane; writes docs/benchmarks-operator.md
	KUBEBUILDER_ASSETS=$$(scripts/control-plane) && export KUBEBUILDER_ASSETS && PYTHONPATH=tests/cluster $(BIN)/python tests/bench/operator_bench.py $(ARGS)

lock: dev ## Choose dependency versions anew and write requirements/*.txt
	scripts/lock

clean: ## Remove the virtual environment, sample models and caches
	rm -rf $(VENV) examples/models .modelport .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

# A marker is touched last, so that an interrupted installation is made again.
$(VENV)/.run: requirements/run.txt pyproject.toml
	@scripts/install "$(PYTHON)" $(VENV) requirements/run.txt
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.run
	@scripts/install "$(PYTHON)" $(VENV) requirements/dev.txt
	@touch $@
