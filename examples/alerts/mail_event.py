"""Send a mail about an event of `quake watch --events`, read from standard input.

    quake watch ... --events --exec "python mail_event.py duty@example.org --smtp mail.example.org"

New and withdrawn events are told of; with --all, every revision. All mails about one event are one
conversation, for they answer the first one.
"""

import argparse
import json
import smtplib
import sys
from email.message import EmailMessage

DOMAIN = "quake.invalid"  # of identifiers, not of an address


def message(event, sender, recipients):
    """The mail about a revision."""
    mail = EmailMessage()
    mail["From"], mail["To"] = sender, ", ".join(recipients)
    mail["Subject"] = subject(event)
    mail["Message-ID"] = f"<{event['id']}.{event['revision']}@{DOMAIN}>"
    if event["revision"] > 1:
        mail["In-Reply-To"] = mail["References"] = f"<{event['id']}.1@{DOMAIN}>"
    mail.set_content("\n".join(lines(event)) + "\n")
    return mail


def subject(event):
    begin = {"withdrawn": "withdrawn: ", "complete": "complete: "}.get(event["state"], "")
    stations = ", ".join(event["channel_sets"])
    return f"{begin}{event['label']} {event['onset'][:19]} UTC, {stations}"


def lines(event):
    yield f"{event['label']}, probability {event['probability']:.2f}, {event['state']}"
    yield f"onset     {event['onset']} +/- {event['onset_uncertainty_s']} s"
    yield f"duration  {event['duration_s']} s"
    yield f"SNR       {event['snr_db']} dB, {event['dominant_frequency_hz']} Hz"
    if event["s_minus_p_s"] is not None:
        yield f"S-P       {event['s_minus_p_s']} s, about {event['distance_km']} km"
    if event["peak_velocity_m_s"] is not None:
        yield f"peak      {event['peak_velocity_m_s']:.3g} m/s"
    for arrival in event["arrivals"]:
        yield f"{arrival['channel_set']}  {arrival['onset']}  {arrival['snr_db']} dB"
    yield f"id        {event['id']}, revision {event['revision']}, written {event['written']}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recipients", nargs="+")
    parser.add_argument("--from", dest="sender", default=f"quake@{DOMAIN}")
    parser.add_argument("--smtp", default="localhost", help="host, or host:port")
    parser.add_argument("--all", action="store_true", help="mail every revision")
    arguments = parser.parse_args()
    event = json.load(sys.stdin)
    if not (arguments.all or event["revision"] == 1 or event["state"] == "withdrawn"):
        return
    host, _, port = arguments.smtp.partition(":")
    with smtplib.SMTP(host, int(port or 25), timeout=30) as server:
        server.send_message(message(event, arguments.sender, arguments.recipients))


if __name__ == "__main__":
    main()
