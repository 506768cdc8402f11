# Two commands set everything up and show it: `make demo`, `make test`. Each makes the environment it needs.
SHELL := /bin/bash
PYTHON ?= python3
CORES ?= 4
DATE ?=
BIN := .venv/bin
export PATH := $(abspath $(BIN)):$(PATH)

# Every file of pinned, hashed packages, and how one is made.
PINNED := requirements.txt requirements-dev.txt requirements-assistant.txt requirements-soak.txt requirements-cluster.txt requirements-audit.txt requirements-uv.txt
pin = uv pip compile -q --system-certs --universal --generate-hashes --no-emit-index-url --no-header

.PHONY: accuracy assistant audit backfill cluster cron docs doctor history index report rulegraph screenshots demo test run latest benchmark lint requirements soak study clean help

help: ## what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

demo: .venv/.runtime ## the whole path on simulated vendors, no network, no keys
	@echo "making the demo's ten sessions: half a minute"
	@snakemake --cores $(CORES) --quiet all -- results/demo/2025-12-22/all || { \
	  echo "the demo was not made; the whole log is the newest one in .snakemake/log" >&2; exit 1; }
	@echo "open results/demo/2025-12-22/table.html"
	@echo "     results/demo/index.html, every session; results/demo/2025-12-22/market.html, the whole market"
	@echo "ALDER to MAPLE are ordinary names; BRK.B, NA, TpC, SPLYT and the others are what breaks careless programs"

run: .venv/.runtime ## one session on live vendors: make run DATE=2025-12-22
	snakemake --cores $(CORES) results/emps2/$(or $(DATE),$(error say which session: make run DATE=2025-12-22))/all

backfill: .venv/.runtime ## many past sessions: make backfill FROM=2025-01-02 TO=2025-12-22
	python -m darkpool backfill --from $(or $(FROM),$(error say the first session: make backfill FROM=2025-01-02 TO=2025-12-22)) --to $(or $(TO),$(error say the last session: TO=2025-12-22)) --scan $(or $(SCAN),emps2) --cores $(CORES)

latest: .venv/.runtime ## the last-marked date
	@snakemake --cores $(CORES) latest || { echo "not finished; the reason stands above. What is late is asked for again" \
	  "by the next make latest, and python -m darkpool sessions shows what waits" >&2; exit 1; }

cron: .venv/.runtime ## the crontab lines of the unattended morning; make cron INSTALL=1 installs them
	@python -m darkpool cron $(if $(INSTALL),--install)

test: .venv/.development .venv/plugins/.ready ## every promise, about a quarter of an hour on two cores
	pytest -n 2 --dist loadfile --no-loadscope-reorder tests/workflow tests

soak: .venv/.soak ## what takes longer, in parts of an hour at most; make soak goes on until nothing is left
	pytest -m soak -n 2 --dist worksteal --ledger=.soak/ledger.jsonl

lint: .venv/.development ## formatting, lint and types
	ruff check .
	ruff format --check .
	snakefmt --check Snakefile workflow/rules
	mypy
	snakemake --lint

accuracy: .venv/.development demo ## how often each rule is right, on made tapes and on real ones where they are
	python tests/benchmarks/accuracy.py $(wildcard ../shared/data/truth) resources/demo/truth/2025-12-22

history: .venv/.runtime ## the store results/<scan>/history.duckdb, rebuilt from the folders
	python -m darkpool rebuild --scan $(or $(SCAN),emps2)

doctor: .venv/.runtime ## whether everything is there that the mornings need, and what to do where not
	@python -m darkpool doctor --scan $(or $(SCAN),emps2)

audit: .venv/audit/.ready ## known vulnerabilities of the pinned packages; needs a network, and is no part of make test
	.venv/audit/bin/pip-audit --strict --disable-pip --require-hashes $(addprefix -r ,$(PINNED))

assistant: .venv/.assistant ## what `python -m darkpool mcp` needs: the sessions for an assistant
	@echo "ready: python -m darkpool mcp; docs/assistant.md says how to connect it"

cluster: .venv/.cluster ## what --profile profiles/slurm needs: the signing of ticks on a Slurm cluster
	@echo "ready: snakemake --profile profiles/slurm TARGET; docs/scale.md says how"

