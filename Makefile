# `make` alone prints what there is; every target's line is its `##` comment, users' first, then developers'.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

DEFAULT_WORKSPACE := pose-estimation
# As Compose takes them: POSE_WORKSPACE and POSE_WEIGHTS of the environment, else of .env. WORKSPACE goes before both.
from_dot_env = $(shell sed -nE 's/^(export +)?$(1)=["'\'']?([^"'\'']*)["'\'']?$$/\2/p' .env 2>/dev/null | tail -n 1)
export POSE_WORKSPACE := $(or $(WORKSPACE),$(POSE_WORKSPACE),$(call from_dot_env,POSE_WORKSPACE),$(DEFAULT_WORKSPACE))
export POSE_WEIGHTS := $(or $(POSE_WEIGHTS),$(call from_dot_env,POSE_WEIGHTS),$(CURDIR)/weights)
WORKSPACE := $(POSE_WORKSPACE)
POSE_SHARED ?= $(abspath ../shared)
export POSE_SHARED
YOLO ?=
HRN ?=
MOTION ?=
OPENPOSE ?=
POSE_APP ?=
BENCH ?=
FAULTS ?=
NAME ?=
TRUST ?=

UV_VERSION := 0.13.8
UV := $(shell command -v uv 2>/dev/null || echo .uv/bin/uv)
PYTHON_RANGE := >=3.11,<3.14
INSTALL = $(UV) pip install --quiet --python .venv --no-deps --build-constraint requirements-dev.lock

# One environment. A stamp stands for a set of packages, and its lock alone decides whether it is installed anew; what
# was installed once is kept up to date. PyTorch's 6 GB come where asked for (TORCH=1), or where there is a GPU for it.
BIN := .venv/bin
STAMPS := .venv/.base .venv/.ours
TORCH_STAMPS := .venv/.torch .venv/.ours-torch
ifndef TORCH
TORCH := $(if $(wildcard .venv/.torch),1,$(shell nvidia-smi >/dev/null 2>&1 && echo 1))
endif
INT8 ?= $(if $(wildcard .venv/.int8),1)
STROKES ?= $(if $(wildcard .venv/.strokes),1)
BYTETRACK ?= $(if $(wildcard .venv/.bytetrack),1)
CLUSTER ?= $(if $(wildcard .venv/.cluster),1)
PARQUET ?= $(if $(wildcard .venv/.parquet),1)
APP ?= $(if $(wildcard .venv/.app),1)
APP_STAMPS := .venv/.app .venv/.ours-app
EXTRAS := $(if $(filter 1,$(TORCH)),$(TORCH_STAMPS)) $(if $(filter 1,$(INT8)),.venv/.int8)
EXTRAS += $(if $(filter 1,$(STROKES)),.venv/.strokes) $(if $(filter 1,$(BYTETRACK)),.venv/.bytetrack)
EXTRAS += $(if $(filter 1,$(PARQUET)),.venv/.parquet)
EXTRAS += $(if $(filter 1,$(CLUSTER)),.venv/.cluster) $(if $(filter 1,$(APP)),$(APP_STAMPS))
OURS := contract stagekit yolo-stage hrn-stage openpose-stage motion-stage cluster
# Whose tests there are; the longest first, so that `make -j2 test` keeps two cores busy to the end.
PARTS := tests hrn-stage $(if $(filter 1,$(TORCH)),yolo-torch) stagekit web-app cluster yolo-stage openpose-stage motion-stage contract

# What runs the stages: local (the virtual environment), docker (the containers), or auto: the containers only where
# `make setup` was not run and Docker is there.
RUNTIME ?= auto
AUTO := $(if $(filter-out $(wildcard $(STAMPS)),$(STAMPS)),$(if $(shell command -v docker),docker,local),local)
WHERE := $(patsubst auto,$(AUTO),$(RUNTIME))
$(if $(filter local docker,$(WHERE)),,$(error RUNTIME is auto, local or docker, not '$(RUNTIME)'))

local_yolo := $(BIN)/yolo-stage --workspace "$$POSE_WORKSPACE"
local_hrn := $(BIN)/hrn-stage --workspace "$$POSE_WORKSPACE"
local_motion := $(BIN)/motion-stage --workspace "$$POSE_WORKSPACE"
local_openpose := $(BIN)/openpose-stage --workspace "$$POSE_WORKSPACE"
# The flags go by the environment, where no quotation mark ends a word.
export YOLO HRN MOTION
local_run = @$(BIN)/pose run -o "$$POSE_WORKSPACE" --yolo-stage="$$YOLO" --hrn-stage="$$HRN" --motion-stage="$$MOTION"
# In a container the workspace is custom/; compose.yaml says the rest.
COMPOSE := docker compose
in_container := tools/in-container
docker_yolo := $(in_container) yolo --workspace custom
docker_hrn := $(in_container) hrn --workspace custom
docker_motion := $(in_container) motion --workspace custom
docker_openpose := $(in_container) openpose --workspace custom
pose_in = $(in_container) --entrypoint python $(1) -m stage_kit.command.pose
define docker_run
$(docker_yolo) --keep_going $(YOLO)
$(docker_hrn) --keep_going $(HRN)
$(docker_motion) --keep_going $(MOTION)
@$(docker_verdict)
endef
docker_verdict := $(call pose_in,hrn) verdict custom
# Each image knows its own stage alone.
local_status := $(BIN)/pose status "$$POSE_WORKSPACE"
docker_status := $(call pose_in,yolo) status custom && $(call pose_in,hrn) status custom | sed 1d
local_weights := $(BIN)/pose weights
docker_weights := tools/weights-in-containers

# The default workspace is made unasked. Another name that does not exist is more often a misspelt one.
WORKSPACE_READY := $(if $(filter-out $(DEFAULT_WORKSPACE),$(WORKSPACE)),existing,workspace)
INSTALLED := $(if $(filter local,$(WHERE)),$(STAMPS))
READY := $(INSTALLED) $(WORKSPACE_READY)

.PHONY: help setup demo yolo hrn motion openpose run app up build status workspace existing mounts weights doctor
.PHONY: test $(PARTS:%=test-in-%) test-docker test-ray faults bench check format lint types lock schema

help:  ## print this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

setup: $(STAMPS) $(EXTRAS)  ## once: .venv from pinned locks; with PyTorch and training: TORCH=1 (taken where there is a GPU); int8: INT8=1; tennis strokes: STROKES=1; crowds: BYTETRACK=1; the app: APP=1; many machines: CLUSTER=1; Parquet: PARQUET=1

.uv/bin/uv:
	python3 -m venv .uv
	.uv/bin/pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

.venv/.python: | $(UV)
	$(UV) venv --quiet --allow-existing --python '$(PYTHON_RANGE)' .venv
	@touch $@

.venv/.base: requirements.lock | .venv/.python
	$(INSTALL) -r $<
	@touch $@

.venv/.torch .venv/.int8 .venv/.strokes .venv/.bytetrack .venv/.parquet .venv/.app .venv/.cluster .venv/.dev: .venv/.%: requirements-%.lock .venv/.base
	$(INSTALL) -r $<
	@touch $@

# Our own packages are editable: a pyproject.toml is read anew for its commands and entry points, sources count as they are.
.venv/.ours: $(OURS:%=%/pyproject.toml) .venv/.base
	$(INSTALL) $(OURS:%=-e %)
	@touch $@

.venv/.ours-torch: yolo-torch/pyproject.toml .venv/.torch
	$(INSTALL) -e yolo-torch
	@touch $@

.venv/.ours-app: web-app/pyproject.toml .venv/.app
	$(INSTALL) -e web-app
	@touch $@

demo: $(STAMPS)  ## see it work, in demo/: two photos that come along, the embedded weights, no downloads but packages
	@tools/demo

workspace: mounts  ## create WORKSPACE (default pose-estimation) or fill in what it lacks; weights/, Compose's lines in .env
	@tools/workspace "$$POSE_WORKSPACE"

existing: mounts
	@test -d "$$POSE_WORKSPACE" || { printf '%s\n' "there is no workspace $$POSE_WORKSPACE" \
		"  -> if that is its name: make workspace WORKSPACE='$$POSE_WORKSPACE'" >&2; exit 2; }

# What Compose mounts must be there, and must be the caller's.
mounts:
	@mkdir -p "$$POSE_WEIGHTS"
	@tools/compose-env

yolo: $(READY)  ## images/ -> annots/ cuts/ inspect/; more flags: YOLO='--conf_thres 0.3'
	$($(WHERE)_yolo) $(YOLO)

hrn: $(READY)  ## cuts/ + YAML -> final/ output/; more flags: HRN='--label 1'
	$($(WHERE)_hrn) $(HRN)

motion: $(READY)  ## videos' output/ -> motion/: tracks, speeds, angles; more flags: MOTION='--filter median'
	$($(WHERE)_motion) $(MOTION)

openpose: $(READY)  ## many people in one pass: images/ -> openpose/, not part of run; more flags: OPENPOSE='--explain'
	$($(WHERE)_openpose) $(OPENPOSE)

run: $(READY)  ## all stages; one bad photo stops none, but fails the end
	$($(WHERE)_run)

app: $(STAMPS) $(APP_STAMPS) $(WORKSPACE_READY)  ## look at WORKSPACE and correct it in the browser: http://127.0.0.1:8040; flags: POSE_APP='--port 8041'
	@$(BIN)/pose app "$$POSE_WORKSPACE" $(POSE_APP)

up: $(WORKSPACE_READY)  ## the same in containers, on the GPU where there is one; RUNTIME=docker does so for yolo, hrn and run
	$(docker_run)

build: mounts  ## the containers' images; FLAVOUR=cuda, or cpu, which is small and the default without a GPU
	$(COMPOSE) build

status: $(READY)  ## per stage: done, nobody there, failed, to do
	@$($(WHERE)_status)

weights: $(INSTALLED) mounts  ## fetch the published weights into weights/ (one: NAME=yolov3-tiny.weights)
	$($(WHERE)_weights) $(NAME) $(if $(filter 1,$(TRUST)),--trust)

doctor: $(STAMPS)  ## what is installed and found here, and what helps where something is not
	@$(BIN)/pose doctor

# One thread of PyTorch each: beside another suite two threads fight for their cores, and take twice the time. Byte code
# is kept, also where the environment says otherwise: the tests start Python some hundred times, and whoever compiles
# PyTorch, NumPy and OpenVINO anew each time takes half of the time for it.
test: $(PARTS:%=test-in-%)  ## all tests; without PyTorch, those that need it skip: make test TORCH=1; two at a time: -j2
	$(if $(filter 1,$(TORCH)),,@echo 'yolo-torch: no tests without PyTorch; make test TORCH=1 runs them')

test-in-web-app test-in-tests: $(APP_STAMPS)
$(PARTS:%=test-in-%): test-in-%: $(STAMPS) $(EXTRAS) .venv/.dev
	cd $* && OMP_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE= MAKEFLAGS= ../$(BIN)/python -m pytest --durations 12 --durations-min 2 $(if $(filter tests,$*),--ignore docker)

test-docker: $(STAMPS) $(EXTRAS) .venv/.dev  ## build the images and run them on real photos; FLAVOUR=cpu (default) or cuda
	PYTHONDONTWRITEBYTECODE= .ci/docker-engine $(BIN)/python -m pytest --timeout 1200 --durations 8 tests/docker

test-ray: $(STAMPS) .venv/.dev .venv/.cluster  ## pose-cluster on several nodes of Ray in this machine, which should have nothing else to do
	cd cluster && POSE_RAY=1 ../$(BIN)/python -m pytest tests/test_on_ray.py

faults: $(STAMPS) .venv/.dev  ## the fault campaign, a quarter of an hour and more; its flags: FAULTS='--seed 3 --kills 0'
	$(BIN)/python tests/faults/campaign.py $(FAULTS)

bench: $(STAMPS) $(EXTRAS)  ## how fast engines and stages are here; more flags: BENCH='--photos 200 1000'
	$(BIN)/python benchmarks/bench.py $(BENCH)

check: format lint types test  ## format, lint, types (these with PyTorch) and all tests

format: .venv/.dev
	$(BIN)/ruff format --check .

lint: .venv/.dev
	$(BIN)/ruff check .

types: $(STAMPS) $(TORCH_STAMPS) $(APP_STAMPS) .venv/.dev
	$(BIN)/mypy $(OURS:%=%/src) yolo-torch/src web-app/src

lock: | $(UV)  ## write the lock files anew from the pyproject files
	UV='$(if $(findstring /,$(UV)),$(abspath $(UV)),$(UV))' tools/lock

schema: $(STAMPS) $(APP_STAMPS)  ## write docs/schema/*.json anew from the records and the app's API
	$(BIN)/pose schema docs/schema
	$(BIN)/web-app openapi docs/schema/web-app.openapi.json
