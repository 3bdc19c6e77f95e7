"""The YAML files of every config group, installed as the package `sweepboard.conf`."""
