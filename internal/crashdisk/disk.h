#include <stdint.h>

typedef struct crashdisk crashdisk;

int crashdisk_install(void);
crashdisk *crashdisk_new(const char *folder);
void crashdisk_free(crashdisk *);
void crashdisk_fail_at(crashdisk *, long n);
void crashdisk_crash_at(crashdisk *, long n);
void crashdisk_power_off(crashdisk *);
int crashdisk_power_on(crashdisk *, uint64_t seed, long *lost);
void crashdisk_state(crashdisk *, int *off, long *operations, long *failed, long *unsynced);
