"""Publishing: a branch becomes a pull request, and is merged when its checks pass.

``clients.protocol`` defines what a forge can do; ``github``, ``gitlab``, ``gitea`` and ``none`` implement it. In
``publishing``, ``request`` has the input, ``publisher`` publishes, ``branch_queue`` merges branches in order, and
``result`` has the result for each. Everything may be interrupted and called again: exactly one pull request, exactly
one merge.
"""
