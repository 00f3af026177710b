"""pytest tests/models/test_free_vit.py"""

import pytest
import torch
from torchvision.models import VisionTransformer

from cxr_fastai.models.free_vit import FreeViT

SMALL = dict(patch_size=8, num_layers=2, num_heads=2, hidden_dim=16, mlp_dim=32)


@pytest.fixture
def net():
    torch.manual_seed(0)
    net = FreeViT(image_size=32, **SMALL).eval()
    torch.nn.init.normal_(net.encoder.pos_embedding)  # torchvision's are near zero
    return net


def test_at_the_size_it_was_made_for_it_gives_torchvisions_class_token(net):
    whole = VisionTransformer(image_size=32, **SMALL).eval()
    whole.load_state_dict(net.state_dict())
    whole.heads = torch.nn.Identity()
    x = torch.randn(3, 3, 32, 32)
    with torch.inference_mode():
        assert torch.equal(net(x), whole(x))


def test_positions_of_another_size_are_those_learned_spread_evenly(net):
    learned = net.encoder.pos_embedding
    spread = net._positions(6)
    assert spread.shape == (1, 1 + 36, 16) and torch.equal(spread[:, :1], learned[:, :1])
    ramp = torch.arange(16.0).view(4, 4).T.flatten()  # rises by 1 a row, by 4 a column
    with torch.no_grad():
        learned[:, 1:] = ramp[None, :, None]
    rows = net._positions(8)[0, 1:, 0].view(8, 8)
    assert torch.allclose(rows, rows[:, :1].expand(8, 8) + rows[:1] - rows[0, 0], atol=1e-4)
    assert rows[0, -1] > rows[-1, 0] + 5
    assert net(torch.zeros(2, 3, 48, 48)).shape == (2, 16)
