# Both images. `make images`, CI and scripts/deploy/publish.sh all build from this file.
variable "TAG" {
  default = "latest"
}
# The version in pyproject.toml and the git commit, which become labels of the image.
variable "VERSION" {
  default = "dev"
}
variable "REVISION" {
  default = "unknown"
}
# If set, the build fails unless DoubleIt's archive has this SHA-256.
variable "ARCHIVE_SHA256" {
  default = ""
}
# The platform, such as linux/arm64. By default the engine's own, so that nothing is emulated.
variable "PLATFORM" {
  default = ""
}

group "default" {
  targets = ["torchserve", "frontend"]
}

target "image" {
  context   = "."
  platforms = PLATFORM == "" ? null : [PLATFORM]
  args = {
    VERSION  = VERSION
    REVISION = REVISION
  }
}

target "torchserve" {
  inherits   = ["image"]
  dockerfile = "docker/torchserve.Dockerfile"
  tags       = ["doubleit-torchserve:${TAG}"]
  args = {
    ARCHIVE_SHA256 = ARCHIVE_SHA256
  }
}

target "frontend" {
  inherits   = ["image"]
  dockerfile = "docker/frontend.Dockerfile"
  tags       = ["doubleit-frontend:${TAG}"]
}
