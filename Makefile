# Everything from a fresh clone: `make demo`, `make test`. A second run re-uses the environment.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
export TF_CPP_MIN_LOG_LEVEL ?= 2
# What is compiled is kept: tests start many processes, and each would compile kerazoo again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test most-tests test-all quick quick-tests faults lint catalogue notebooks wheel peers backends \
	app-test docs ray-test studies-report clean

demo: $(VENV)/.demo
	$(BIN)/kerazoo demo

# Lint takes a core for a minute, and each of the two workers one for minutes: they share.
test: $(VENV)/.dev
	$(MAKE) -j 2 lint most-tests

most-tests: $(VENV)/.dev
	$(BIN)/python -m pytest -n 2 --dist worksteal -m "not faults and not thorough" --durations=15

# And what tests/thorough.toml leaves out of `make test`: before a release.
test-all: $(VENV)/.dev lint
	$(BIN)/python -m pytest -n 2 --dist worksteal -m "not faults" --durations=15

# Lint, and beside it, on the other core, the fast tests from every area that tests/quick.txt names.
quick: $(VENV)/.dev
	$(MAKE) -j 2 lint quick-tests

quick-tests: $(VENV)/.dev
	TF_NUM_INTRAOP_THREADS=1 TF_NUM_INTEROP_THREADS=1 OMP_NUM_THREADS=1 \
		$(BIN)/python -m pytest -m "not faults and not thorough" -q @tests/quick.txt

# What goes wrong elsewhere: threads, processes that are killed, hostile input.
faults: $(VENV)/.dev
	$(BIN)/python -m pytest -n 2 --dist worksteal -m faults --durations=15

# Style, the order of imports, types, and the examples in docstrings.
lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python tools/import_circles.py
	$(BIN)/lint-imports
	$(BIN)/basedpyright
	$(BIN)/python -m pytest -q --doctest-modules $$(grep -rl --include='*.py' '>>> ' kerazoo)

# What `kerazoo list` shows, the stubs of public names and README.md's table, written anew from the
# family files and the packages' faces.
catalogue: $(VENV)/.dev
	$(BIN)/python -m kerazoo.models._catalogue
	$(BIN)/python tools/stubs.py
	$(BIN)/python -m tools.model_tables

# notebooks/*.py -> *.ipynb with outputs. Data sets: KERAZOO_DATA_DIR, or ~/tensorflow_datasets.
notebooks: $(VENV)/.dev
	$(BIN)/python tools/notebooks.py

# The site, in build/docs/site: pages that are generated, Zensical in an environment of its own, and a
# look at every link and picture. Warnings are errors. The page that runs networks in the browser
# goes along where tools/browser_page.py has made it.
DOCS := build/docs
BROWSER ?= build/browser
docs: $(VENV)/.dev $(DOCS)/venv/.made
	$(BIN)/python -m tools.site_pages $(DOCS)/pages $(if $(wildcard $(BROWSER)/index.html),--browser $(BROWSER))
	$(DOCS)/venv/bin/zensical build --clean --strict
	$(BIN)/python tools/check_site.py $(DOCS)/site

$(DOCS)/venv/.made: docs/requirements.txt
	test -x $(DOCS)/venv/bin/python || $(PYTHON) -m venv $(DOCS)/venv
	$(DOCS)/venv/bin/pip install -q -r docs/requirements.txt
	touch $@

wheel: $(VENV)/.dev
	$(BIN)/pip wheel -q --no-deps -w dist .
	@ls -l dist

# Our speed beside other libraries', whose environment is made first (docs/benchmarks.md).
PEERS_PYTHON ?= build/peers/venv/bin/python
PEERS ?=
peers: $(VENV)/.dev $(PEERS_PYTHON)
	$(BIN)/python benchmarks/peers.py --peers $(PEERS_PYTHON) --output build/peers/results $(PEERS)

build/peers/venv/bin/python: benchmarks/peers-requirements.txt
	$(PYTHON) -m venv build/peers/venv
	build/peers/venv/bin/pip install -q -r benchmarks/peers-requirements.txt
	touch $@

# Tables and figures of benchmarks/studies, from the logs of the cells that have ended.
studies-report: $(VENV)/.dev
	$(BIN)/python benchmarks/studies/report.py

# PyTorch and JAX: the tests of every backend, and our networks on PyTorch beside timm's. `BACKENDS`
# has the benchmark's arguments.
BACKENDS_VENV ?= build/backends/venv
BACKENDS ?=
backends: $(BACKENDS_VENV)/.made
	$(BACKENDS_VENV)/bin/python -m pytest -q tests/models/test_backends.py tests/layers
	$(BACKENDS_VENV)/bin/python benchmarks/backends.py $(BACKENDS)

$(BACKENDS_VENV)/.made: benchmarks/backends-requirements.txt pyproject.toml
	test -x $(BACKENDS_VENV)/bin/python || $(PYTHON) -m venv $(BACKENDS_VENV)
	$(BACKENDS_VENV)/bin/pip install -q -r benchmarks/backends-requirements.txt
	$(BACKENDS_VENV)/bin/pip install -q -e ".[jax,data,demo]" pytest
	$(BACKENDS_VENV)/bin/pip install -q --no-deps timm==1.0.31
	touch $@

# Scoring on a Ray cluster of two machines, on this one. `RAY` has further arguments of pytest.
RAY_VENV ?= build/ray/venv
RAY ?=
ray-test: $(RAY_VENV)/.made
	$(RAY_VENV)/bin/python -m pytest -q tests/scoring $(RAY)

$(RAY_VENV)/.made: pyproject.toml
	test -x $(RAY_VENV)/bin/python || $(PYTHON) -m venv $(RAY_VENV)
	$(RAY_VENV)/bin/pip install -q -e ".[ray,data,demo]" pytest
	touch $@

# `kerazoo app` and the page that runs networks in the browser, in Chromium; and the picture tests
# with the Pillow that Gradio wants. CHROMIUM: a browser that is there, or Playwright's is fetched.
# Screenshots: build/app/screenshots, to be looked at.
APP_VENV ?= build/app/venv
CHROMIUM ?= $(shell command -v chromium)
app-test: export CHROMIUM := $(CHROMIUM)
app-test: export SCREENSHOTS ?= build/app/screenshots
app-test: $(APP_VENV)/.made
	test -n "$(CHROMIUM)" || $(APP_VENV)/bin/playwright install chromium
	$(APP_VENV)/bin/python -m pytest -q tests/test_pictures.py tests/app tests/app/in_browser.py \
		tests/app/in_browser_alone.py

$(APP_VENV)/.made: pyproject.toml
	test -x $(APP_VENV)/bin/python || $(PYTHON) -m venv $(APP_VENV)
	$(APP_VENV)/bin/pip install -q -e ".[app,data,demo,runtimes]" pytest playwright
	touch $@

$(VENV)/.demo: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q -e ".[demo]"
	touch $@

$(VENV)/.dev: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q -e ".[dev]"
	touch $@ $(VENV)/.demo

clean:
	rm -rf $(VENV) build dist *.egg-info demo.png
