"""The other processes: the only place that touches the channel layer."""

import asyncio
import logging

from channels.layers import get_channel_layer

PATIENCE = 2.0  # seconds

logger = logging.getLogger(__name__)


async def answers() -> bool:
    """Return whether a message through the channel layer comes back."""
    layer = get_channel_layer()
    try:
        async with asyncio.timeout(PATIENCE):
            channel = await layer.new_channel()
            await layer.send(channel, {"type": "ping"})
            await layer.receive(channel)
        return True
    except Exception as error:  # each kind of layer has errors of its own
        logger.error("the channel layer does not answer: %r", error)
        return False
