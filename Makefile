# SPDX-License-Identifier: Apache-2.0
# Everything a newcomer needs: `make demo`. Plain `make` lists the targets.
# LIBTORCH=/path uses an installed libtorch instead of fetching one (scripts/libtorch.py says which kinds).
.DEFAULT_GOAL := help
.PHONY: help setup build demo test test-browser test-python test-cuda oracles golden bench lint docs pages use fuzz torture sanitize \
	methods lab guard clusters data clean go shim vet pure dist dist-check web
.DELETE_ON_ERROR:

PYTHON ?= python3
ORACLES = $(or $(PARALLAX_ORACLES),testdata/oracles)
FUZZTIME ?= 10s
# Packages without cgo: they build and test with CGO_ENABLED=0, and run under the race detector.
PURE := ./augment/... ./collapse ./collapse/guard ./collapse/history ./config/... ./dataset/... ./embedding ./run/... ./internal/chart ./internal/pagetest ./internal/shell ./internal/terms ./internal/codec ./internal/packfile ./internal/parquetcheck ./internal/machine ./internal/safetensors/... ./internal/tfevents/... ./internal/trace/... ./weights/pickle ./weights/pth ./internal/codec/heif ./search/pixels ./internal/cosine ./internal/binary16 ./internal/tsne ./dashboard ./compare ./internal/loopback ./sweep ./internal/batch

help:
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' Makefile

setup: ## Check the tools and fetch libtorch into .libtorch/ (once)
	@command -v $(PYTHON) >/dev/null || { echo "setup: no $(PYTHON): apt-get install python3 python3-pip" >&2; exit 1; }
	@$(PYTHON) scripts/libtorch.py setup

build: go shim ## Build bin/parallax and the engine library beside it

go: setup
	@mkdir -p bin
	go build -o bin/parallax ./cmd/parallax

shim: setup
	@$(PYTHON) scripts/libtorch.py flags bin/obj/libtorch.mk
	@$(MAKE) --no-print-directory -f scripts/shim.mk -j $$(sed -n 's/^JOBS := //p' bin/obj/libtorch.mk)

demo: build ## Pretrain a small network on the embedded synthetic images
	rm -rf runs/demo
	bin/parallax pretrain --config examples/demo.yaml --preset tiny-cpu --eval-every 156 --out runs/demo

# Tests run in parallel and their networks are tiny: more than one thread each would only wait for the others.
test test-browser oracles golden docs pages: export OMP_NUM_THREADS = 1

test: build vet ## Run every test: Go, race detector, without cgo, the benchmarks' own, the oracles, and the linters
	go test -timeout 30m ./...
	go test -tags parallax_debug ./torch
	go test -race $(PURE) ./encoder ./serve
	CGO_ENABLED=0 go build $(PURE)
	CGO_ENABLED=0 go test $(PURE)
	$(PYTHON) -m unittest discover -s bench -t .
	@$(MAKE) --no-print-directory oracles lint

test-browser: build ## Click through the dashboard's pages in a headless Chromium, on runs made for it: about a minute
	go test -count=1 -timeout 10m ./dashboard/browsertest

test-python: build ## Check our files against PyTorch and safetensors in Python (its own virtual environment)
	$(PYTHON) scripts/test_python.py

test-cuda: build ## Build the engine library for CUDA, with NCCL, from PyPI's wheels (5 GB), and test what needs no GPU
	$(PYTHON) scripts/test_cuda.py

oracles: build ## Check against the reference values in $PARALLAX_ORACLES (default testdata/oracles)
	@go build -o bin/oracles ./internal/golden/oracles
	@PARALLAX_ORACLES='$(ORACLES)' bin/oracles

golden: build ## Check that training is bit-identical to the commit of testdata/golden
	scripts/golden

dist: build ## Pack dist/parallax-VERSION-SYSTEM.tar.gz: the command, its libraries, and a set-up that fetches libtorch
	@$(MAKE) --no-print-directory -f scripts/shim.mk archive
	@$(PYTHON) scripts/dist.py

dist-check: ## Pack twice, unpack elsewhere, set up with .libtorch or $LIBTORCH, and train 5 steps
	scripts/dist-check

# Names: see docs/benchmarks.md. DATA is CIFAR-10 as JPEG files, PHOTOS a folder or an archive of photos.
bench: build ## Compare with peers, side by side; BENCH=list lists, BENCH=knn,embed runs some, BENCH=go Go's: two hours
	$(PYTHON) -m bench $(if $(DATA),--data $(DATA)) $(if $(PHOTOS),--photos $(PHOTOS)) $(if $(QUICK),--quick) $(BENCH)

vet:
	@files="$$(gofmt -l .)"; \
	if [ -n "$$files" ]; then echo "not formatted; run gofmt -w on:"; echo "$$files"; exit 1; fi
	go vet ./...

# The linter is a tool of a separate module, so that its dependencies are not ours. It is built once, in two minutes.
lint: vet bin/golangci-lint ## Check formatting and run go vet and the linters of .golangci.yml
	bin/golangci-lint run ./...

bin/golangci-lint: tools/go.mod tools/go.sum
	@mkdir -p bin
	go build -modfile=tools/go.mod -o $@ github.com/golangci/golangci-lint/v2/cmd/golangci-lint

docs: ## Check the pages: links work, settings exist, generated parts are up to date
	$(PYTHON) scripts/docs.py
	go run ./internal/pages -check

pages: ## Refresh the generated parts of the methods' pages
	go run ./internal/pages

# Experiments of hours. DATA is an archive or a folder of images, for example CIFAR-10. Interrupted ones resume.
methods: build data ## Pretrain with every method on $DATA and print the scores: two hours
	scripts/methods $(DATA)

lab: build data ## Test the review's claims on $DATA, with five seeds: four hours
	bin/parallax lab run review --data $(DATA) --out runs/lab

guard: build data ## Check on $DATA that the guard finds every sabotaged run, and no other: two to four hours
	scripts/guard $(DATA)

clusters: build data ## Cluster $DATA with three seeds, on an encoder of METHOD after EPOCHS: an hour
	scripts/clusters $(DATA) $(or $(METHOD),vibcreg) $(or $(EPOCHS),5)

use: build data ## Walk from $DATA to answers, as docs/use.md shows; RUN=DIR takes its encoder: half an hour
	scripts/use $(DATA)

web: ## Build the dashboard's page from dashboard/web (needs Node.js; the result is committed)
	cd dashboard/web && npm ci --no-fund --no-audit && npm run build

data:
	@test -n "$(DATA)" || { echo "no images given: make $(MAKECMDGOALS) DATA=cifar10.tar.gz" >&2; exit 1; }

# Parts: see docs/reliability.md. An interrupted campaign goes on where it stopped. The figures go to docs/torture.json.
torture: build ## Try to break runs: kills, full disks, lost power, damage, ...; TORTURE=kill,disk for some parts: hours
	go build -o bin/torture ./internal/torture
	bin/torture -out docs/torture.json $(TORTURE)
	@go run ./internal/pages

sanitize: build ## Run tests and short runs under AddressSanitizer, UndefinedBehaviorSanitizer and the race detector
	scripts/sanitize

fuzz: ## Fuzz every decoder of untrusted bytes, $FUZZTIME each (default 10s)
	@FUZZTIME=$(FUZZTIME) scripts/fuzz

clean: ## Remove what was built; libtorch and the runs stay
	rm -rf bin
