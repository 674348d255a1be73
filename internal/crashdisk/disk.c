// A VFS over SQLite's own that remembers what was not synced. See crashdisk.go.
#include "disk.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { OK = 0, CANTOPEN = 14, IOERR = 10, IOERR_READ = 266, IOERR_WRITE = 778, IOERR_FSYNC = 1034,
       IOERR_TRUNCATE = 1546, IOERR_DELETE = 2570 };

// The interface of SQLite's VFS, from its documentation. It is stable:
// https://www.sqlite.org/c3ref/vfs.html, https://www.sqlite.org/c3ref/io_methods.html
typedef struct methods methods;
typedef struct { const methods *methods; } file;
struct methods {
    int version;
    int (*close)(file *);
    int (*read)(file *, void *, int, int64_t);
    int (*write)(file *, const void *, int, int64_t);
    int (*truncate)(file *, int64_t);
    int (*sync)(file *, int);
    int (*size)(file *, int64_t *);
    int (*lock)(file *, int);
    int (*unlock)(file *, int);
    int (*check_reserved_lock)(file *, int *);
    int (*control)(file *, int, void *);
    int (*sector_size)(file *);
    int (*characteristics)(file *);
    int (*shm_map)(file *, int, int, int, void volatile **);
    int (*shm_lock)(file *, int, int, int);
    void (*shm_barrier)(file *);
    int (*shm_unmap)(file *, int);
};
typedef struct vfs vfs;
struct vfs {
    int version, file_size, max_path;
    vfs *next;
    const char *name;
    void *data;
    int (*open)(vfs *, const char *, file *, int, int *);
    int (*delete)(vfs *, const char *, int);
    int (*access)(vfs *, const char *, int, int *);
    int (*full_path)(vfs *, const char *, int, char *);
    void *(*dl_open)(vfs *, const char *);
    void (*dl_error)(vfs *, int, char *);
    void (*(*dl_sym)(vfs *, void *, const char *))(void);
    void (*dl_close)(vfs *, void *);
    int (*randomness)(vfs *, int, char *);
    int (*sleep)(vfs *, int);
    int (*current_time)(vfs *, double *);
    int (*last_error)(vfs *, int, char *);
    int (*current_time_int64)(vfs *, int64_t *);
};
// Weak: the package that has SQLite is linked beside this one, and only at the end.
extern vfs *sqlite3_vfs_find(const char *) __attribute__((weak));
extern int sqlite3_vfs_register(vfs *, int) __attribute__((weak));

// A change is one write or truncation that was not synced, and how to undo it.
typedef struct change {
    struct change *older;
    int64_t offset, size_before;
    int length, kept;    // bytes written; bytes that were there before
    int truncation;      // to offset
    unsigned char *bytes; // those that were there, and after undoing those written
} change;

// A node is a file, by whatever connections it is open.
typedef struct node {
    struct node *next;
    char *path;
    change *newest;
} node;

struct crashdisk {
    struct crashdisk *next;
    char *folder;
    long operations, fail_at, crash_at;
    long failed;
    int off;
    node *files;
};

// A wrapped file is followed by SQLite's own.
typedef struct {
    file base;
    crashdisk *disk;
    node *node;
} wrapped;

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; // guards all below, and every disk
static crashdisk *disks;
static vfs *below, above;

static file *real(file *f) { return (file *)((wrapped *)f + 1); }

static void forget(node *n) {
    while (n->newest) {
        change *c = n->newest;
        n->newest = c->older;
        free(c->bytes);
        free(c);
    }
}

// fault counts an operation that changes the disk, and tells whether it fails.
static int fault(crashdisk *d) {
    if (d->off) return 1;
    d->operations++;
    if (d->operations == d->crash_at) {
        d->off = 1;
        return 1;
    }
    if (d->operations == d->fail_at) {
        d->failed++;
        return 1;
    }
    return 0;
}

// remember notes what a write or truncation is about to replace.
static int remember(wrapped *w, int64_t offset, int64_t length, int truncation) {
    file *f = real(&w->base);
    change *c = calloc(1, sizeof *c);
    int64_t size;
    int rc = f->methods->size(f, &size);
    if (rc != OK) { free(c); return rc; }
    int64_t kept = size - offset;
    if (kept < 0) kept = 0;
    if (!truncation && kept > length) kept = length;
    c->offset = offset, c->size_before = size, c->length = (int)length, c->kept = (int)kept, c->truncation = truncation;
    c->bytes = malloc((kept > length ? kept : length) + 1);
    if (kept > 0 && (rc = f->methods->read(f, c->bytes, (int)kept, offset)) != OK) {
        free(c->bytes); free(c);
        return rc;
    }
    c->older = w->node->newest;
    w->node->newest = c;
    return OK;
}

