# Martlet's verbs. Each is one line; the work is in tools/. `make` alone lists them.
.PHONY: help serve test check lint format build bench sanitize fuzz models clean

help:      ## this list
	@sed -n 's/^\([a-z]*\): *## /  make \1\t/p' Makefile | expand -t 20
serve:     ## install what is missing, build, serve models/ on 127.0.0.1:8080
	@tools/serve.sh
test:      ## install what is missing, build, run every test
	@tools/test.sh
check:     ## the whole gate: lint, then test
	@tools/lint.sh && tools/test.sh
lint:      ## formatting of all Swift source
	@tools/lint.sh
format:    ## format all Swift source in place
	@tools/lint.sh --fix
build:     ## one self-contained binary in .build-static/release/martlet
	@tools/static.sh
bench:     ## martlet against nginx and FastAPI over HTTP
	@tools/bench.sh
sanitize:  ## every test under the address and the thread sanitizer
	@tools/sanitize.sh
fuzz:      ## every parser under libFuzzer, ten minutes each, or SECONDS=60
	@Fuzz/run.sh all $(or $(SECONDS),600)
models:    ## train the committed models again
	@tools/venv.sh .venv-models models/requirements.txt && .venv-models/bin/python -W ignore models/train.py
clean:     ## remove everything that was built or installed into this folder
	@rm -rf .build .build-* .venv .venv-*
