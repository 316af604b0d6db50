# Martlet's verbs. Each is one line; the work is in tools/. `make` alone lists them.
.PHONY: help serve test check lint format build image image-test manifests rolling bench bench-http2 bench-bodies bench-connections soak realmodels differential sanitize swaps \
	fuzz models clean

help:      ## this list
	@sed -n 's/^\([a-z0-9-]*\): *## /  make \1\t/p' Makefile | expand -t 26
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
image:     ## the container image, with docker, podman or buildah
	@tools/image.sh
bench:     ## martlet against nginx and FastAPI over HTTP
	@tools/bench.sh http
bench-http2: ## HTTP/2 and TLS against nghttpd and nginx, or QUICK=1
	@tools/bench.sh http2
bench-bodies: ## bodies of a MiB against nginx and the loopback, or QUICK=1
	@tools/bench.sh bodies
bench-connections: ## 10,000 idle connections against nginx, or QUICK=1
	@tools/bench.sh connections
rolling:   ## both servers replaced under load for a minute each, behind haproxy and at a shared port; none may fail
	@tools/install.sh tests && swift build -c release --product martlet && python3 Benchmarks/rolling/run.py --seconds $(or $(SECONDS),60)
image-test: ## build the image from local bases with buildah, run it with podman, play the Kubernetes base
	@tools/image_test.sh
manifests: ## kubernetes-validate and checkov on every kustomization
	@tools/manifests.sh
soak:      ## good, slow, broken and leaving clients at full load, ten minutes or MINUTES=2
	@Benchmarks/soak/run.sh --minutes $(or $(MINUTES),10)
realmodels: ## real models against onnxruntime, those of PyTorch too (installs it)
	@tools/realmodels.sh
differential: ## 100,000 rows a model of XGBoost and LightGBM against the libraries
	@tools/differential.sh
sanitize:  ## every test under the address and the thread sanitizer
	@tools/sanitize.sh
swaps:     ## 10,000 reloads of a model, then 10,000 loads and unloads; resident memory must stay flat
	@swift build -c release --product martlet && MARTLET_SWAPS=10000 .venv/bin/python -m pytest Tests/clients -q -s -p no:cacheprovider -k leave_memory_flat --timeout 3600
fuzz:      ## every parser under libFuzzer, ten minutes each, or SECONDS=60
	@Fuzz/run.sh all $(or $(SECONDS),600)
models:    ## train the committed models again
	@tools/venv.sh .venv-models models/requirements.txt && .venv-models/bin/python -W ignore models/train.py
clean:     ## remove everything that was built or installed into this folder
	@rm -rf .build .build-* .venv .venv-*
