"""Training on several processes of one machine needs no network, and no name of the machine."""

import os
import signal
import sys

import pytest
from torch import distributed

from training.learning import train
from training.learning.data import loader


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


class MaskedSignals:
    """A dataset of which signals its process never receives."""

    def __getitem__(self, index: int) -> list[int]:
        return sorted(signal.pthread_sigmask(signal.SIG_BLOCK, ()))


def test_a_worker_never_receives_ctrl_c(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    assert signal.SIGINT in next(iter(loader(MaskedSignals(), range(1), workers=1)))
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())
