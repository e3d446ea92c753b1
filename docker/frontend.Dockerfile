# The Streamlit page: a builder for the environment, and what runs.
# 3.11.16 on Debian 13. By digest, so that a build today and one in a year start from the same bytes;
# Dependabot proposes newer ones. Another base: --set '*.contexts.python=docker-image://NAME'.
FROM python:3.11-slim@sha256:9c900dea9e8fb7e16277c179b555cc72d29a352dbc33cff48ad5a0412fd5bfc7 AS python

FROM python AS builder
WORKDIR /app
# The interpreter is the image's own, and packages are copied out of the cache, which is a mount.
ENV UV_PYTHON_DOWNLOADS=never UV_LINK_MODE=copy UV_PROJECT_ENVIRONMENT=/app/.venv
# uv at the version and with the bytes that uv.lock names.
RUN --mount=type=bind,source=uv.lock,target=uv.lock \
    --mount=type=bind,source=scripts/dev/fetch_uv.py,target=scripts/dev/fetch_uv.py \
    python3 scripts/dev/fetch_uv.py /usr/local/bin
RUN --mount=type=cache,target=/root/.cache/uv \
    --mount=type=bind,source=uv.lock,target=uv.lock \
    --mount=type=bind,source=pyproject.toml,target=pyproject.toml \
    --mount=type=bind,source=docker/strip.sh,target=strip.sh \
    uv sync --locked --no-default-groups --group ui && \
    sh strip.sh .venv/lib/python3.11/site-packages

FROM python AS runtime
# What installs packages is for the builder.
RUN find / -xdev \( -path '*/site-packages/pip*' -o -path '*/dist-packages/pip*' -o -path '*/bin/pip*' \
    -o -name ensurepip -o -name python-wheels \) -prune -exec rm -rf {} +
WORKDIR /app
ENV PATH=/app/.venv/bin:$PATH
COPY --from=builder /app/.venv .venv
COPY LICENSE ./
COPY frontend frontend
# Bytecode of the modules that a page imports, the standard library's too, and of no others: a
# container that cannot write would compile them at each start. A page drawn once imports them all.
RUN python -m compileall -q frontend && \
    BACKEND_URL=http://127.0.0.1:9 python -c 'import frontend.__main__, frontend.server, streamlit.web.bootstrap; \
    from streamlit.testing.v1 import AppTest; \
    page = AppTest.from_file("frontend/app.py", default_timeout=120).run(); \
    assert page.title[0].value, page; assert not page.exception, page.exception'
# A container's loopback would reach nobody, so the page listens on every address, at PORT.
# BACKEND_URL: the inference API. The welcome message would ask a server of the Internet for this
# machine's address, and wait for it.
ENV PORT=8501 BACKEND_URL=http://127.0.0.1:8080 \
    STREAMLIT_LOGGER_HIDE_WELCOME_MESSAGE=true \
    TMPDIR=/tmp HOME=/tmp PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
# A number, so that a platform can tell that it is not root. Owns no file.
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
