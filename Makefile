# Five verbs; each first makes what it needs (.ci/bootstrap), which takes a moment when it is there.
SHELL := /bin/bash
BIN := .venv/bin
JLPM := $(BIN)/python extension/jlpm.py

.PHONY: up test check bench docs

up: ## the whole platform on http://127.0.0.1:8000 (GALLEY_PORT), state in .galley/ (GALLEY_HOME)
	@.ci/bootstrap
	@exec $(BIN)/galley up --die-with-parent

test: ## unit, integration and browser tests; pytest's summary is the last line
	@.ci/bootstrap --browser
	@failed=0; $(JLPM) test || failed=1; $(BIN)/pytest --numprocesses 3 || failed=1; exit $$failed

check: ## format, lint, types, import floors; Python and TypeScript
	@.ci/bootstrap
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/mypy -p tests
	$(BIN)/lint-imports
	$(JLPM) lint:check

bench: ## side by side with peers; prints ratios
	@.ci/bootstrap
	@for script in benchmarks/[a-z]*.py; do $(BIN)/python "$$script" || exit 1; done

docs: ## the manual; a warning is an error
	@.ci/bootstrap
	$(BIN)/sphinx-build -W --keep-going -q -b html docs docs/_build/html
	@echo "docs/_build/html/index.html"
