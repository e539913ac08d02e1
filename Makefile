# The test cluster: a real Kubernetes of one node. What each target does is said in tests/cluster/README.md.
# NAME picks one of several clusters, SIZE is node (root) or control-plane.
NAME ?= default
SIZE ?= node
cluster = tests/cluster/cluster

# From nothing to a verdict, simulated: no cluster, no GPU. See README.md.
.PHONY: demo
demo:
	cargo run --bin bcmp -- demo

# The same on a real cluster of this machine (root, Debian), which it makes; with DYNAMO=DIRECTORY, a checkout of Dynamo's source,
# with Dynamo's own operator; with CONTEXT=NAME on the one that this context of kubectl names, which has to have operator and
# Dynamo.
.PHONY: demo-cluster
demo-cluster:
	NAME=$(NAME) CONTEXT=$(CONTEXT) DYNAMO=$(DYNAMO) tests/cluster/demo/run

# What the operator costs and how fast it reacts, on the cluster that `make demo-cluster` leaves.
.PHONY: benchmark
benchmark:
	NAME=$(NAME) tests/cluster/benchmark/run

# How long `bcmp demo` takes, as released, and how much memory it needs.
.PHONY: benchmark-demo
benchmark-demo:
	cargo build --release --locked --bin bcmp
	benches/demo

# What the operator costs beside COMPARISONS comparisons, NODES nodes and PODS pods of others, ACTIVE comparisons finding GPUs at a time, on
# a control plane of its own: a quarter of an hour. MINUTES: how long runs come and go.
.PHONY: benchmark-scale
COMPARISONS ?= 1000
PODS ?= 10000
NODES ?= 200
ACTIVE ?= 100
MINUTES ?= 8
benchmark-scale:
	COMPARISONS=$(COMPARISONS) PODS=$(PODS) NODES=$(NODES) ACTIVE=$(ACTIVE) MINUTES=$(MINUTES) tests/cluster/scale/run

# On the cluster of `make demo-cluster`: comparisons (modes, known truth, kills, deletions, failures), then the chart with its pods, from installation
# to removal. Hours; a machine that does nothing else.
.PHONY: test-cluster
test-cluster:
	NAME=$(NAME) tests/cluster/comparisons/run
	NAME=$(NAME) tests/cluster/test_install.sh

# KILLS kills of operator, load pods, load tools, generating pods, kubelet, API server and the stand-in for Dynamo's operator at
# random moments (SEED), over many small comparisons, PARALLEL at a time, on the same cluster. Hours; a machine that does nothing else: on
# two cores, the figures of two at a time tell of the machine.
.PHONY: kills
KILLS ?= 200
PARALLEL ?= 1
kills:
	NAME=$(NAME) KILLS=$(KILLS) SEED=$(SEED) PARALLEL=$(PARALLEL) tests/cluster/kills/run

# The CRD, the operator and the chart on control planes of other Kubernetes versions (KUBERNETES_VERSIONS), which it builds
# first: minutes each. Not a part of `make test`, which runs the same on the default version.
.PHONY: test-versions
KUBERNETES_VERSIONS ?= $(sort $(notdir $(wildcard tests/cluster/go/[0-9]*)))
test-versions:
	set -e; for version in $(KUBERNETES_VERSIONS); do \
		KUBERNETES=$$version tests/cluster/test_crd.sh; \
		KUBERNETES=$$version tests/cluster/test_chart.sh; \
	done

# Everything CI runs, the fast things first.
.PHONY: test check
test: check
	cargo test
	$(MAKE) fuzz
	tests/browser/run
	tests/cluster/test_crd.sh
	tests/packaging/run
	PYTHONDONTWRITEBYTECODE=1 python3 -m unittest discover --start-directory tests/cluster/kills
	tests/dev/run
	tests/docs/run
	tests/cluster/test_chart.sh

# A release as people install it: programs in an empty root, the plugin as krew does it, the one file and the chart on a real API
# server. Minutes: it compiles as released. Not a part of `make test`, which runs what needs no such programs.
.PHONY: test-release
test-release:
	tests/packaging/run_release

check:
	cargo fmt --check
	cargo clippy --all-targets -- -D warnings
	cargo clippy --quiet --locked --no-default-features --bin bcmp -- -D warnings
	tools/deny bans licenses sources

# Known faults of the crates, and crates that are kept up no more. Their list is at GitHub: not a part of `check`, which
# passes on machines that do not reach it.
.PHONY: advisories
advisories:
	tools/deny advisories

# docs/ as a book with a search, in target/book.
.PHONY: book
book:
	tools/book

# kubectl bcmp, and its completion, where cargo installs programs. BIN: another directory.
BIN ?= $(or $(CARGO_INSTALL_ROOT),$(CARGO_HOME),$(HOME)/.cargo)/bin
.PHONY: install-plugin
install-plugin:
	cargo build --release --locked --bin kubectl-bcmp
	install -D target/release/kubectl-bcmp $(BIN)/kubectl-bcmp
	target/release/kubectl-bcmp completion kubectl > $(BIN)/kubectl_complete-bcmp
	chmod 755 $(BIN)/kubectl_complete-bcmp

# Every parser on damaged files, FUZZ_SECONDS each. Another FUZZ_SEED damages them otherwise.
.PHONY: fuzz
FUZZ_SECONDS ?= 15
FUZZ_SEED ?= 1
fuzz:
	BCMP_FUZZ_SECONDS=$(FUZZ_SECONDS) BCMP_FUZZ_SEED=$(FUZZ_SEED) cargo test --test fuzz -- --nocapture

# What docs/promises.md reports. `cargo test` does a small share of each. Optimised: otherwise it takes hours.
# SEED picks other objects and schedules. THREADS: how many are tried at a time.
SEED ?= 20261129
THREADS ?= $(shell nproc)
campaign = BCMP_SEED=$(SEED) BCMP_THREADS=$(THREADS) CARGO_PROFILE_DEV_OPT_LEVEL=1

# Whatever people write, and whenever: so many objects for API servers, real and in memory; so many of them with the operator
# in memory, to their end; so many changes of a field in a phase.
.PHONY: misoperation
OBJECTS ?= 10000
LIVES ?= 10000
CHANGES ?= 2000
misoperation:
	$(campaign) BCMP_OBJECTS=$(OBJECTS) BCMP_LIVES=$(LIVES) BCMP_CHANGES=$(CHANGES) tests/cluster/test_misoperation.sh

# Crashes, lost answers, partitions and clock jumps: so many schedules of decisions, and so many with the whole operator.
.PHONY: schedules
SCHEDULES ?= 20000
COURSES ?= 500
schedules:
	$(campaign) BCMP_SCHEDULES=$(SCHEDULES) cargo test --test lifecycle_properties however_it_is -- --nocapture
	$(campaign) BCMP_SCHEDULES=$(COURSES) cargo test --test lifecycle no_schedule -- --nocapture

# The picture of the report's page that the documents show.
.PHONY: picture
picture:
	tests/browser/run --pictures docs/images/report.png

.PHONY: up down clean-cluster status kubeconfig

up:
	$(if $(filter node,$(SIZE)),tests/cluster/packages)
	$(cluster) up --size $(SIZE) --name $(NAME)

down clean-cluster:
	$(cluster) down --name $(NAME)

status:
	$(cluster) status --name $(NAME)

# make -s kubeconfig: only the path
kubeconfig:
	@$(cluster) kubeconfig --name $(NAME)
