"""The flight recorder: records all input of the core. A replay feeds it to a core again."""
