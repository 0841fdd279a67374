/*
 * What kiln-fetch gives up before it reads the first byte of the network.
 */
#ifndef FETCH_PRIVILEGES_H
#define FETCH_PRIVILEGES_H

struct err;

/* User and group that no file belongs to; "nobody" and "nogroup" in Debian. */
#define PRIVILEGES_NOBODY 65534

/*
 * For good: every file but the standard three closed; root becomes nobody, without
 * groups and capabilities; no privilege is gained by any exec; no program started, no
 * file opened for writing, no process traced, no kernel interface used beyond sockets
 * of the internet and of this machine. Who is not root stays who they are. 0, or a
 * negative errno: then nothing may be fetched.
 */
int privileges_drop(struct err *err);

#endif
