"""A page for people and an API for programs, over one bundle or several (`cxr app`).

Requests in, answers out, from memory alone: nothing of a film is written, logged or kept after its
answer. Never imports fastai or pandas.
"""
