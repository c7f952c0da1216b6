"""Publishing: a branch becomes a pull request, and is merged when its checks pass.

``protocol`` says what a forge can do; ``github``, ``gitlab``, ``gitea`` and ``none`` do it. ``shared`` publishes one
branch, ``merge_queue`` a branch a task. ``text`` writes titles and bodies. Whatever is cut off and called again finds
what it had done before: exactly one pull request, exactly one merge.
"""
