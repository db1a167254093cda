"""Pretend: an Evolution-shaped server (REST and Socket.IO) for demonstrations, development and tests.

Takes options and a script of mishaps, gives a real server on a real port that behaves like Evolution API 2.3.7,
quirks included. Owns its invented instances, their messages and keys. Never is imported by another room, imports
none, and never talks to WhatsApp.
"""

from ponteio.simulator.options import SimulatorOptions
from ponteio.simulator.server import Simulator, run_simulator

__all__ = ["Simulator", "SimulatorOptions", "run_simulator"]
