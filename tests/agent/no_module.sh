#!/bin/sh
# Stands for an interpreter that does not have the load tool.
echo 'No module named aiperf' >&2
exit 1
