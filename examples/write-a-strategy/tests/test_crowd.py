"""The contract of strategies, and the one thing that this one is about."""

from jano_crowd import Crowd

from jano_core.testing.playbook import Playbook
from jano_core.testing.strategy_contract import StrategyContract


class TestCrowd(StrategyContract):
    def make(self):
        return Crowd()


def test_the_largest_crowd_is_next():
    Playbook("chat code draw", Crowd()).perform("""
        1 arrives for chat | load chat
        chat is ready      | grant 1
        2 arrives for code | nothing
        3 arrives for draw | nothing
        4 arrives for draw | nothing
        1 is served        | unload chat
        chat is gone       | load draw
    """)
