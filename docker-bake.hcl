# All stages in both flavours: docker buildx bake -f docker-bake.hcl        (one flavour: … cpu)
# On a tag .github/workflows/release.yaml pushes them: REGISTRY=… TAG=… docker buildx bake -f docker-bake.hcl --push
variable "REGISTRY" { default = "pose" }
variable "TAG" { default = "latest" }
variable "BASE_IMAGE" { default = "python:3.11-slim" }
variable "SOURCE" { default = "" }
variable "REVISION" { default = "" }

group "default" { targets = ["cpu", "cuda"] }
group "cpu" { targets = ["image-yolo-stage-cpu", "image-hrn-stage-cpu", "image-motion-stage-cpu", "image-openpose-stage-cpu", "image-web-app-cpu"] }
group "cuda" { targets = ["image-yolo-stage-cuda", "image-hrn-stage-cuda", "image-motion-stage-cuda", "image-openpose-stage-cuda", "image-web-app-cuda"] }

# The cuda flavour has the plain tag, as compose.yaml's default does; the other ends in -cpu.
target "image" {
  name       = "image-${stage}-${flavour}"
  matrix     = { stage = ["yolo-stage", "hrn-stage", "motion-stage", "openpose-stage", "web-app"], flavour = ["cpu", "cuda"] }
  context    = "."
  dockerfile = "docker/Dockerfile"
  args       = { STAGE = stage, FLAVOUR = flavour, BASE_IMAGE = BASE_IMAGE, SOURCE = SOURCE }
  tags       = ["${REGISTRY}/${stage}:${TAG}${flavour == "cpu" ? "-cpu" : ""}"]
  labels     = { "org.opencontainers.image.revision" = REVISION }
}
