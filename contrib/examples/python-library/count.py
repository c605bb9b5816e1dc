#!/usr/bin/env python3
"""Each number is squared by a call, and its square sent on in the step that acknowledges it. Two do so at a time."""

import ganger

with ganger.join() as gang:
    numbers, squares = gang.ring('numbers'), gang.ring('squares', ganger.SEND)
    square, desk = gang.service('square'), gang.semaphore('desk')
    gang.ready()
    for number in numbers:
        try:
            with desk:
                reply = square.call(number.data)
        except ganger.Failed as e:
            number.reject(e.strerror)
            continue
        answer = squares.reserve(squares.message_max)
        answer.view[:len(reply)] = reply
        answer.size = len(reply)
        ganger.forward(number, answer)
