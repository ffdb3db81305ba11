# Everything a developer or a user does with this tree. `make` alone lists it.

GO          ?= go
BIN         := bin
BINARIES    := kopru kopru-connector-file kopru-connector-http kopru-connector-mpluskassa kopru-connector-sftp kopru-connector-sql kopru-connector-vismanet kopru-sandbox
GOLANGCI    := v2.15.0
GOFUMPT     := v0.12.0
PROTOC_GO   := v1.36.12
PROTOC_GRPC := v1.6.2
TESTFLAGS   ?= -race -timeout 20m

.DEFAULT_GOAL := help

help: ## List the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## Build every binary into bin/
	@mkdir -p $(BIN)
	$(GO) build -trimpath -ldflags '-s -w' -o $(BIN)/ ./cmd/...

demo: build ## Run the shipped bridge against the sandbox and show what came of it
	@sh cmd/kopru-sandbox/demo.sh

fullsync: build ## Sync a whole shop for the first time within the systems' limits: ITEMS, CUSTOMERS, ORDERS, HOURLY, SCALE
	@sh cmd/kopru-sandbox/fullsync.sh

test: test-needs build ## Run all tests with the race detector
	$(GO) test $(TESTFLAGS) ./...

test-needs: ## Install what the tests need, where it is missing (PostgreSQL, Chromium)
	@sh .ci/test-needs

bench: build ## Measure against hand-written loops for 25 minutes, and write engine/bench/results.md
	$(GO) run ./engine/bench -keep engine/bench

load: ## Measure the dashboard with two million entries and a sync at full speed
	KOPRU_LOAD=2000000 $(GO) test ./engine/dashboard -run 'TestLoad$$' -v -timeout 30m

lint: $(BIN)/golangci-lint $(BIN)/gofumpt ## Check format, lint and that generated code is current
	@test -z "$$($(BIN)/gofumpt -l cmd engine pipelines plugins transforms | tee /dev/stderr)" || (echo "run: make fmt" && false)
	$(BIN)/golangci-lint run ./...

fmt: $(BIN)/gofumpt ## Format the Go code
	$(BIN)/gofumpt -w cmd engine pipelines plugins transforms

fuzz: ## Fuzz every parser for a short while
	@sh .ci/fuzz

gen: $(BIN)/protoc-gen-go $(BIN)/protoc-gen-go-grpc ## Generate code from the protocol (needs protoc)
	cd plugins/protocol && PATH="$(CURDIR)/$(BIN):$$PATH" $(GO) generate .

clean: ## Remove what was built
	rm -rf $(BIN) demo

$(BIN)/golangci-lint:
	GOBIN=$(CURDIR)/$(BIN) $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI)

$(BIN)/gofumpt:
	GOBIN=$(CURDIR)/$(BIN) $(GO) install mvdan.cc/gofumpt@$(GOFUMPT)

$(BIN)/protoc-gen-go:
	GOBIN=$(CURDIR)/$(BIN) $(GO) install google.golang.org/protobuf/cmd/protoc-gen-go@$(PROTOC_GO)

$(BIN)/protoc-gen-go-grpc:
	GOBIN=$(CURDIR)/$(BIN) $(GO) install google.golang.org/grpc/cmd/protoc-gen-go-grpc@$(PROTOC_GRPC)

.PHONY: help build demo test test-needs bench load lint fmt fuzz gen clean