study: .venv/.runtime ## whether the scores say anything of the price that follows: make study SCAN=emps2
	python -m darkpool study --scan $(or $(SCAN),emps2)

index: .venv/.runtime ## every session of a scan on one page: make index SCAN=emps2
	python -m darkpool index --scan $(or $(SCAN),emps2)

report: .venv/.runtime ## the demo as one file to send to a colleague: results/demo/report.html
	snakemake --cores $(CORES) results/demo/2025-12-22/all results/demo/index.html
	snakemake --cores $(CORES) results/demo/2025-12-22/all results/demo/index.html --report results/demo/report.html

docs: .venv/.runtime ## the tables of the documentation, from the program
	python docs/generate.py

rulegraph: .venv/.development ## the rule graph in docs/architecture.md
	python docs/rulegraph.py

screenshots: .venv/.development ## the pictures of README and docs, from the demo, in headless Chromium
	snakemake --cores $(CORES) results/demo/2025-12-22/all
	python docs/screenshots.py

benchmark: .venv/.development ## speed and memory, as ratios measured in one run
	python tests/benchmarks/session.py
	python tests/benchmarks/engine.py
	python tests/benchmarks/pages.py --quick
	python tests/benchmarks/flat.py
	python tests/benchmarks/browser.py

requirements: .venv/.development ## pin anew from pyproject.toml
	$(pin) pyproject.toml -o requirements.txt
	$(pin) pyproject.toml --group dev -o requirements-dev.txt
	$(pin) pyproject.toml --group assistant -c requirements-dev.txt -o requirements-assistant.txt
	$(pin) --group soak -c requirements-dev.txt -o requirements-soak.txt
	$(pin) --group cluster -c requirements-dev.txt -o requirements-cluster.txt
	$(pin) --group audit -o requirements-audit.txt
	$(pin) --group uv -o requirements-uv.txt

clean: ## the environment and Snakemake's own notes; results and the archive stay
	rm -rf .venv .snakemake logs

# `python -m darkpool` works from the project's root; a copy of the project finds its own package, not this one's.
define link
	@echo 'import os, sys; sys.path.append(os.path.abspath("workflow/scripts"))' > \
	    "$$($(BIN)/python -c 'import site; print(site.getsitepackages()[0])')/darkpool.pth"
endef

# Byte code is compiled once here: without it every one of the many small processes would do it again.
.venv/bin/uv: | requirements-uv.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -q --require-hashes -r requirements-uv.txt

.venv/.runtime: requirements.txt | .venv/bin/uv
	[ -e .venv/.development ] || $(BIN)/uv pip install -q --system-certs --python $(BIN)/python --require-hashes --compile-bytecode -r requirements.txt
	$(link)
	touch $@

.venv/.development: requirements-dev.txt | .venv/bin/uv
	$(BIN)/uv pip install -q --system-certs --python $(BIN)/python --require-hashes --compile-bytecode -r requirements-dev.txt
	$(link)
	touch $@ .venv/.runtime

.venv/audit/.ready: requirements-audit.txt | .venv/bin/uv
	$(BIN)/uv venv -q --clear --python $(BIN)/python .venv/audit
	$(BIN)/uv pip install -q --system-certs --python .venv/audit/bin/python --require-hashes -r requirements-audit.txt
	touch $@

.venv/.assistant: requirements-assistant.txt | .venv/.runtime
	$(BIN)/uv pip install -q --system-certs --python $(BIN)/python --require-hashes --compile-bytecode -r requirements-assistant.txt
	touch $@

.venv/.cluster: requirements-cluster.txt | .venv/.runtime
	$(BIN)/uv pip install -q --system-certs --python $(BIN)/python --require-hashes --compile-bytecode -r requirements-cluster.txt
	touch $@

# The tests' own copy, which only those of Slurm look at: where the executor is installed, every start of Snakemake imports it.
.venv/plugins/.ready: requirements-cluster.txt | .venv/bin/uv
	$(BIN)/uv pip install -q --system-certs --python $(BIN)/python --require-hashes --compile-bytecode --target .venv/plugins -r requirements-cluster.txt
	touch $@

.venv/.soak: requirements-soak.txt | .venv/.development
	$(BIN)/uv pip install -q --system-certs --python $(BIN)/python --require-hashes --compile-bytecode -r requirements-soak.txt
	touch $@
