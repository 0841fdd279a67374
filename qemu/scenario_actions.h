/*
 * The actions of a scenario file, as scenario.c's table of commands has them. Each takes the
 * rest of its line from the parser and adds a step. Only scenario.c uses this.
 */
#ifndef QEMU_SCENARIO_ACTIONS_H
#define QEMU_SCENARIO_ACTIONS_H

struct parser;

int action_boot(struct parser *p);
int action_expect(struct parser *p);
int action_refuse(struct parser *p);
int action_run(struct parser *p);
int action_send(struct parser *p);
int action_reboot(struct parser *p);
int action_power(struct parser *p);
int action_reset(struct parser *p);
int action_install(struct parser *p);
int action_clone(struct parser *p);
int action_corrupt(struct parser *p);
int action_read(struct parser *p);
int action_drop(struct parser *p);
int action_shrink(struct parser *p);
int action_wipe(struct parser *p);
int action_fill(struct parser *p);
int action_put(struct parser *p);
int action_use(struct parser *p);
int action_check(struct parser *p);

#endif
