#!/usr/bin/env bash
# Build the images once for each commit, and tag them after the tests and for a release.
#
#   scripts/deploy/publish.sh build      build and push as :candidate-COMMIT
#   scripts/deploy/publish.sh accept     tag the tested candidates :COMMIT
#   scripts/deploy/publish.sh release    tag the images of COMMIT :vVERSION
#
# Only the first command builds. The others add a tag to a digest, so prod runs exactly the images
# that were tested and that dev ran. REGISTRY is the folder of the images, such as
# HOST/PROJECT/REPOSITORY. Each command prints BACKEND_IMAGE and FRONTEND_IMAGE by digest, adds them
# to GITHUB_OUTPUT, and writes the digests to build/images.sha256, in the format of `sha256sum`.
set -euo pipefail
cd "$(dirname "$0")/../.."

# Docker Engine's default builder can neither export a cache nor attach an SBOM, so images are built
# by this BuildKit, which is also the same one everywhere.
BUILDER=doubleit
BUILDKIT=moby/buildkit:v0.32.0@sha256:1f8167fcb0eca5b7126353d35299386945cbb8949cc516c592a49f80cfce4fa2
# The subjects of the attestation in .github/workflows/deploy.yml.
CHECKSUMS=build/images.sha256

die() {
    echo "publish: $*" >&2
    exit 1
}

registry=${REGISTRY-}
registry=${registry%/}
[ -n "$registry" ] || die "REGISTRY is not set: HOST/PROJECT/REPOSITORY, the folder of the images"
commit=$(git rev-parse HEAD)
version=$(sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)

build() {
    local builder target image options=()
    builder=$(docker buildx inspect "$BUILDER" 2>/dev/null || true)
    if [[ $builder != *"$BUILDKIT"* ]]; then
        [ -z "$builder" ] || docker buildx rm "$BUILDER"
        docker buildx create --name="$BUILDER" --driver=docker-container --driver-opt="image=$BUILDKIT"
    fi
    for target in torchserve frontend; do
        image=$registry/doubleit-$target
        # The cache is in the registry, so only accounts that may push images can write it.
        options+=(
            "--set=$target.tags=$image:candidate-$commit"
            "--set=$target.cache-from=type=registry,ref=$image:cache"
            "--set=$target.cache-to=type=registry,ref=$image:cache,mode=max,image-manifest=true"
        )
    done
    # Cloud Run only runs linux/amd64.
    VERSION=$version REVISION=$commit PLATFORM=linux/amd64 docker buildx bake --builder="$BUILDER" \
        --file=docker/bake.hcl --push --sbom=true --provenance=mode=max "${options[@]}"
    announce "candidate-$commit"
}

accept() {
    add_tag "candidate-$commit" "$commit" "make publish builds it"
}

release() {
    [ "${GITHUB_REF_NAME:-v$version}" = "v$version" ] ||
        die "the tag is $GITHUB_REF_NAME, and pyproject.toml says $version"
    local target was now
    for target in torchserve frontend; do
        was=$(digest "$registry/doubleit-$target:v$version")
        now=$(digest "$registry/doubleit-$target:$commit")
        [ -z "$was" ] || [ "$was" = "$now" ] ||
            die "$registry/doubleit-$target:v$version is already another image ($was)"
    done
    add_tag "$commit" "v$version" "push this commit to main first, and let it pass"
}

# Print an image's digest, or nothing if there is no such image.
digest() {
    local answer
    if answer=$(docker buildx imagetools inspect --format='{{.Manifest.Digest}}' "$1" 2>&1); then
        grep -o 'sha256:[0-9a-f]*' <<<"$answer"
    elif ! grep -qi 'not found' <<<"$answer"; then
        die "cannot look up $1: $answer"
    fi
}

# add_tag TAG NEW REMEDY: give both images with a tag another one. REMEDY is how to make the first.
add_tag() {
    local target image found
    for target in torchserve frontend; do
        image=$registry/doubleit-$target
        found=$(digest "$image:$1")
        [ -n "$found" ] || die "no $image:$1: $3"
        docker buildx imagetools create --prefer-index=false --tag="$image:$2" "$image@$found"
        [ "$(digest "$image:$2")" = "$found" ] || die "$image:$2 is not $found"
    done
    announce "$2"
}

# announce TAG: print both images by digest.
announce() {
    local variable image found
    mkdir -p build
    : >"$CHECKSUMS"
    while read -r variable image; do
        found=$(digest "$image:$1")
        echo "${found#sha256:}  $image" >>"$CHECKSUMS"
        echo "$variable=$image@$found" | tee -a "${GITHUB_OUTPUT:-/dev/null}"
    done <<<"BACKEND_IMAGE $registry/doubleit-torchserve
FRONTEND_IMAGE $registry/doubleit-frontend"
}

case "${1-}" in
build | accept | release) "$1" ;;
*) die "usage: scripts/deploy/publish.sh build | accept | release" ;;
esac
