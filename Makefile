# Short names for what is done often.

# Flags for the benchmark: make bench BENCH="-scenario local -for 30s"
BENCH =

.PHONY: build test bench ci

build:
	go build -o chappe ./cmd/chappe

test:
	go test ./...

bench:
	go run ./bench $(BENCH)

# What must hold before a change is taken.
ci:
	.ci/run
