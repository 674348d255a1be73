# Short names for what is done often.

# The benchmark measures everything, which takes about 25 minutes, and writes
# bench/RESULTS.md. One scenario is only printed: make bench SCENARIO=local. Other flags
# are in BENCH: make bench SCENARIO=local BENCH="-for 30s"
SCENARIO =
BENCH =

# How long make simulate runs: make simulate FOR=10m; and its other flags, for
# instance SIMULATE=-simulate.all for every kind of fault in each seed.
FOR = 1m
SIMULATE =

.PHONY: build test bench simulate real-clients interop-synapse ci

build:
	go build -o chappe ./cmd/chappe

test:
	go test ./...

bench:
	go run ./bench $(if $(SCENARIO)$(findstring -scenario,$(BENCH)),,-results bench) $(if $(SCENARIO),-scenario $(SCENARIO)) $(BENCH)

# Federations with everything going wrong, seed after seed.
simulate:
	go test ./simulation -count=1 -timeout 0 -v -run FaultsNever -simulate.for=$(FOR) $(SIMULATE)

# With mautrix-go, and with matrix-js-sdk and ar-rtm-sdk in Node and in Chromium.
real-clients:
	realclients/run.sh

# Beside a real Synapse; see docs/INTEROP.md.
interop-synapse:
	interop/run.sh

# What must hold before a change is taken.
ci:
	.ci/run
