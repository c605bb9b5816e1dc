#!/usr/bin/env python3
"""Readings come in, {"sensor": "oven", "value": 80}; those beyond LIMIT go on as alarms, the others are only counted."""

import json
import os

LIMIT = float(os.environ['LIMIT'])


def answer(line):
    try:
        reading = json.loads(line)
        value = float(reading['value'])
    except (ValueError, KeyError, TypeError) as e:
        return f'FAIL {type(e).__name__}: {e}'
    print(f'{reading.get("sensor")} is at {value}', flush=True)
    if value <= LIMIT:
        return 'OK'
    return 'OK ' + json.dumps({**reading, 'limit': LIMIT})


with open(3, encoding='utf-8') as requests, open(4, 'w', encoding='utf-8') as replies:
    for line in requests:
        # A reply is one line, whatever is in it; and it must not wait in a buffer.
        print(answer(line).replace('\n', ' '), file=replies, flush=True)
