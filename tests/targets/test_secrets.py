"""The secrets of a run."""

from cronproof.targets.secrets import API_KEY, api_key


def test_each_instance_has_a_key_of_its_own() -> None:
    assert len({API_KEY, api_key("A"), api_key("B")}) == 3
