"""Speed and memory of the gateway, measured on this machine. Run with `./run bench [NAME]`; never part of the tests."""
