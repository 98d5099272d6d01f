from __future__ import annotations

from tasks.measures.entra.methods_off import MethodsOff
from tests.tasks.measures.cloud.asked import asked
from tests.tasks.measures.entra.settings import methods


def test_which_are_on() -> None:
    assert asked(MethodsOff, methods()) == []
    assert asked(MethodsOff, methods(states={"Sms": True, "Voice": False, "Email": False})) == ["Sms is on"]
    assert asked(MethodsOff, methods(states={"Sms": True})) == ["Sms is on"]
    assert asked(MethodsOff, methods(states={"Sms": False})) == "whether Voice, Email is on is not told"
