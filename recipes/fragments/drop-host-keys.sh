#!/bin/sh
# Remove the host keys that openssh-server's installation made.
set -eu
rm -f /etc/ssh/ssh_host_*_key /etc/ssh/ssh_host_*_key.pub
