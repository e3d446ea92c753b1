# TorchServe with DoubleIt: a builder for the environment, one for the archive, and what runs.
# 3.11.16 on Debian 13. By digest, so that a build today and one in a year start from the same bytes;
# Dependabot proposes newer ones. Another base: --set '*.contexts.python=docker-image://NAME'.
FROM python:3.11-slim@sha256:9c900dea9e8fb7e16277c179b555cc72d29a352dbc33cff48ad5a0412fd5bfc7 AS python

# A folder of wheels in place of the index: --set torchserve.contexts.wheels=FOLDER
FROM scratch AS wheels

FROM python AS builder
WORKDIR /app
# The interpreter is the image's own, and packages are copied out of the cache, which is a mount.
ENV UV_PYTHON_DOWNLOADS=never UV_LINK_MODE=copy \
    UV_PROJECT_ENVIRONMENT=/app/.venv VIRTUAL_ENV=/app/.venv PATH=/app/.venv/bin:$PATH
# uv at the version and with the bytes that uv.lock names.
RUN --mount=type=bind,source=uv.lock,target=uv.lock \
    --mount=type=bind,source=scripts/dev/fetch_uv.py,target=scripts/dev/fetch_uv.py \
    python3 scripts/dev/fetch_uv.py /usr/local/bin
# Everything but torch comes as the lock file says.
RUN --mount=type=cache,target=/root/.cache/uv \
    --mount=type=bind,source=uv.lock,target=uv.lock \
    --mount=type=bind,source=pyproject.toml,target=pyproject.toml \
    uv sync --locked --no-default-groups --group server
# Torch at the locked version as its CPU build, by hash, or not at all: the wheel in uv.lock brings
# gigabytes of CUDA. What torch itself needs comes at the locked versions.
ARG TORCH_INDEX_URL=https://download.pytorch.org/whl/cpu
RUN --mount=type=cache,target=/root/.cache/uv \
    --mount=type=bind,from=wheels,target=/wheels \
    --mount=type=bind,source=uv.lock,target=uv.lock \
    --mount=type=bind,source=pyproject.toml,target=pyproject.toml \
    --mount=type=bind,source=docker/torch.txt,target=torch.txt \
    if [ -n "$(ls /wheels)" ]; then set -- --no-index --find-links /wheels; \
    else set -- --index-url "$TORCH_INDEX_URL"; fi && \
    uv pip install --no-deps --require-hashes "$@" --requirement torch.txt && \
    uv export --quiet --locked --only-group torch --no-hashes --output-file /tmp/locked.txt && \
    uv pip install --constraint /tmp/locked.txt torch

# The archive, from the sources; the same bytes as `make archive` gives.
FROM builder AS archive
RUN --mount=type=cache,target=/root/.cache/uv \
    --mount=type=bind,source=uv.lock,target=uv.lock \
    --mount=type=bind,source=pyproject.toml,target=pyproject.toml \
    uv sync --locked --no-default-groups --inexact --group archive --group ops
COPY handler handler
COPY scripts scripts
# Given, the build fails unless the archive has this SHA-256.
ARG ARCHIVE_SHA256
RUN python -m scripts.model.archiver && \
    sha256sum model_store/*.mar && \
    if [ -n "$ARCHIVE_SHA256" ]; then \
    echo "$ARCHIVE_SHA256  model_store/doubleit-1.0.mar" >/tmp/expected && \
    sha256sum --check /tmp/expected; fi

FROM builder AS lean
# For `strip`; it stays in this stage.
# hadolint ignore=DL3008
RUN apt-get update && apt-get install --yes --no-install-recommends binutils && \
    rm -rf /var/lib/apt/lists/*
RUN --mount=type=bind,source=docker/strip.sh,target=strip.sh \
    sh strip.sh .venv/lib/python3.11/site-packages

FROM python AS runtime
# What installs packages is for the builder.
RUN find / -xdev \( -path '*/site-packages/pip*' -o -path '*/dist-packages/pip*' -o -path '*/bin/pip*' \
    -o -name ensurepip -o -name python-wheels \) -prune -exec rm -rf {} +
WORKDIR /app
ENV PATH=/app/.venv/bin:$PATH
COPY --from=lean /app/.venv .venv
# Bytecode of the modules that a worker imports, the standard library's too, and of no others: a
# container that cannot write would compile them at each start, and all together are three times more.
RUN python -c 'import multipart, numpy, orjson, simdjson, msgspec.json, torch, ts.model_service_worker'
COPY --from=archive /app/model_store model_store
COPY LICENSE config.properties ./
COPY scripts/store scripts/store
COPY scripts/server scripts/server
# The start-up cache of the Java runtime, from a training run: a start that works is part of the build.
RUN python -m compileall -q scripts && \
    python -c 'import scripts.server.forward, scripts.server.healthcheck, scripts.server.__main__' && \
    python -m scripts.server.start_cache model_store && \
    test -f .venv/torchserve.aot && test -f .venv/torchserve-edits.jar
# HOST: a container's loopback would reach nobody. Management, metrics and gRPC stay on it.
# TMPDIR: worker sockets, the unpacked archive and Netty's native library go there; the only folder
# that is written to, so that the rest of the file system may be read-only.
ENV HOST=0.0.0.0 PORT=8080 MODEL_NAME=doubleit MODEL_VERSION=1.0 \
    TMPDIR=/tmp HOME=/tmp PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
# A number, so that a platform can tell that it is not root. Owns no file.
USER 10001:10001
EXPOSE 8080
# True readiness: the worker answered. Looked at each second until the first time.
HEALTHCHECK --interval=15s --timeout=5s --retries=3 --start-period=90s --start-interval=1s \
    CMD ["python", "-m", "scripts.server.healthcheck"]
# One process that starts TorchServe, watches it, and on SIGTERM ends it once all is answered.
CMD ["python", "-m", "scripts.server"]
ARG VERSION=dev
ARG REVISION=unknown
LABEL org.opencontainers.image.title="doubleit-torchserve" \
    org.opencontainers.image.description="DoubleIt, a TorchScript model, on TorchServe" \
    org.opencontainers.image.licenses="Apache-2.0" \
    org.opencontainers.image.version="$VERSION" \
    org.opencontainers.image.revision="$REVISION"