static int d_close(file *f) { return real(f)->methods->close(real(f)); }

static int d_read(file *f, void *into, int n, int64_t at) {
    return real(f)->methods->read(real(f), into, n, at);
}

static int d_write(file *f, const void *from, int n, int64_t at) {
    wrapped *w = (wrapped *)f;
    pthread_mutex_lock(&mutex);
    int rc = fault(w->disk) ? IOERR_WRITE : remember(w, at, n, 0);
    if (rc == OK) rc = real(f)->methods->write(real(f), from, n, at);
    pthread_mutex_unlock(&mutex);
    return rc;
}

static int d_truncate(file *f, int64_t size) {
    wrapped *w = (wrapped *)f;
    pthread_mutex_lock(&mutex);
    int rc = fault(w->disk) ? IOERR_TRUNCATE : remember(w, size, 0, 1);
    if (rc == OK) rc = real(f)->methods->truncate(real(f), size);
    pthread_mutex_unlock(&mutex);
    return rc;
}

// The real file is not synced: what counts is that it was asked for.
static int d_sync(file *f, int flags) {
    wrapped *w = (wrapped *)f;
    (void)flags;
    pthread_mutex_lock(&mutex);
    int rc = fault(w->disk) ? IOERR_FSYNC : OK;
    if (rc == OK) forget(w->node);
    pthread_mutex_unlock(&mutex);
    return rc;
}

static int d_size(file *f, int64_t *size) { return real(f)->methods->size(real(f), size); }
static int d_lock(file *f, int kind) { return real(f)->methods->lock(real(f), kind); }
static int d_unlock(file *f, int kind) { return real(f)->methods->unlock(real(f), kind); }
static int d_check(file *f, int *out) { return real(f)->methods->check_reserved_lock(real(f), out); }
static int d_control(file *f, int op, void *arg) { return real(f)->methods->control(real(f), op, arg); }
static int d_sector(file *f) { return real(f)->methods->sector_size(real(f)); }
static int d_characteristics(file *f) { return real(f)->methods->characteristics(real(f)); }
static int d_shm_map(file *f, int page, int size, int extend, void volatile **out) {
    return real(f)->methods->shm_map(real(f), page, size, extend, out);
}
static int d_shm_lock(file *f, int offset, int n, int flags) {
    return real(f)->methods->shm_lock(real(f), offset, n, flags);
}
static void d_shm_barrier(file *f) { real(f)->methods->shm_barrier(real(f)); }
static int d_shm_unmap(file *f, int remove) { return real(f)->methods->shm_unmap(real(f), remove); }

static const methods wrappers = {2, d_close, d_read, d_write, d_truncate, d_sync, d_size, d_lock, d_unlock, d_check,
    d_control, d_sector, d_characteristics, d_shm_map, d_shm_lock, d_shm_barrier, d_shm_unmap};

// disk_of gives the disk a file lies on. The caller holds mutex.
static crashdisk *disk_of(const char *path) {
    for (crashdisk *d = disks; path && d; d = d->next) {
        size_t n = strlen(d->folder);
        if (strncmp(path, d->folder, n) == 0 && path[n] == '/') return d;
    }
    return NULL;
}

static node *node_of(crashdisk *d, const char *path) {
    for (node *n = d->files; n; n = n->next) {
        if (strcmp(n->path, path) == 0) return n;
    }
    node *n = calloc(1, sizeof *n);
    n->path = strdup(path);
    n->next = d->files;
    return d->files = n;
}

static int v_open(vfs *v, const char *path, file *f, int flags, int *out) {
    (void)v;
    wrapped *w = (wrapped *)f;
    f->methods = NULL;
    pthread_mutex_lock(&mutex);
    crashdisk *d = disk_of(path);
    int off = d && d->off;
    if (d && !off) w->disk = d, w->node = node_of(d, path);
    pthread_mutex_unlock(&mutex);
    if (!d || off) return CANTOPEN;
    int rc = below->open(below, path, real(f), flags, out);
    if (rc == OK) f->methods = &wrappers;
    return rc;
}

static int v_delete(vfs *v, const char *path, int sync) {
    (void)v;
    pthread_mutex_lock(&mutex);
    crashdisk *d = disk_of(path);
    int rc = !d || fault(d) ? IOERR_DELETE : OK;
    if (rc == OK) {
        forget(node_of(d, path));
        rc = below->delete(below, path, sync);
    }
    pthread_mutex_unlock(&mutex);
    return rc;
}

