# `make` lists the targets. Each recipe is one call of a script in tools/ or of a CMake preset.
# Extra arguments: make run ARGS='--log.level debug', make test-int ARGS='-k restart', make bench ARGS=...

.DEFAULT_GOAL := help
.PHONY: help setup build run kafka test test-int docs-test sim fuzz coverage mutate bench fmt generate lint infra infra-plan infra-apply ci ci-long image up down test-image test-k8s clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Install missing packages (Debian 12) for building, integration tests and checks
	tools/setup.sh build int lint

build: ## Build the service: build/release/event-ingestor
	tools/setup.sh build && tools/build.sh release event-ingestor

run: build ## Run the service on HTTP_PORT; sink: Kafka if a broker answers, else files
	tools/run.sh $(ARGS)

kafka: ## Run a real Kafka broker on localhost:9092 until Ctrl-C
	tools/setup.sh kafka && exec tools/kafka/kafka.sh start $(ARGS)

test: ## Unit, contract, fault and simulation tests
	tools/setup.sh build && tools/build.sh release && tools/test.sh release $(ARGS)

test-int: build ## Black-box tests of the binary against a real Kafka broker that they start
	tools/setup.sh int && tools/test_int.sh $(ARGS)

docs-test: build ## Run the commands of the documents and compare their output with the stated one
	tools/setup.sh k8s && tools/docs_test.sh $(ARGS)

sim: ## Simulate faults of the log and of brokers: N=100000 schedules, or SEED=n to repeat one
	tools/setup.sh build && tools/build.sh release simulation_tests && tools/sim.sh

fuzz: ## Fuzz the parsers of external input: FUZZ_SECONDS=60 each, ARGS='request_parser' for one
	tools/setup.sh build lint && tools/fuzz.sh $(ARGS)

coverage: ## Lines and branches that the C++ tests run: a table, build/coverage/html
	tools/setup.sh build lint && tools/build.sh coverage unit_tests contract_tests fault_tests simulation_tests && \
	  tools/coverage.py $(ARGS)

mutate: ## Generated mutants that the C++ tests kill: ARGS='src/delivery --sample 200', default: all
	tools/setup.sh build lint && tools/mutate.py $(ARGS)

bench: ## Paired load rounds against nginx and a bare librdkafka producer
	tools/setup.sh build int && tools/build.sh release && build/venv/bin/python bench/run.py $(ARGS)

image: ## Build the container image: event-ingestor:latest
	tools/image/build.sh

up: ## Start everything in containers: service, Kafka, Prometheus, Grafana; PROFILE=load adds load
	tools/compose.sh up

down: ## Stop the containers; VOLUMES=delete removes their data too
	tools/compose.sh down

test-image: ## Test the image with a real Kafka in containers
	tools/setup.sh int && tools/image/test.sh $(ARGS)

test-k8s: ## Test the chart in a cluster (KUBECONFIG and IMAGE, or LOCAL_CLUSTER), under load
	tools/k8s/test.sh $(ARGS)

fmt: ## Rewrite sources in the project's format
	tools/setup.sh lint && tools/fmt.sh

generate: ## Rewrite the documents and the chart's schema that are generated from the sources
	tools/setup.sh build lint && tools/build.sh release event-ingestor && tools/generate.sh

lint: ## Every static check: format, layers, headers, links, shell, workflows, clang-tidy, ...
	tools/setup.sh build lint && tools/build.sh release event-ingestor && tools/lint.sh $(ARGS)

infra: ## All checks of infra/: format, validation, tests, the chart's values, tflint, checkov
	tools/setup.sh lint && tools/infra.sh check $(ARGS)

infra-plan: ## Apply, compare and destroy the roots of CLOUD=aws on a local stand-in for AWS
	tools/setup.sh lint && tools/infra.sh plan $(CLOUD)

infra-apply: ## Apply the Terraform to a real cluster (KUBECONFIG and IMAGE, or LOCAL_CLUSTER): events, drift, destroy
	tools/setup.sh lint && tools/infra.sh apply $(ARGS)

ci: ## All checks that must pass before a change is merged
	tools/ci.sh

ci-long: ## The nightly checks, which take longer: mutants, schedules, fuzzing
	tools/ci.sh long

clean: ## Remove build/, with the data of make kafka (packages and var/ stay)
	rm -rf build
