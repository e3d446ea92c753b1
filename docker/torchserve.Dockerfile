# TorchServe with DoubleIt. Stages build the environment and the archive; the last stage runs them.
# 3.11.16 on Debian 13. Pinned by digest, so that all builds start from the same bytes; Dependabot
# proposes updates. To use another base: --set '*.contexts.python=docker-image://NAME'.
FROM python:3.11-slim@sha256:9c900dea9e8fb7e16277c179b555cc72d29a352dbc33cff48ad5a0412fd5bfc7 AS python

# To use a folder of wheels instead of the package index: --set torchserve.contexts.wheels=FOLDER
FROM scratch AS wheels

FROM python AS builder
WORKDIR /app
# Use the image's interpreter, and copy packages from the cache because it is a mount.
ENV UV_PYTHON_DOWNLOADS=never UV_LINK_MODE=copy UV_CACHE_DIR=/var/cache/uv \
    UV_PROJECT_ENVIRONMENT=/app/.venv VIRTUAL_ENV=/app/.venv PATH=/app/.venv/bin:$PATH
# Installs the version of uv in uv.lock and verifies its hash.
RUN --mount=type=bind,source=uv.lock,target=uv.lock \
    --mount=type=bind,source=scripts/dev/fetch_uv.py,target=scripts/dev/fetch_uv.py \
    python3 scripts/dev/fetch_uv.py /usr/local/bin
# Install all packages except torch from the lock file.
RUN --mount=type=cache,target=/var/cache/uv \
    --mount=type=bind,source=uv.lock,target=uv.lock \
    --mount=type=bind,source=pyproject.toml,target=pyproject.toml \
    uv sync --locked --no-default-groups --group server --group code
# Install the CPU build of torch at the locked version and verify its hash, because the wheel in
# uv.lock includes gigabytes of CUDA. Torch's own dependencies have the locked versions.
ARG TORCH_INDEX_URL=https://download.pytorch.org/whl/cpu
RUN --mount=type=cache,target=/var/cache/uv \
    --mount=type=bind,from=wheels,target=/wheels \
    --mount=type=bind,source=uv.lock,target=uv.lock \
    --mount=type=bind,source=pyproject.toml,target=pyproject.toml \
    --mount=type=bind,source=docker/torch.txt,target=torch.txt \
    if [ -n "$(ls /wheels)" ]; then set -- --no-index --find-links /wheels; \
    else set -- --index-url "$TORCH_INDEX_URL"; fi && \
    uv pip install --no-deps --require-hashes "$@" --requirement torch.txt && \
    uv export --quiet --locked --only-group torch --no-hashes --output-file /tmp/locked.txt && \
    uv pip install --constraint /tmp/locked.txt torch

# Build the archive from the sources, with the same bytes as `make archive`.
FROM builder AS archive
RUN --mount=type=cache,target=/var/cache/uv \
    --mount=type=bind,source=uv.lock,target=uv.lock \
    --mount=type=bind,source=pyproject.toml,target=pyproject.toml \
    uv sync --locked --no-default-groups --inexact --group archive --group ops
COPY handler handler
COPY server server
COPY scripts scripts
COPY examples examples
# If set, the build fails unless the archive has this SHA-256.
ARG ARCHIVE_SHA256
RUN python -m scripts.model.archiver && \
    sha256sum model_store/*.mar && \
    if [ -n "$ARCHIVE_SHA256" ]; then \
    echo "$ARCHIVE_SHA256  model_store/doubleit-1.0.mar" >/tmp/expected && \
    sha256sum --check /tmp/expected; fi

FROM builder AS lean
# For `strip`, which is not part of the final image.
# hadolint ignore=DL3008
RUN apt-get update && apt-get install --yes --no-install-recommends binutils && \
    rm -rf /var/lib/apt/lists/*
RUN --mount=type=bind,source=docker/strip.sh,target=strip.sh \
    sh strip.sh .venv/lib/python3.11/site-packages

FROM python AS runtime
# Remove package installers, which only the builder needs.
RUN find / -xdev \( -path '*/site-packages/pip*' -o -path '*/dist-packages/pip*' -o -path '*/bin/pip*' \
    -o -name ensurepip -o -name python-wheels \) -prune -exec rm -rf {} +
WORKDIR /app
ENV PATH=/app/.venv/bin:$PATH
COPY --from=lean /app/.venv .venv
# Compile the modules that a worker imports, including the standard library's, because a read-only
# container would compile them at each start. Compiling all modules would need three
# times the space.
RUN python -c 'import multipart, numpy, orjson, simdjson, msgspec.json, torch, ts.model_service_worker'
COPY --from=archive /app/model_store model_store
COPY LICENSE config.properties ./
COPY server server
# Create the Java runtime's start-up cache with a training run, which also tests that the server
# starts.
RUN python -m compileall -q server && \
    python -c 'import server.forward, server.healthcheck, server.__main__' && \
    python -m server.torchserve.start_cache model_store && \
    test -f .venv/torchserve.aot && test -f .venv/torchserve-edits.jar
# HOST: listen on all addresses, because a container's loopback cannot be reached from outside.
# Management, metrics and gRPC stay on loopback.
# TMPDIR: the only folder that the server writes to (worker sockets, the unpacked archive, Netty's
# native library), so the rest of the file system can be read-only.
ENV HOST=0.0.0.0 PORT=8080 MODEL_NAME=doubleit MODEL_VERSION=1.0 \
    TMPDIR=/tmp HOME=/tmp PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
# A numeric ID, so that platforms can verify that it is not root. This user owns no files.
USER 10001:10001
EXPOSE 8080
# Checks that a worker responds. Until the first success, it runs every second.
HEALTHCHECK --interval=15s --timeout=5s --retries=3 --start-period=90s --start-interval=1s \
    CMD ["python", "-m", "server.healthcheck"]
# One process that starts and monitors TorchServe. On SIGTERM it stops TorchServe after the server
# has responded to all requests.
CMD ["python", "-m", "server"]
ARG VERSION=dev
ARG REVISION=unknown
LABEL org.opencontainers.image.title="doubleit-torchserve" \
    org.opencontainers.image.description="DoubleIt, a TorchScript model, on TorchServe" \
    org.opencontainers.image.licenses="Apache-2.0" \
    org.opencontainers.image.version="$VERSION" \
    org.opencontainers.image.revision="$REVISION"
