"""The Python peers of bench/beside as programs: FastAPI in front, a queue each, and one image task for all.

They run in an environment of their own (bench/peers/whole/installed.py), and are told everything by PEER_ variables.
"""
