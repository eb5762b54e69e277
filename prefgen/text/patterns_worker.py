"""The process that tries regular expressions (`prefgen.text.patterns`): a line of JSON in, a line out. It
imports nothing of this project, so that it is there at once.

Its clock is the time that it computes, which does not depend on what else the machine does.
"""

import json
import re
import signal
import sys
from itertools import islice


def main() -> None:
    print("ready", flush=True)
    for line in sys.stdin:
        pattern, flags, text, most, seconds = json.loads(line)
        signal.setitimer(signal.ITIMER_PROF, seconds)  # over it the process ends
        count = sum(1 for _ in islice(re.finditer(pattern, text, flags), most))
        signal.setitimer(signal.ITIMER_PROF, 0)
        print(json.dumps(count), flush=True)


if __name__ == "__main__":
    main()
