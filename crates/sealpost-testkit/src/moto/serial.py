"""DynamoDB in moto, one request at a time.

moto undoes a refused transaction by putting a copy of the whole table back. With two requests at once, that undoes what the other
one has written meanwhile; and the copy is made of every item, each time. Here requests take turns, and the copy shares its
items, which moto replaces and never changes when they are put.

Python imports this by itself where it finds it first on its path (PYTHONPATH).
"""

import copy
import threading
from collections import defaultdict
from types import SimpleNamespace

try:
    import moto.dynamodb.models as models
    import moto.dynamodb.responses as responses
except ImportError:
    models = None


def snapshot(value):
    if not isinstance(value, models.Table):
        return copy.deepcopy(value)
    table = copy.copy(value)
    table.items = defaultdict(dict)
    for partition, items in value.items.items():
        table.items[partition] = dict(items) if isinstance(items, dict) else items
    return table


def in_turn(call):
    lock = threading.RLock()

    def locked(self):
        with lock:
            return call(self)

    return locked


if models is not None:
    models.copy = SimpleNamespace(deepcopy=snapshot, copy=copy.copy)
    responses.DynamoHandler.call_action = in_turn(responses.DynamoHandler.call_action)
