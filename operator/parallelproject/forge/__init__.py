"""Publishing: a branch becomes a pull request, and is merged when its checks pass.

``clients.protocol`` says what a forge can do; ``github``, ``gitlab``, ``gitea`` and ``none`` do it. In ``publishing``,
``request`` is what is asked, ``publisher`` does it, ``branch_queue`` merges branches in their order, and ``result`` is
how each ended. Whatever is cut off and called again finds what it had done before: exactly one pull request, exactly
one merge.
"""
