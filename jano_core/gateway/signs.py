"""What is said to a client that waits: words for keepalives and for visible loading chunks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .call import RawHeaders

if TYPE_CHECKING:
    from ..runtime.ticket import Ticket


def early_head(content_type: str, identity: RawHeaders) -> RawHeaders:
    """The head of a stream that begins before its server was asked."""
    return [
        (b"content-type", content_type.encode()),
        (b"cache-control", b"no-cache"),
        (b"x-accel-buffering", b"no"),
        *identity,
    ]


def waiting_text(ticket: Ticket) -> str:
    """`jano waiting position=2 eta=20s`, with how far the load is where that is known."""
    forecast = ticket.forecast()
    words = ["jano waiting", f"position={forecast.position}"]
    if forecast.eta_s is not None:
        words.append(f"eta={round(forecast.eta_s)}s")
    if forecast.progress is not None:
        words.append(f"progress={forecast.progress:.0%}")
    if forecast.note:
        words.append(f"note={forecast.note}")
    return " ".join(words)


async def working_text(ticket: Ticket) -> str:
    """`jano working`, said between the chunks of a silent stream; `prompt=1536/4000` while the
    server reads the prompt and says how far it is.
    """
    reading = await ticket.reading()
    if reading is None:
        return "jano working"
    if reading.total:
        return f"jano working prompt={reading.tokens}/{reading.total}"
    return f"jano working prompt={reading.tokens}"


def loading_text(ticket: Ticket) -> str:
    """One line for people; it changes only when something has."""
    forecast = ticket.forecast()
    if forecast.loading:
        text = f"Loading {forecast.loading}"
    else:
        text = f"Waiting for {ticket.model}, position {forecast.position}"
    if forecast.progress is not None:
        text += f", {forecast.progress:.0%}"
    return f"{text}: {forecast.note}" if forecast.note else text