static int v_access(vfs *v, const char *path, int flags, int *out) { (void)v; return below->access(below, path, flags, out); }
static int v_full(vfs *v, const char *path, int n, char *out) { (void)v; return below->full_path(below, path, n, out); }

int crashdisk_install(void) {
    below = sqlite3_vfs_find(NULL);
    if (!below) return CANTOPEN;
    above = *below;
    above.version = 2;
    above.name = "crashdisk";
    above.file_size = (int)sizeof(wrapped) + below->file_size;
    above.open = v_open, above.delete = v_delete, above.access = v_access, above.full_path = v_full;
    return sqlite3_vfs_register(&above, 0);
}

crashdisk *crashdisk_new(const char *folder) {
    crashdisk *d = calloc(1, sizeof *d);
    d->folder = strdup(folder);
    pthread_mutex_lock(&mutex);
    d->next = disks;
    disks = d;
    pthread_mutex_unlock(&mutex);
    return d;
}

void crashdisk_free(crashdisk *d) {
    pthread_mutex_lock(&mutex);
    for (crashdisk **at = &disks; *at; at = &(*at)->next) {
        if (*at == d) { *at = d->next; break; }
    }
    while (d->files) {
        node *n = d->files;
        d->files = n->next;
        forget(n);
        free(n->path);
        free(n);
    }
    free(d->folder);
    free(d);
    pthread_mutex_unlock(&mutex);
}

void crashdisk_fail_at(crashdisk *d, long n) {
    pthread_mutex_lock(&mutex);
    d->fail_at = n > 0 ? d->operations + n : 0;
    pthread_mutex_unlock(&mutex);
}

void crashdisk_crash_at(crashdisk *d, long n) {
    pthread_mutex_lock(&mutex);
    d->crash_at = n > 0 ? d->operations + n : 0;
    pthread_mutex_unlock(&mutex);
}

void crashdisk_power_off(crashdisk *d) {
    pthread_mutex_lock(&mutex);
    d->off = 1;
    pthread_mutex_unlock(&mutex);
}

void crashdisk_state(crashdisk *d, int *off, long *operations, long *failed, long *unsynced) {
    pthread_mutex_lock(&mutex);
    *off = d->off, *operations = d->operations, *failed = d->failed, *unsynced = 0;
    for (node *n = d->files; n; n = n->next) {
        for (change *c = n->newest; c; c = c->older) ++*unsynced;
    }
    pthread_mutex_unlock(&mutex);
}

static int chance(uint64_t *state) { // xorshift64
    *state ^= *state << 13, *state ^= *state >> 7, *state ^= *state << 17;
    return (*state >> 32) & 1;
}

// undo takes back a change, and keeps what it had written.
static int undo(int fd, change *c) {
    unsigned char *written = malloc(c->length + 1);
    int bad = c->length > 0 && pread(fd, written, c->length, c->offset) != c->length;
    bad |= ftruncate(fd, c->size_before) != 0;
    bad |= c->kept > 0 && pwrite(fd, c->bytes, c->kept, c->offset) != c->kept;
    free(c->bytes);
    c->bytes = written;
    return bad;
}

static int redo(int fd, change *c) {
    if (c->truncation) return ftruncate(fd, c->offset) != 0;
    return pwrite(fd, c->bytes, c->length, c->offset) != c->length;
}

// settle decides what of a file reached the disk: what was synced, and of the rest
// each change or not.
static int settle(node *n, uint64_t *state, long *lost) {
    int bad = 0;
    int fd = open(n->path, O_RDWR);
    if (fd < 0) { // never made, or deleted
        forget(n);
        return 0;
    }
    change *oldest_first = NULL;
    while (n->newest) {
        change *c = n->newest;
        n->newest = c->older;
        bad |= undo(fd, c);
        c->older = oldest_first;
        oldest_first = c;
    }
    while (oldest_first) {
        change *c = oldest_first;
        oldest_first = c->older;
        if (*state && chance(state)) bad |= redo(fd, c);
        else ++*lost;
        free(c->bytes);
        free(c);
    }
    return close(fd) != 0 || bad;
}

int crashdisk_power_on(crashdisk *d, uint64_t seed, long *lost) {
    int bad = 0;
    *lost = 0;
    pthread_mutex_lock(&mutex);
    for (node *n = d->files; n; n = n->next) bad |= settle(n, &seed, lost);
    d->off = 0, d->crash_at = 0, d->fail_at = 0;
    pthread_mutex_unlock(&mutex);
    return bad;
}
