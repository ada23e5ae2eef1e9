"""What the losses of a detector draw leaves its network as it is."""

import torch

from cornernet import config, detectors


def test_a_network_begins_alike_whatever_its_losses_draw(tiny):
    begun = []
    for words in ([], ["loss.feature.name=arcface"], ["loss.feature.name=center", "loss.features=[{name: cosface}]"]):
        torch.manual_seed(3)
        begun.append(detectors.build(config.load(tiny, words), 3).network.state_dict())
    assert all(torch.equal(begun[0][key], held[key]) for held in begun[1:] for key in begun[0])
