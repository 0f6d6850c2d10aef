"""Training on several processes of one machine needs no network, and no name of the machine."""

import os

import pytest
from torch import distributed

from training.learning import train


@pytest.mark.parametrize(("master", "interface"), [("127.0.0.1", "lo"), ("10.0.0.7", None)])
def test_processes_of_one_machine_use_the_loopback(monkeypatch, master, interface):
    started = []
    monkeypatch.setattr(
        distributed, "init_process_group", lambda kind: started.append((kind, os.environ.get("GLOO_SOCKET_IFNAME")))
    )
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("MASTER_ADDR", master)
    monkeypatch.setenv("GLOO_SOCKET_IFNAME", "")
    monkeypatch.delenv("GLOO_SOCKET_IFNAME")
    train.choose_device("cpu")
    assert started == [("gloo", interface)]
