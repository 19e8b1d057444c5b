#!/usr/bin/env python3
"""Asks the reference model of many streams in one process.

  streams.py MODEL.py     one {"params": ..., "events": [...]} a line in, what the model says of each a line out
"""
import importlib.util, json, sys

spec = importlib.util.spec_from_file_location("model", sys.argv[1])
model = importlib.util.module_from_spec(spec)
sys.dont_write_bytecode = True
spec.loader.exec_module(model)
for line in sys.stdin:
    stream = json.loads(line)
    print(json.dumps(model.score(stream["events"], stream["params"])), flush=True)
