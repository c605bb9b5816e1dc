# SPDX-License-Identifier: MIT
"""Workers that do what the scenario tells them: tests/scenario/object-worker.c."""

from gang import *  # noqa: F403

WORKER = f'{BUILD}/tests/scenario/object-worker'


class ToldGang(Gang):
    """Of workers `exec = $TOLD`, each instance of which has a named pipe for its commands."""

    def __init__(self, config, keys, **options):
        super().__init__(config, begin=False, **options)
        self.keys, self.number = keys, 0
        for key in keys:
            self.fifo(key.replace('/', '.'))
        self.start()
        self.until_ready(*keys)

    def configure(self, text):
        told = f'{{"{WORKER}", "@"}} ready = library stop-timeout = 0 restart-delay = 1ms restart-delay-max = 1ms'
        super().configure(text.replace('$TOLD', told))

    def tell(self, key=None, *words):
        """Give a command; @return its number. Without arguments: what Gang.tell() does."""
        if key is None:
            return super().tell()
        self.number += 1
        with open(self.path(key.replace('/', '.')), 'w') as f:
            f.write(' '.join(map(str, (self.number, *words))) + '\n')
        return self.number

    def answer(self, key, number):
        """What it says when it is done: [result, text]."""
        line = self.logs.wait(lambda l: l['key'] == key and l['text'].split(' ', 1)[0] == str(number),
                              what=f'the answer of {key} to command {number}')
        return line['text'].split(' ', 2)[1:]

    def do(self, key, *words, result='done'):
        """A command that does not wait for long. @return the text of its answer."""
        answer = self.answer(key, self.tell(key, *words))
        equal(answer[0], result, f'{key}: {" ".join(map(str, words))}')
        return answer[1] if len(answer) > 1 else ''

    def lock(self, name):
        return self.json('locks', name)['locks'][0]

    def deadlocks(self):
        return self.json('locks')['deadlocks']

    def who(self, users):
        return sorted(user['process'] for user in users)
