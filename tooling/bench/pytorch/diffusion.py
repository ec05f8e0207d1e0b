"""The process: cosine schedule, noise prediction with a learned range of the variance."""

import math

import torch


class Diffusion:
    def __init__(self, steps=1000, kept=None):
        alpha_bar = lambda s: math.cos((s + 0.008) / 1.008 * math.pi / 2) ** 2
        betas = [min(1 - alpha_bar((i + 1) / steps) / alpha_bar(i / steps), 0.999) for i in range(steps)]
        cumprod = torch.cumprod(1 - torch.tensor(betas, dtype=torch.float64), dim=0)
        self.timesteps = torch.tensor(kept if kept is not None else range(steps))
        cumprod = cumprod[self.timesteps]
        previous = torch.cat([torch.ones(1, dtype=torch.float64), cumprod[:-1]])
        betas = 1 - cumprod / previous
        variance = betas * (1 - previous) / (1 - cumprod)
        tables = {
            'cumprod': cumprod,
            'previous': previous,
            'sqrt_cumprod': cumprod.sqrt(),
            'sqrt_rest': (1 - cumprod).sqrt(),
            'log_beta': betas.log(),
            'posterior_log_variance': torch.cat([variance[1:2], variance[1:]]).log(),
            'mean_x0': betas * previous.sqrt() / (1 - cumprod),
            'mean_xt': (1 - previous) * (1 - betas).sqrt() / (1 - cumprod),
        }
        self.tables = {name: table.float()[:, None, None, None] for name, table in tables.items()}

    def __len__(self):
        return len(self.timesteps)

    def at(self, t):
        return {name: table[t] for name, table in self.tables.items()}


def mean_per_sample(x):
    return x.flatten(1).mean(dim=1)


def gaussian_kl(mean1, log_variance1, mean2, log_variance2):
    return 0.5 * (
        -1
        + log_variance2
        - log_variance1
        + torch.exp(log_variance1 - log_variance2)
        + (mean1 - mean2) ** 2 * torch.exp(-log_variance2)
    )


def normal_cdf(z):
    return 0.5 * (1 + torch.tanh(math.sqrt(2 / math.pi) * (z + 0.044715 * z**3)))


def discretized_log_likelihood(x, mean, log_scale):
    centered, inverse = x - mean, torch.exp(-log_scale)
    upper, lower = normal_cdf(inverse * (centered + 1 / 255)), normal_cdf(inverse * (centered - 1 / 255))
    inside = (upper - lower).clamp(min=1e-12).log()
    high = torch.where(x > 0.999, (1 - lower).clamp(min=1e-12).log(), inside)
    return torch.where(x < -0.999, upper.clamp(min=1e-12).log(), high)


def hybrid_loss(diffusion, output, x_start, x, noise, t):
    """L_simple + T/1000 L_vb per sample; L_vb teaches the variance alone."""
    at = diffusion.at(t)
    epsilon, v = output.chunk(2, dim=1)
    mse = mean_per_sample((noise - epsilon) ** 2)
    frozen = epsilon.detach()
    share = (v + 1) / 2
    log_variance = share * at['log_beta'] + (1 - share) * at['posterior_log_variance']
    guess = (x - at['sqrt_rest'] * frozen) / at['sqrt_cumprod']
    mean = at['mean_x0'] * guess + at['mean_xt'] * x
    true_mean = at['mean_x0'] * x_start + at['mean_xt'] * x
    kl = mean_per_sample(gaussian_kl(true_mean, at['posterior_log_variance'], mean, log_variance))
    decoder = -mean_per_sample(discretized_log_likelihood(x_start, mean, 0.5 * log_variance))
    vb = torch.where(t == 0, decoder, kl) / math.log(2)
    return mse + vb * (len(diffusion) / 1000)
