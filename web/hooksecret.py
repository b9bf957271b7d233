"""`python -m web webhook-secret TENANT URL`: the secret with which a receiver verifies what it is told."""

import argparse

from host.files.folders import data_folder, keep_private, signing_secrets
from host.log.start import setup_faults_end
from host.settings.environment import load_settings
from jobs.webhooks.signatures import secret_text


def main(words: list[str]) -> int:
    """Print it; the exit status."""
    parser = argparse.ArgumentParser("python -m web webhook-secret", description=__doc__)
    parser.add_argument("tenant", metavar="TENANT", help='whose jobs it is told of; "" where there are no keys')
    parser.add_argument("url", metavar="URL", help="the receiver's address, exactly as uploads and settings name it")
    asked = parser.parse_args(words)
    keep_private()
    with setup_faults_end("web"):
        settings, _ = load_settings()
        secrets = signing_secrets(settings.webhook_secrets, data_folder(settings), "webhook.secret")
    print(secret_text(secrets[0], asked.tenant, asked.url))
    return 0
