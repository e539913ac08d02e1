"""Whether what is stored still says what was applied: in_sync.py WRITTEN.json STORED.json

As GitOps tools compare after normalising: what the writer did not mention may be there, what he wrote must be as he
wrote it, and lists are neither reordered nor grown.
"""

import json
import sys


def differences(written, stored, path=""):
    if isinstance(written, dict) and isinstance(stored, dict):
        for key, value in written.items():
            if key not in stored:
                yield f"{path}.{key} was dropped"
            else:
                yield from differences(value, stored[key], f"{path}.{key}")
    elif isinstance(written, list) and isinstance(stored, list) and len(written) == len(stored):
        for index, (ours, theirs) in enumerate(zip(written, stored)):
            yield from differences(ours, theirs, f"{path}[{index}]")
    elif written != stored or type(written) is not type(stored):
        yield f"{path}: {json.dumps(written)} became {json.dumps(stored)}"


def main():
    written, stored = (json.loads(open(path, encoding="utf-8").read()) for path in sys.argv[1:3])
    found = list(differences(written, stored))
    for difference in found:
        print(f"{written['kind']} {written['metadata']['name']}: {difference}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
