# One word per need; `make help` lists them. What each set-up step does: packaging/README.md.

PYTHON ?= python3
PYTEST_ARGS ?=
DEMO_ARGS ?=
BUILD_PYTHON ?= /usr/bin/python3

BIN := .venv/bin
SETUP := @cd packaging && exec $(PYTHON) -m setup
PYTEST := $(BIN)/python -m pytest -q -n 6 --dist worksteal --durations 10 --ignore tests/bench
NO_COLOUR := $(if $(CI),--color=no)

.DEFAULT_GOAL := help
.PHONY: help python setup setup-run setup-test setup-bench run test pytest check lint bench clean executable deb package-test
.PHONY: image image-test update
.NOTPARALLEL:

help:
	@echo 'make run     set everything up on this machine and start a whole site with test cameras'
	@echo '             (DEMO_ARGS="--cameras 9 --port 8090" goes to vmsd demo)'
	@echo 'make setup   the set-up alone: .venv with the vmsd command, front-end files, MediaMTX, what tests need'
	@echo 'make test    set everything up and run the tests (PYTEST_ARGS="-k breaker" goes to pytest)'
	@echo 'make check   lint, formatting, types, import rules, then the tests'
	@echo 'make bench   every benchmark: a table, and bench.json'
	@echo 'make executable     the program as one folder that needs no Python, in dist/'
	@echo 'make deb            the Debian package of it, with MediaMTX and the units, in dist/'
	@echo 'make package-test   both built twice, and the package tried on clean Debian machines (root, about 15 minutes)'
	@echo 'make image          the disk image of a box, with that package inside, in dist/ (root; packaging/image/README.md)'
	@echo 'make image-test     it is started in QEMU, again and again (root, half an hour)'
	@echo 'make update         a signed update of what is in dist/ (UPDATE_KEY=path to the private release key)'
	@echo 'make clean   remove what the above made; recordings in demo-data stay'
	@echo
	@echo 'PYTHON=/usr/bin/python3.13 names another Python; MEDIAMTX_BINARY=path names a MediaMTX you have.'

python:
	@command -v $(PYTHON) >/dev/null || { \
	  echo 'Python is missing. What to do, as root: apt-get update && apt-get install python3 python3-venv' >&2; \
	  exit 1; }

setup: python
	$(SETUP) setup

setup-run: python
	$(SETUP) run

setup-test: python
	$(SETUP) test

setup-bench: python
	$(SETUP) bench

run: setup-run
	@exec $(BIN)/vmsd demo $(DEMO_ARGS)

test: setup-test pytest

check: setup-test lint pytest

lint:
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict -p vmsd
	$(BIN)/lint-imports

pytest:
	$(PYTEST) $(NO_COLOUR) $(PYTEST_ARGS)

bench: setup-bench
	$(BIN)/python tests/bench

executable: setup-run
	@cd packaging && exec $(PYTHON) -m executable --python $(BUILD_PYTHON)

deb: executable
	@cd packaging && exec $(PYTHON) -m deb

package-test: setup-test deb
	lintian --fail-on error,warning dist/vmsd_*.deb
	VMSD_TEST_PACKAGES=1 $(BIN)/python -m pytest -q tests/packaging --durations 10 $(NO_COLOUR)

update:
	@test -n "$(UPDATE_KEY)" || { echo 'UPDATE_KEY=path names the private release key' >&2; exit 1; }
	@cd packaging && exec ../$(BIN)/python -m update release --key "$(abspath $(UPDATE_KEY))"

image: deb
	@cd packaging && exec $(PYTHON) -m image

image-test: setup-test image
	VMSD_TEST_IMAGE=1 $(BIN)/python -m pytest -q tests/packaging/image --durations 10 $(NO_COLOUR)

clean:
	rm -rf .venv web/node_modules web/static/vendor mediamtx/bin build dist bench.json .hypothesis
	rm -rf .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
	find web/locale -name '*.mo' -delete
	find mediamtx packaging tests vmsd -name __pycache__ -type d -prune -exec rm -rf {} +
