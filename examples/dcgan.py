"""DCGAN: a generator and a discriminator for 64 x 64 images.

Follows Radford et al., "Unsupervised Representation Learning with Deep Convolutional Generative
Adversarial Networks".
"""

import torch
import torch.nn as nn

NC = 3  # channels of an image


def weights_init(m):
    """Draw the weights as the paper does: N(0, 0.02) for convolutions, N(1, 0.02) for scales."""
    if isinstance(m, (nn.Conv2d, nn.ConvTranspose2d)):
        nn.init.normal_(m.weight, 0.0, 0.02)
    elif isinstance(m, nn.BatchNorm2d):
        nn.init.normal_(m.weight, 1.0, 0.02)
        nn.init.zeros_(m.bias)


class Generator(nn.Module):
    """Latent vector nz x 1 x 1 -> image nc x 64 x 64 in [-1, 1]."""

    def __init__(self, nz, ngf=64, nc=NC):
        super().__init__()
        self.nz = nz
        self.main = nn.Sequential(
            # input is Z, going into a convolution
            nn.ConvTranspose2d(nz, ngf * 8, 4, 1, 0, bias=False),
            nn.BatchNorm2d(ngf * 8),
            nn.ReLU(True),
            # (ngf*8) x 4 x 4
            nn.ConvTranspose2d(
                ngf * 8,
                ngf * 4,
                kernel_size=4,
                stride=2,
                padding=1,  # doubles the size exactly
                bias=False,  # the norm behind it has one
            ),
            nn.BatchNorm2d(ngf * 4),
            nn.ReLU(True),
            # (ngf*4) x 8 x 8
            nn.ConvTranspose2d(ngf * 4, ngf * 2, 4, 2, 1, bias=False),
            nn.BatchNorm2d(ngf * 2),
            nn.ReLU(True),
            # (ngf*2) x 16 x 16
            nn.ConvTranspose2d(ngf * 2, ngf, 4, 2, 1, bias=False),
            nn.BatchNorm2d(ngf),
            nn.ReLU(True),
            # (ngf) x 32 x 32
            nn.ConvTranspose2d(ngf, nc, 4, 2, 1, bias=False),
            nn.Tanh(),
        )
        self.apply(weights_init)

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return self.main(z)


class Discriminator(nn.Module):
    """Image nc x 64 x 64 -> probability of being real, one for each image."""

    def __init__(self, ndf=64, nc=NC):
        super().__init__()
        layers = [
            nn.Conv2d(nc, ndf, 4, 2, 1, bias=False),
            nn.LeakyReLU(0.2, inplace=True),
        ]
        width = ndf
        for _ in range(3):
            layers += [
                nn.Conv2d(width, width * 2, 4, 2, 1, bias=False),
                nn.BatchNorm2d(width * 2),
                nn.LeakyReLU(0.2, inplace=True),
            ]
            width *= 2
        # 4 x 4 is left: one value remains
        layers.append(nn.Conv2d(width, 1, 4, 1, 0, bias=False))
        self.main = nn.Sequential(*layers)
        self.prob = nn.Sigmoid()
        self.apply(weights_init)

    def forward(self, img):
        score = self.main(img)
        return self.prob(score).view(-1, 1).squeeze(1)


if __name__ == "__main__":
    net = Generator(100)
    with torch.no_grad():
        image = net(torch.randn(2, 100, 1, 1))
    print(image.shape)
