"""HTTP connections to the API: pool, timeouts, retries and the ID token."""

from __future__ import annotations

from types import TracebackType
from typing import Self

import google.oauth2.id_token
import urllib3
from google.auth.transport.urllib3 import AuthorizedHttp, Request
from urllib3.connectionpool import ConnectionPool
from urllib3.exceptions import ReadTimeoutError

from frontend.settings import Settings

# Seconds. A prediction may wait in the server's queue, or for a server that starts on demand.
CALL_TIMEOUT = urllib3.Timeout(connect=5, read=60)
# The user waits for the page while its state is checked.
STATE_TIMEOUT = urllib3.Timeout(connect=1, read=2)


class Retry(urllib3.Retry):
    """Retries after a dropped connection, but not after a timeout, whose wait was long already."""

    # The statuses whose Retry-After is respected. By default, urllib3 also retries 413 and 429.
    RETRY_AFTER_STATUS_CODES = frozenset({503})

    def increment(
        self,
        method: str | None = None,
        url: str | None = None,
        response: urllib3.BaseHTTPResponse | None = None,
        error: Exception | None = None,
        _pool: ConnectionPool | None = None,
        _stacktrace: TracebackType | None = None,
    ) -> Self:
        """Raise a read timeout at once; otherwise behave as urllib3 does."""
        if isinstance(error, ReadTimeoutError):
            raise error
        return super().increment(method, url, response, error, _pool, _stacktrace)


# A prediction changes nothing on the server, so a POST can be repeated. 503 means a full queue or a
# worker that is being replaced; a 4xx would only repeat itself. Retries at once, then after 0.4,
# 0.8 and 1.6 s; up to 0.1 s of jitter prevents many pages from retrying at the same moment.
CALL_RETRY = Retry(
    total=4,
    status_forcelist=[503],
    allowed_methods=["POST"],
    backoff_factor=0.2,
    backoff_jitter=0.1,
    retry_after_max=5,
    redirect=False,
    raise_on_status=False,
)
NO_RETRY = Retry(total=False, redirect=False)


def connect(settings: Settings) -> urllib3.PoolManager | AuthorizedHttp:
    """Return a connection pool for the API; it connects at the first request.

    With an ID token, google-auth fetches it from the metadata server (or with the service account
    of GOOGLE_APPLICATION_CREDENTIALS), and renews it some minutes before it expires.

    Raises:
        google.auth.exceptions.DefaultCredentialsError: this machine has no identity.
    """
    # As many connections as Streamlit runs scripts concurrently on a small machine.
    pool = urllib3.PoolManager(maxsize=16, timeout=CALL_TIMEOUT)
    if not settings.id_token:
        return pool
    credentials = google.oauth2.id_token.fetch_id_token_credentials(settings.url, Request(pool))
    return AuthorizedHttp(
        credentials,
        pool,
        refresh_status_codes=(),  # no 4xx is retried
    )
