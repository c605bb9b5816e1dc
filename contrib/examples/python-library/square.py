#!/usr/bin/env python3
"""Serves calls: what is no number fails with the exception's text."""

import ganger

with ganger.join() as gang:
    service = gang.service('square', ganger.RECEIVE)
    gang.ready()
    for request in service:
        try:
            with request:
                request.reply(str(int(request.data) ** 2))
        except ValueError:
            pass                        # the caller was told
