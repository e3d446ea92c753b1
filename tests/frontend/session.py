"""A session of the page without a browser, using the WebSocket messages that a browser sends."""

from contextlib import ExitStack
from typing import Any, Self

import requests
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.Common_pb2 import FileUploaderState
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets.sync.client import connect

UPLOAD = "Upload a file"


class Session:
    """One browser tab. Use as a context manager: the session ends with it.

    Attributes:
        elements: what the last run drew, by kind, such as `text_area` or `arrow_data_frame`.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.elements: dict[str, list[Any]] = {}
        self._widgets: dict[str, WidgetState] = {}
        self._uploaded = ""
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        stream = f"ws{self.url[4:]}/_stcore/stream"
        joined = connect(stream, max_size=None, open_timeout=60, compression=None)
        self._socket = self._stack.enter_context(joined)
        return self.run()

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def paste(self, text: str) -> Self:
        """Enter a text into the field and submit it."""
        field = self.elements["text_area"][0]
        self._widgets[field.id] = WidgetState(id=field.id, string_value=text)
        return self.submit()

    def upload(self, name: str, content: bytes) -> Self:
        """Choose the upload, send a file and submit it; raise HTTPError if it is refused."""
        radio = self.elements["radio"][0]
        self._widgets[radio.id] = WidgetState(id=radio.id, string_value=UPLOAD)
        self.run()
        ask = BackMsg()
        ask.file_urls_request.request_id = "1"
        ask.file_urls_request.file_names.append(name)
        (urls,) = self._send(ask, "file_urls_response").file_urls_response.file_urls
        with requests.Session() as browser:
            browser.get(f"{self.url}/_stcore/health", timeout=60)
            browser.headers["X-Xsrftoken"] = browser.cookies["_streamlit_xsrf"]
            if self._uploaded:  # A browser deletes the file that another one replaces.
                browser.delete(self.url + self._uploaded, timeout=60).raise_for_status()
            put = browser.put(
                self.url + urls.upload_url, files={"file": (name, content)}, timeout=60
            )
            put.raise_for_status()
        self._uploaded = urls.delete_url
        uploader = self.elements["file_uploader"][0]
        state = FileUploaderState()
        state.uploaded_file_info.add(
            file_id=urls.file_id, name=name, size=len(content), file_urls=urls
        )
        self._widgets[uploader.id] = WidgetState(id=uploader.id, file_uploader_state_value=state)
        return self.submit()

    def submit(self) -> Self:
        """Click the form's button."""
        button = self.elements["button"][0]
        self._widgets[button.id] = WidgetState(id=button.id, trigger_value=True)
        self.run()
        del self._widgets[button.id]
        return self

    def run(self) -> Self:
        """Run the page with the current widgets; keep the elements that it draws."""
        message = BackMsg(rerun_script=ClientState())
        message.rerun_script.widget_states.widgets.extend(self._widgets.values())
        self.elements = {}
        self._send(message, "script_finished")
        return self

    def words(self) -> str:
        """Return the text on the page."""
        kinds = ("markdown", "alert", "exception")
        return "\n".join(str(e) for kind in kinds for e in self.elements.get(kind, []))

    def _send(self, message: BackMsg, until: str) -> ForwardMsg:
        """Send a message; read messages until one of the given kind, and return it."""
        self._socket.send(message.SerializeToString())
        while True:
            answer = ForwardMsg()
            answer.ParseFromString(self._socket.recv(timeout=120))
            kind = answer.WhichOneof("type")
            if kind == "delta" and answer.delta.WhichOneof("type") == "new_element":
                element = answer.delta.new_element
                name = str(element.WhichOneof("type"))
                self.elements.setdefault(name, []).append(getattr(element, name))
            if kind == until:
                return answer
