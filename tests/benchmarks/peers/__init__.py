"""The ways a newcomer would type a reply out, each one as its own tutorial suggests.

They speak as much of the product's WebSocket as the load generator needs: `ready` on connecting,
`message.send` to start a reply for everyone in the conversation, one `char` frame per character.
"""
