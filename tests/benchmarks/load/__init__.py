"""The load generator: a process of its own that connects, listens and checks every character.

It must cost little enough not to be what is measured: picows on uvloop, one dictionary look-up
for a frame, a histogram instead of lists, and no garbage collection while it measures.
"""
