"""The optimizers: orthogonal updates are orthogonal, and every weight is trained."""

import pytest
import torch

from autoStructN2V.models import FlexibleUNet, NetworkConfig
from autoStructN2V.trainers import OptimizationConfig
from autoStructN2V.trainers.stepping.optimizer import Muon, Optimization, orthogonalized


@pytest.mark.parametrize("shape", [(8, 72), (72, 8), (16, 16)])
def test_an_orthogonalized_matrix_has_nearly_equal_singular_values(shape):
    torch.manual_seed(0)
    update = torch.randn(shape) * torch.logspace(0, -1, shape[1])
    (turned,) = orthogonalized([update])
    assert turned.shape == shape
    values = torch.linalg.svdvals(turned)
    assert values.max() < 1.3
    assert values.min() > 0.5
    # same directions: nothing but the singular values changed
    u, _, vh = torch.linalg.svd(update, full_matrices=False)
    inner = u.T @ turned @ vh.T
    assert (inner - inner.diagonal().diag()).abs().max() < 0.02


def test_no_gradient_gives_no_update():
    assert torch.equal(orthogonalized([torch.zeros(4, 9)])[0], torch.zeros(4, 9))


def test_the_size_of_an_update_does_not_depend_on_that_of_the_gradient():
    changes = []
    for scale in (1e-3, 1e3):
        weight = torch.nn.Parameter(torch.zeros(8, 8, 3, 3))
        torch.manual_seed(0)
        weight.grad = scale * torch.randn(8, 8, 3, 3)
        Muon([weight], lr=0.01).step()
        changes.append(weight.detach().clone())
    torch.testing.assert_close(changes[0], changes[1], rtol=1e-3, atol=1e-6)
    assert torch.linalg.matrix_norm(changes[0].flatten(1), 2) == pytest.approx(0.01, rel=0.3)


@pytest.mark.parametrize("optimizer", ["adam", "muon"])
def test_every_weight_is_trained(optimizer):
    network = FlexibleUNet(NetworkConfig(features=8, num_layers=1))
    before = [weight.detach().clone() for weight in network.parameters()]
    config = OptimizationConfig(optimizer=optimizer, learning_rate=1e-2)
    scaler = torch.amp.GradScaler("cpu", enabled=False)
    optimization = Optimization(network, config, 4, scaler)
    assert 0 < optimization.learning_rate < 1e-2
    for _ in range(2):
        network.zero_grad()
        network(torch.ones(1, 1, 16, 16)).square().mean().backward()
        optimization.step()
    assert optimization.learning_rate == pytest.approx(1e-2, rel=0.5)
    for old, new in zip(before, network.parameters(), strict=True):
        assert not torch.equal(old, new)
