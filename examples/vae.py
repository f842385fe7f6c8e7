"""A convolutional variational autoencoder for small images."""

from typing import List, Tuple

import torch
import torch.nn as nn
import torch.nn.functional as F


class Encoder(nn.Module):
    """Image -> mean and log-variance of the latent distribution."""

    def __init__(self, in_channels: int, hidden_dims: List[int], latent_dim: int, size: int):
        super().__init__()
        modules = []
        for h_dim in hidden_dims:
            modules.append(
                nn.Sequential(
                    nn.Conv2d(in_channels, h_dim, kernel_size=3, stride=2, padding=1),
                    nn.BatchNorm2d(h_dim, momentum=0.05),
                    nn.LeakyReLU(),
                )
            )
            in_channels = h_dim
        self.body = nn.Sequential(*modules)
        flat = hidden_dims[-1] * (size // 2 ** len(hidden_dims)) ** 2
        self.norm = nn.LayerNorm(flat)
        self.fc_mu = nn.Linear(flat, latent_dim)
        self.fc_var = nn.Linear(flat, latent_dim)

    def forward(self, x: torch.Tensor) -> Tuple[torch.Tensor, torch.Tensor]:
        h = self.norm(torch.flatten(self.body(x), start_dim=1))
        return self.fc_mu(h), self.fc_var(h)


class VAE(nn.Module):
    """Image in_channels x size x size -> reconstruction, mean, log-variance."""

    def __init__(self, in_channels=3, latent_dim=16, hidden_dims=(32, 64, 128), size=32):
        super().__init__()
        hidden = list(hidden_dims)
        self.latent_dim = latent_dim
        self.start = size // 2 ** len(hidden)
        self.encoder = Encoder(in_channels, hidden, latent_dim, size)

        self.decoder_input = nn.Linear(latent_dim, hidden[-1] * self.start**2)
        modules = []
        for i in range(len(hidden) - 1, 0, -1):
            modules.append(
                nn.Sequential(
                    nn.ConvTranspose2d(
                        hidden[i], hidden[i - 1],
                        kernel_size=3, stride=2, padding=1, output_padding=1,
                    ),
                    nn.BatchNorm2d(hidden[i - 1]),
                    nn.LeakyReLU(),
                )
            )
        self.decoder = nn.Sequential(*modules)
        self.final = nn.Sequential(
            nn.ConvTranspose2d(hidden[0], hidden[0], 3, 2, 1, 1),
            nn.BatchNorm2d(hidden[0]),
            nn.SiLU(),
            nn.Conv2d(hidden[0], in_channels, kernel_size=3, padding=1),
            nn.Tanh(),
        )

    def reparameterize(self, mu: torch.Tensor, logvar: torch.Tensor) -> torch.Tensor:
        """Draw from N(mu, var) so that gradients reach mu and var."""
        std = torch.exp(0.5 * logvar)
        eps = torch.randn_like(std)
        return eps * std + mu

    def decode(self, z: torch.Tensor) -> torch.Tensor:
        h = self.decoder_input(z)
        h = h.view(h.size(0), -1, self.start, self.start)
        return self.final(self.decoder(h))

    def forward(self, x):
        mu, logvar = self.encoder(x)
        z = self.reparameterize(mu, logvar)
        return self.decode(z), mu, logvar


class VAEWithLoss(nn.Module):
    """The model and its loss in one, as training scripts often wrap them."""

    def __init__(self, kld_weight: float = 0.005):
        super().__init__()
        self.vae = VAE()
        self.kld_weight = kld_weight

    def forward(self, x):
        recon, mu, logvar = self.vae(x)
        recons_loss = F.mse_loss(recon, x)
        kld = torch.mean(-0.5 * torch.sum(1 + logvar - mu**2 - logvar.exp(), dim=1), dim=0)
        return recons_loss + self.kld_weight * kld
