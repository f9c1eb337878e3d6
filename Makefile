# `make demo` and `make test` install what they need into .venv, or reuse it.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
NIGHTLY := .venv-nightly
STAMP := $(VENV)/.installed

.PHONY: demo test slow slow-core lint notebooks docs bench nightly clean

demo: $(STAMP)
	$(BIN)/python -m keras_gen.zoo.demo build/demo

test: $(STAMP)
	$(BIN)/python -m pytest -q -n 2 --dist loadfile --no-loadscope-reorder

slow: $(STAMP)
	$(BIN)/python -m pytest -q -m slow

slow-core: $(STAMP)
	$(BIN)/python -m pytest -q -m "slow and not long" -n 2 --dist load

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

notebooks: $(STAMP)
	$(BIN)/python -m pytest -q --nbmake --nbmake-timeout=3600 --overwrite notebooks

docs: $(STAMP)
	$(BIN)/python -c "import mkdocstrings, nbconvert, zensical" 2>/dev/null || $(BIN)/pip install -q -e ".[docs]"
	$(BIN)/python docs/build.py

bench: $(STAMP)
	$(BIN)/python -c "import torch, zuko, diffusers" 2>/dev/null || $(BIN)/pip install -q torch==2.13.0 "zuko>=1.6,<2" diffusers==0.42.1
	$(BIN)/python tests/benchmarks/imports.py
	$(BIN)/python tests/benchmarks/training.py
	$(BIN)/python tests/benchmarks/training.py --recipes vqvae_mnist pix2pix_emoji --rounds 3 --steps 100
	$(BIN)/python tests/benchmarks/flows.py
	$(BIN)/python tests/benchmarks/diffusion.py
	$(BIN)/python tests/benchmarks/language.py

# The core of the suite on the nightly Keras, which lies before that of .venv on the path.
CORE := tests/engine tests/test_fit.py tests/test_model.py tests/test_steps.py tests/test_faults.py
nightly: $(STAMP)
	test -x $(NIGHTLY)/bin/python || $(PYTHON) -m venv $(NIGHTLY)
	$(BIN)/python -c "import sysconfig; print('import site; site.addsitedir(%r)' % sysconfig.get_path('purelib'))" \
		> $$($(NIGHTLY)/bin/python -c "import sysconfig; print(sysconfig.get_path('purelib'))")/base.pth
	$(NIGHTLY)/bin/python -m pip install -q --disable-pip-version-check --upgrade --no-deps keras-nightly
	$(NIGHTLY)/bin/python -c "import keras; print('Keras', keras.__version__)"
	$(NIGHTLY)/bin/python -m pytest -q -n 2 --dist loadfile $(CORE)

clean:
	rm -rf build dist *.egg-info

$(STAMP): pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --disable-pip-version-check -e ".[dev]"
	touch $@
