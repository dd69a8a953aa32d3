"""Post an event of `quake watch --events` to a webhook, as JSON, read from standard input.

    quake watch ... --events --exec "python post_event.py https://hooks.example.org/quake"

The body is the line as it is; with --text, an object with a sentence under "text", as chat programs
take it. What does not get through is tried three times. The header Idempotency-Key tells the
receiver what it has had already.
"""

import argparse
import json
import sys
import time
import urllib.error
import urllib.request

ATTEMPTS = 3


def sentence(event):
    """What chat programs show."""
    where = ", ".join(event["channel_sets"])
    return (
        f"{event['label']} ({event['probability']:.2f}) at {event['onset'][:19]} UTC, {where}, "
        f"SNR {event['snr_db']:.0f} dB: {event['state']}, revision {event['revision']}"
    )


def request(url, event, *, as_text):
    body = {"text": sentence(event)} if as_text else event
    return urllib.request.Request(
        url,
        json.dumps(body).encode(),
        {
            "Content-Type": "application/json",
            "Idempotency-Key": f"{event['id']}/{event['revision']}",
        },
    )


def post(wanted, wait_s):
    """Post, and once more if the other side is not there or has trouble of its own."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with urllib.request.urlopen(wanted, timeout=15):
                return
        except urllib.error.HTTPError as error:
            if error.code < 500 or attempt == ATTEMPTS:
                sys.exit(f"{wanted.full_url}: {error}")
        except OSError as error:
            if attempt == ATTEMPTS:
                sys.exit(f"{wanted.full_url}: {error}")
        time.sleep(wait_s * attempt)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("url")
    parser.add_argument("--text", action="store_true", help="a sentence, for chat programs")
    parser.add_argument("--wait", type=float, default=2.0, help="seconds before another attempt")
    arguments = parser.parse_args()
    if not arguments.url.startswith(("http://", "https://")):
        parser.error(f"{arguments.url}: http:// or https:// was expected")
    event = json.load(sys.stdin)
    post(request(arguments.url, event, as_text=arguments.text), arguments.wait)


if __name__ == "__main__":
    main()
