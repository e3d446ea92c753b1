# The Streamlit page. A builder stage creates the environment; the last stage runs the page.
# 3.11.16 on Debian 13. Pinned by digest, so that all builds start from the same bytes; Dependabot
# proposes updates. To use another base: --set '*.contexts.python=docker-image://NAME'.
FROM python:3.11-slim@sha256:9c900dea9e8fb7e16277c179b555cc72d29a352dbc33cff48ad5a0412fd5bfc7 AS python

FROM python AS builder
WORKDIR /app
# Use the image's interpreter, and copy packages from the cache because it is a mount.
ENV UV_PYTHON_DOWNLOADS=never UV_LINK_MODE=copy UV_CACHE_DIR=/var/cache/uv UV_PROJECT_ENVIRONMENT=/app/.venv
# Installs the version of uv in uv.lock and verifies its hash.
RUN --mount=type=bind,source=uv.lock,target=uv.lock \
    --mount=type=bind,source=scripts/dev/fetch_uv.py,target=scripts/dev/fetch_uv.py \
    python3 scripts/dev/fetch_uv.py /usr/local/bin
RUN --mount=type=cache,target=/var/cache/uv \
    --mount=type=bind,source=uv.lock,target=uv.lock \
    --mount=type=bind,source=pyproject.toml,target=pyproject.toml \
    uv sync --locked --no-default-groups --group ui

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
COPY LICENSE ./
COPY frontend frontend
# Compile the modules that the page imports, including the standard library's, because a read-only
# container would compile them at each start. Rendering the page once imports all of them.
RUN python -m compileall -q frontend && \
    BACKEND_URL=http://127.0.0.1:9 python -c 'import frontend.__main__, frontend.server, streamlit.web.bootstrap; \
    from streamlit.testing.v1 import AppTest; \
    page = AppTest.from_file("frontend/app.py", default_timeout=120).run(); \
    assert page.title[0].value, page; assert not page.exception, page.exception'
# The page listens on all addresses, because a container's loopback cannot be reached from outside.
# BACKEND_URL: the inference API. The welcome message is off because it would wait for an Internet
# server to return this machine's address.
ENV PORT=8501 BACKEND_URL=http://127.0.0.1:8080 \
    STREAMLIT_LOGGER_HIDE_WELCOME_MESSAGE=true \
    TMPDIR=/tmp HOME=/tmp PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
# A numeric ID, so that platforms can verify that it is not root. This user owns no files.
USER 10001:10001
EXPOSE 8501
HEALTHCHECK --interval=15s --timeout=5s --retries=3 --start-period=60s --start-interval=1s \
    CMD ["python", "-c", "import http.client, os; c = http.client.HTTPConnection(\"127.0.0.1\", int(os.environ[\"PORT\"]), timeout=4); c.request(\"GET\", \"/_stcore/health\"); assert c.getresponse().status == 200"]
CMD ["sh", "-c", "exec python -m frontend --host 0.0.0.0 --port \"$PORT\""]
ARG VERSION=dev
ARG REVISION=unknown
LABEL org.opencontainers.image.title="doubleit-frontend" \
    org.opencontainers.image.description="DoubleIt's page: numbers in, twice the numbers out" \
    org.opencontainers.image.licenses="Apache-2.0" \
    org.opencontainers.image.version="$VERSION" \
    org.opencontainers.image.revision="$REVISION"
