"""Uncertainties."""

EMERGENT_S = 5.0


def uncertainty_s(pick, snr_db):
    return 0.1
