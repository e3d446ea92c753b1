import pytest

from module import Module
from wire.interface import Call, Outputs


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[Call]:
    """The calls of all modules that the test makes."""
    made: list[Call] = []
    really = Module.__call__

    def counted(self: Module, call: Call) -> Outputs:
        made.append(call)
        return really(self, call)

    monkeypatch.setattr(Module, "__call__", counted)
    return made
