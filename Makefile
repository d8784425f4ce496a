# `make` alone prints what there is; every target's line is its `##` comment.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

WORKSPACE ?= pose-estimation
export POSE_WORKSPACE := $(WORKSPACE)
export POSE_WEIGHTS ?= $(CURDIR)/weights
POSE_SHARED ?= $(abspath ../shared)
export POSE_SHARED
YOLO ?=
HRN ?=
BENCH ?=
NAME ?=
TRUST ?=

UV_VERSION := 0.13.8
UV := $(shell command -v uv 2>/dev/null || echo .uv/bin/uv)
PYTHON_RANGE := >=3.11,<3.13

TOOLS := .venv/bin
STAMPS := .venv/.installed yolo-stage/.venv/.installed hrn-stage/.venv/.installed
TEST_LOCK := requirements-test.lock

# What runs the stages: local (the virtual environments), docker (the containers), or auto: the containers only where
# `make setup` was not run and Docker is there.
RUNTIME ?= auto
AUTO := $(if $(filter-out $(wildcard $(STAMPS)),$(STAMPS)),$(if $(shell command -v docker),docker,local),local)
WHERE := $(patsubst auto,$(AUTO),$(RUNTIME))
$(if $(filter local docker,$(WHERE)),,$(error RUNTIME is auto, local or docker, not '$(RUNTIME)'))

# In a container the workspace is custom/; compose.yaml says the rest.
COMPOSE := docker compose
IN_CONTAINER := $(COMPOSE) run --rm -T --no-deps
ifeq ($(WHERE),docker)
READY := workspace
RUN_YOLO := $(IN_CONTAINER) yolo --workspace custom
RUN_HRN := $(IN_CONTAINER) hrn --workspace custom
VERDICT := $(IN_CONTAINER) --entrypoint python hrn -m pose_contract verdict custom
else
READY := $(STAMPS) workspace
RUN_YOLO := yolo-stage/.venv/bin/yolo-stage --workspace "$$POSE_WORKSPACE"
RUN_HRN := hrn-stage/.venv/bin/hrn-stage --workspace "$$POSE_WORKSPACE"
VERDICT := $(TOOLS)/python -m pose_contract verdict "$$POSE_WORKSPACE"
endif

.PHONY: help setup demo yolo hrn run up build status workspace weights test test-docker bench check format lint types lock schema

help:  ## print this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

setup: $(STAMPS)  ## once: the tool chain and one virtual environment per stage, from pinned lock files

.uv/bin/uv:
	python3 -m venv .uv
	.uv/bin/pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

.venv/.installed: requirements.lock contract/pyproject.toml | $(UV)
	$(UV) venv --quiet --allow-existing --python '$(PYTHON_RANGE)' .venv
	$(UV) pip install --quiet --python .venv --no-deps --build-constraint requirements.lock -r requirements.lock -e contract
	@touch $@

%-stage/.venv/.installed: %-stage/requirements-train.lock %-stage/pyproject.toml contract/pyproject.toml $(TEST_LOCK) | $(UV)
	$(UV) venv --quiet --allow-existing --python '$(PYTHON_RANGE)' $*-stage/.venv
	$(UV) pip install --quiet --python $*-stage/.venv --no-deps --build-constraint requirements.lock \
		-r $*-stage/requirements-train.lock -r $(TEST_LOCK) \
		-e contract -e $*-stage
	@touch $@

demo: setup  ## see it work: real photos, the embedded weights, no downloads but packages
	@$(MAKE) --no-print-directory workspace
	@tools/demo

workspace:  ## create WORKSPACE (default pose-estimation), weights/, and Compose's lines in .env
	@test -d "$$POSE_WORKSPACE" || { cp -r workspace-template "$$POSE_WORKSPACE"; echo "created $$POSE_WORKSPACE"; }
	@mkdir -p "$$POSE_WEIGHTS"
	@tools/compose-env

yolo: $(READY)  ## images/ -> annots/ cuts/ inspect/; more flags: YOLO='--conf_thres 0.3'
	$(RUN_YOLO) $(YOLO)

hrn: $(READY)  ## cuts/ + YAML -> final/ output/; more flags: HRN='--label 1'
	$(RUN_HRN) $(HRN)

run: $(READY)  ## both stages; one bad photo stops neither, but fails the end
	$(RUN_YOLO) --keep_going $(YOLO)
	$(RUN_HRN) --keep_going $(HRN)
	@$(VERDICT)

up:  ## the same in containers, on the GPU where there is one; RUNTIME=docker does so for yolo, hrn and run
	@$(MAKE) --no-print-directory run RUNTIME=docker

build: workspace  ## the containers' images; FLAVOUR=cuda (default) or cpu, which is small
	$(COMPOSE) build

status: .venv/.installed  ## per stage: done, nobody there, failed, to do
	@$(TOOLS)/python -m pose_contract status "$$POSE_WORKSPACE"

weights: .venv/.installed  ## fetch the published weights into weights/ (one: NAME=yolov3-tiny.weights)
	$(TOOLS)/python -m pose_contract weights $(NAME) $(if $(filter 1,$(TRUST)),--trust)

test: $(STAMPS)  ## all tests
	cd contract && ../$(TOOLS)/python -m pytest
	cd yolo-stage && .venv/bin/python -m pytest
	cd hrn-stage && .venv/bin/python -m pytest
	$(TOOLS)/python -m pytest tests --ignore tests/docker

test-docker: $(STAMPS)  ## build the images and run them on real photos; FLAVOUR=cpu (default) or cuda
	.ci/docker-engine $(TOOLS)/python -m pytest --timeout 1200 --durations 8 tests/docker

bench: $(STAMPS)  ## how fast engines and stages are here; more flags: BENCH='--photos 200 1000'
	$(TOOLS)/python benchmarks/bench.py $(BENCH)

check: format lint types test  ## format, lint, types and all tests

format: .venv/.installed
	$(TOOLS)/ruff format --check .

lint: .venv/.installed
	$(TOOLS)/ruff check .

types: $(STAMPS)
	$(TOOLS)/mypy contract/src
	$(TOOLS)/mypy --python-executable yolo-stage/.venv/bin/python yolo-stage/src
	$(TOOLS)/mypy --python-executable hrn-stage/.venv/bin/python hrn-stage/src

lock: | $(UV)  ## write the lock files anew from the pyproject files
	UV='$(if $(findstring /,$(UV)),$(abspath $(UV)),$(UV))' tools/lock

schema: .venv/.installed  ## write docs/schema/*.json anew from the records
	$(TOOLS)/python -m pose_contract schema docs/schema
