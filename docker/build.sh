#!/bin/sh
# Builds the image: by Docker where its engine answers, else by buildah where a base image is there. Says why it cannot.
#   BASE=localhost/debian:bookworm sh docker/build.sh
set -eu
cd "$(dirname "$0")/.."
: "${IMAGE:=messenger-lab}"
LOCAL=localhost/debian:bookworm # as made by: debootstrap bookworm DIR, and an image FROM scratch with DIR in it

if docker info >/dev/null 2>&1; then
  exec docker build ${BASE:+--build-arg BASE="$BASE"} -f docker/Dockerfile -t "$IMAGE" .
fi
command -v buildah >/dev/null || { echo "image not built: no Docker engine answers, and there is no buildah"; exit 0; }
: "${BASE:=$LOCAL}"
buildah() { command buildah --storage-driver "${STORAGE_DRIVER:-vfs}" "$@"; }
[ -n "$(buildah images --quiet --filter reference="$BASE" 2>/dev/null)" ] || {
  echo "image not built: no Docker engine answers, and buildah has no base image $BASE"
  exit 0
}
set -- --isolation=chroot --build-arg BASE="$BASE" -f docker/Dockerfile -t "$IMAGE"
# What this machine trusts, the build trusts too: the package index may have a certificate of the house.
: "${PIP_CERT:=/etc/ssl/certs/ca-certificates.crt}"
if [ -f "$PIP_CERT" ]; then
  set -- "$@" --volume "$PIP_CERT:/run/index.crt:ro" --build-arg PIP_CERT=/run/index.crt
fi
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! buildah bud "$@" . >"$log" 2>&1; then
  tail -n 20 "$log"
  exit 1
fi
echo "image built: $IMAGE, $(buildah images --format '{{.Size}}' "$IMAGE" | head -n 1)"
