#!/usr/bin/env python3
"""Compare our unpacked root with mmdebstrap's tar: type, mode, owner, link, content.

Every difference must match a line of EXPECTED, which says why it is there.
Owners are compared by name: both sides number dynamic users as they come.
"""
import fnmatch
import hashlib
import os
import stat
import sys
import tarfile

EXPECTED = [
    # what the recipe and kiln add, and what kiln takes away
    ("usr/lib/modules/*", "modules are pruned to the recipe's list"),
    ("boot*", "the kernel lives in the UKI"),
    ("vmlinuz*", "the kernel lives in the UKI"),
    ("usr/lib/kiln*", "kiln's own files"),
    ("usr/bin/slotctl", "kiln's own files"),
    ("usr/lib/systemd/system/kiln*", "kiln's own files"),
    ("usr/lib/systemd/system/*/kiln*", "kiln's own files"),
    ("usr/lib/systemd/system/emergency.target.wants", "kiln's own files"),
    ("usr/share/bash-completion/completions/slotctl", "kiln's own files"),
    ("usr/share/zsh/vendor-completions/_slotctl", "kiln's own files"),
    ("usr/lib/systemd/system/*.d*", "kiln's own files"),
    ("usr/lib/tmpfiles.d/kiln*", "kiln's own files"),
    ("state", "kiln's mount point"),
    ("usr/lib/os-release", "IMAGE_ID and IMAGE_VERSION"),
    ("etc/systemd/*", "the recipe's services; links settled to /usr/lib"),
    ("var/lib/systemd/deb-systemd-helper*", "the recipe's services"),
    ("etc/ssh/sshd_config.d/*", "the recipe's files"),
    ("usr/lib/systemd/network/80-kiln-*", "the recipe's files"),
    ("usr/lib/systemd/system.conf.d*", "the recipe's files"),
    ("etc/.updated", "kiln's own files"),
    ("var/.updated", "kiln's own files"),
    # what belongs to one machine or to apt
    ("etc/machine-id", "empty in both, by different rules"),
    ("var/lib/dbus/machine-id", "a link, so that there is one machine id"),
    ("etc/ssh/ssh_host_*", "mmdebstrap leaves host keys in the tree"),
    ("etc/hostname", "mmdebstrap copies the host's"),
    ("etc/hosts", "kiln writes a minimal one"),
    ("etc/resolv.conf", "mmdebstrap copies the host's"),
    ("etc/.resolv.conf*", "the backup of that copy"),
    ("etc/fstab", "kiln writes an empty one"),
    ("etc/apt*", "we install without apt"),
    ("var/lib/apt*", "we install without apt"),
    ("var/cache/apt*", "we install without apt"),
    ("var/log*", "logs are dropped"),
    ("etc/.pwd.lock", "a lock file"),
    ("etc/passwd*", "order and numbers of dynamic accounts; backups dropped"),
    ("etc/group*", "order and numbers of dynamic accounts; backups dropped"),
    ("etc/shadow*", "order of dynamic accounts; backups dropped"),
    ("etc/gshadow*", "order of dynamic accounts; backups dropped"),
    ("etc/sub?id*", "backups dropped"),
    ("var/cache/debconf/*", "-old backups dropped; mmdebstrap configures in two runs"),
    ("var/cache/ldconfig*", "caches dropped"),
    ("var/cache/man*", "caches dropped"),
    ("var/backups*", "backups dropped"),
    ("var/lib/dpkg/*-old", "backups dropped"),
    ("var/lib/dpkg/lock*", "lock files"),
    ("var/lib/dpkg/triggers/*", "order of trigger interests; lock file"),
    ("var/lib/dpkg/available", "mmdebstrap's apt does not keep it"),
    ("var/lib/dpkg/arch*", "mmdebstrap writes the architecture"),
    ("var/lib/dpkg/cmethopt", "written for dselect"),
    ("var/lib/dpkg/info/format", "the same; dpkg may leave it to its first run"),
    ("var/lib/initramfs-tools*", "no initramfs is built"),
    ("var/lib/pam/*", "timestamps of profiles"),
    ("var/lib/shells.state", "order of shells"),
    ("run*", "empty in ours"),
    ("tmp*", "empty in ours"),
    ("dev*", "empty in ours"),
    ("root", "0700 in both by different means"),
]


def names(text):
    return {int(line.split(":")[2]): line.split(":")[0] for line in text.splitlines() if line}


def ours(root):
    users = names(open(root + "/etc/passwd").read())
    groups = names(open(root + "/etc/group").read())
    out = {}
    for d, dirs, files in os.walk(root):
        for n in dirs + files:
            p = os.path.join(d, n)
            st = os.lstat(p)
            rel = os.path.relpath(p, root)
            owner = (users.get(st.st_uid, st.st_uid), groups.get(st.st_gid, st.st_gid))
            if stat.S_ISLNK(st.st_mode):
                out[rel] = ("l", owner, os.readlink(p))
            elif stat.S_ISDIR(st.st_mode):
                out[rel] = ("d", owner, oct(st.st_mode & 0o7777))
            else:
                digest = hashlib.sha256(open(p, "rb").read()).hexdigest()
                out[rel] = ("f", owner, oct(st.st_mode & 0o7777), digest)
    return out


def theirs(path):
    tar = tarfile.open(path)
    members = {os.path.normpath(m.name): m for m in tar}

    def content(m):
        return tar.extractfile(members[os.path.normpath(m.linkname)] if m.islnk() else m).read()

    users = names(content(members["etc/passwd"]).decode())
    groups = names(content(members["etc/group"]).decode())
    out = {}
    for rel, m in members.items():
        owner = (users.get(m.uid, m.uid), groups.get(m.gid, m.gid))
        if m.issym():
            out[rel] = ("l", owner, m.linkname)
        elif m.isdir():
            out[rel] = ("d", owner, oct(m.mode & 0o7777))
        elif m.isfile() or m.islnk():
            out[rel] = ("f", owner, oct(m.mode & 0o7777), hashlib.sha256(content(m)).hexdigest())
        else:
            out[rel] = ("?", owner)
    out.pop(".", None)
    return out


def main():
    a, b = ours(sys.argv[1]), theirs(sys.argv[2])
    unexpected, expected = [], {}
    for p in sorted(set(a) | set(b)):
        if a.get(p) == b.get(p):
            continue
        why = next((w for pattern, w in EXPECTED if fnmatch.fnmatch(p, pattern)), None)
        if why:
            expected[why] = expected.get(why, 0) + 1
        else:
            unexpected.append(f"/{p}: ours {a.get(p, 'missing')}, theirs {b.get(p, 'missing')}")
    for line in unexpected[:60]:
        print(line)
    for why, n in sorted(expected.items()):
        print(f"  {n:5} {why}")
    same = len([p for p in a if a[p] == b.get(p)])
    print(f"{same} of {len(a)} paths the same; {sum(expected.values())} differ as listed; "
          f"{len(unexpected)} differ otherwise")
    if len(a) < 1000 or unexpected:
        sys.exit(1)


main()
