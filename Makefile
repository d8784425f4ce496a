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
NAME ?=
TRUST ?=

UV_VERSION := 0.13.8
UV := $(shell command -v uv 2>/dev/null || echo .uv/bin/uv)
PYTHON_RANGE := >=3.11,<3.13

TOOLS := .venv/bin
STAMPS := .venv/.installed yolo-stage/.venv/.installed hrn-stage/.venv/.installed
TEST_LOCK := requirements-test.lock

.PHONY: help setup yolo hrn run status workspace weights test check format lint types lock schema

help:  ## print this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

setup: $(STAMPS)  ## once: the tool chain and one virtual environment per stage, from pinned lock files

.uv/bin/uv:
	python3 -m venv .uv
	.uv/bin/pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

.venv/.installed: requirements.lock contract/pyproject.toml | $(UV)
	$(UV) venv --quiet --allow-existing --python '$(PYTHON_RANGE)' .venv
	$(UV) pip install --quiet --python .venv --no-deps --build-constraint requirements.lock -r requirements.lock -e contract
	@touch $@

%-stage/.venv/.installed: %-stage/requirements.lock %-stage/pyproject.toml contract/pyproject.toml $(TEST_LOCK) | $(UV)
	$(UV) venv --quiet --allow-existing --python '$(PYTHON_RANGE)' $*-stage/.venv
	$(UV) pip install --quiet --python $*-stage/.venv --no-deps --build-constraint requirements.lock \
		-r $(firstword $(wildcard $*-stage/requirements-train.lock) $*-stage/requirements.lock) -r $(TEST_LOCK) \
		-e contract -e $*-stage
	@touch $@

workspace:  ## create WORKSPACE (default pose-estimation) from workspace-template/
	@test -d "$$POSE_WORKSPACE" || { cp -r workspace-template "$$POSE_WORKSPACE"; echo "created $$POSE_WORKSPACE"; }

yolo: $(STAMPS) workspace  ## images/ -> annots/ cuts/ inspect/; more flags: YOLO='--conf_thres 0.3'
	yolo-stage/.venv/bin/yolo-stage --workspace "$$POSE_WORKSPACE" $(YOLO)

hrn: $(STAMPS) workspace  ## cuts/ + YAML -> final/ output/; more flags: HRN='--label 1'
	hrn-stage/.venv/bin/hrn-stage --workspace "$$POSE_WORKSPACE" $(HRN)

run: $(STAMPS) workspace  ## both stages; one bad photo stops neither, but fails the end
	yolo-stage/.venv/bin/yolo-stage --workspace "$$POSE_WORKSPACE" --keep_going $(YOLO)
	hrn-stage/.venv/bin/hrn-stage --workspace "$$POSE_WORKSPACE" --keep_going $(HRN)
	@$(TOOLS)/python -m pose_contract verdict "$$POSE_WORKSPACE"

status: .venv/.installed  ## per stage: done, nobody there, failed, to do
	@$(TOOLS)/python -m pose_contract status "$$POSE_WORKSPACE"

weights: .venv/.installed  ## fetch the published weights into weights/ (one: NAME=yolov3-tiny.weights)
	$(TOOLS)/python -m pose_contract weights $(NAME) $(if $(filter 1,$(TRUST)),--trust)

test: $(STAMPS)  ## all tests
	cd contract && ../$(TOOLS)/python -m pytest
	cd yolo-stage && .venv/bin/python -m pytest
	cd hrn-stage && .venv/bin/python -m pytest
	$(TOOLS)/python -m pytest tests

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
