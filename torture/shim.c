/* Stand between a process and its file system, for tests only: count what it does to the files below one folder (the
 * "steps": every creation, write, truncation, fsync, rename, deletion), and at a chosen step kill it, tear the write in
 * two, or refuse. What was done can be kept in a journal, from which torture/powercut.py makes what a disk might hold
 * after a power cut.
 *
 * Loaded by LD_PRELOAD, so it sees Python, SQLite, tantivy and FAISS alike, and the product needs no code for it. It does
 * nothing until torture_arm() is called. Not seen: writes through mapped memory (SQLite's -shm, which is made again) and
 * system calls that do not go through the C library.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { NOTHING, KILL, TEAR, FAIL_ONCE, FAIL_FROM };
enum { GO = 0, TORN = -1 }; /* or an errno */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char root[PATH_MAX];
static size_t root_length;
static int armed, journal = -1, fault, error_number;
static long step, stop_at;

__attribute__((constructor)) static void leave_children_alone(void) { unsetenv("LD_PRELOAD"); }

void torture_arm(const char *folder, const char *journal_path, long at, int what, int number) {
    strncpy(root, folder, sizeof root - 1);
    root_length = strlen(root);
    stop_at = at, fault = what, error_number = number, step = 0;
    journal = *journal_path ? (int)syscall(SYS_openat, AT_FDCWD, journal_path, O_WRONLY | O_CREAT | O_APPEND, 0600) : -1;
    armed = 1;
}

long torture_steps(void) { return step; }

static int is_inside(const char *path) {
    return !strncmp(path, root, root_length) && (path[root_length] == '/' || !path[root_length]);
}

static int path_of(int fd, char *path) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, PATH_MAX - 1);
    path[n < 0 ? 0 : n] = 0;
    return n > 0 && is_inside(path);
}

static int path_at(int fd, const char *given, char *path) {
    char folder[PATH_MAX] = "";
    if (given[0] == '/') folder[0] = 0;
    else if (fd == AT_FDCWD) { if (!getcwd(folder, sizeof folder)) return 0; }
    else path_of(fd, folder);
    if (snprintf(path, PATH_MAX, given[0] == '/' ? "%s%s" : "%s/%s", folder, given) >= PATH_MAX) return 0;
    return is_inside(path);
}

/* Count a step, with the lock held until leave(). `grows`: a full disk refuses it. */
static int enter(int grows, int is_write) {
    pthread_mutex_lock(&lock);
    step++;
    if (fault == FAIL_FROM && step >= stop_at) return grows || error_number != ENOSPC ? error_number : GO;
    if (step != stop_at) return GO;
    if (fault == TEAR && is_write) return TORN;
    if (fault == KILL || fault == TEAR) kill(getpid(), SIGKILL);
    return fault == FAIL_ONCE ? error_number : GO;
}

static void leave(void) { pthread_mutex_unlock(&lock); }

static void note(const char *what, const char *path, const char *other, long at, long length, const void *data) {
    if (journal < 0) return;
    char head[2 * PATH_MAX + 100];
    int n = snprintf(head, sizeof head, "%s\t%s\t%s\t%ld\t%ld\n", what, path, other, at, length);
    struct iovec parts[2] = {{head, (size_t)n}, {(void *)data, data ? (size_t)length : 0}};
    syscall(SYS_writev, journal, parts, data ? 2 : 1);
}

void torture_mark(const char *name) {
    pthread_mutex_lock(&lock);
    note("mark", name, "", 0, 0, NULL);
    leave();
}


#define REFUSED(decision) if ((decision) > 0) { leave(); errno = (decision); return -1; }

static ssize_t do_write(int fd, const void *data, size_t n, off_t at, int positioned) {
    char path[PATH_MAX];
    if (!armed || !path_of(fd, path)) return syscall(positioned ? SYS_pwrite64 : SYS_write, fd, data, n, at);
    int decision = enter(1, 1);
    REFUSED(decision);
    if (!positioned) {
        struct stat found;
        at = fcntl(fd, F_GETFL) & O_APPEND && !fstat(fd, &found) ? found.st_size : lseek(fd, 0, SEEK_CUR);
    }
    ssize_t done = syscall(positioned ? SYS_pwrite64 : SYS_write, fd, data, decision == TORN ? n / 2 : n, at);
    if (decision == TORN) kill(getpid(), SIGKILL);
    if (done > 0) note("write", path, "", at, done, data);
    leave();
    return done;
}

ssize_t write(int fd, const void *data, size_t n) { return do_write(fd, data, n, 0, 0); }
ssize_t pwrite(int fd, const void *data, size_t n, off_t at) { return do_write(fd, data, n, at, 1); }
ssize_t pwrite64(int fd, const void *data, size_t n, off64_t at) { return do_write(fd, data, n, at, 1); }

ssize_t writev(int fd, const struct iovec *parts, int count) {
    char path[PATH_MAX];
    if (!armed || !path_of(fd, path)) return syscall(SYS_writev, fd, parts, count);
    ssize_t total = 0;
    for (int i = 0; i < count; i++) {
        ssize_t done = do_write(fd, parts[i].iov_base, parts[i].iov_len, 0, 0);
        if (done < 0) return total ? total : done;
        total += done;
        if ((size_t)done < parts[i].iov_len) break;
    }
    return total;
}

static int do_open(int at, const char *given, int flags, mode_t mode) {
    char path[PATH_MAX];
    if (!armed || !(flags & (O_CREAT | O_TRUNC)) || !path_at(at, given, path))
        return (int)syscall(SYS_openat, at, given, flags, mode);
    int is_new = faccessat(at, given, F_OK, 0) != 0;
    if (!is_new && !(flags & O_TRUNC)) return (int)syscall(SYS_openat, at, given, flags, mode);
    int decision = enter(is_new, 0);
    REFUSED(decision);
    int fd = (int)syscall(SYS_openat, at, given, flags, mode);
    if (fd >= 0) note(is_new ? "create" : "truncate", path, "", 0, 0, NULL);
    leave();
    return fd;
}

#define MODE mode_t mode = 0; if (flags & (O_CREAT | O_TMPFILE)) { va_list rest; va_start(rest, flags); mode = va_arg(rest, mode_t); va_end(rest); }
int open(const char *path, int flags, ...) { MODE return do_open(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE return do_open(AT_FDCWD, path, flags | O_LARGEFILE, mode); }
int openat(int at, const char *path, int flags, ...) { MODE return do_open(at, path, flags, mode); }
int openat64(int at, const char *path, int flags, ...) { MODE return do_open(at, path, flags | O_LARGEFILE, mode); }

static int do_truncate(int fd, off_t length) {
    char path[PATH_MAX];
    if (!armed || !path_of(fd, path)) return (int)syscall(SYS_ftruncate, fd, length);
    int decision = enter(0, 0);
    REFUSED(decision);
    int result = (int)syscall(SYS_ftruncate, fd, length);
    if (!result) note("truncate", path, "", length, 0, NULL);
    leave();
    return result;
}
int ftruncate(int fd, off_t length) { return do_truncate(fd, length); }
int ftruncate64(int fd, off64_t length) { return do_truncate(fd, length); }

static int do_sync(int fd, int number) {
    char path[PATH_MAX];
    if (!armed || !path_of(fd, path)) return (int)syscall(number, fd);
    int decision = enter(1, 0);
    REFUSED(decision);
    note("sync", path, "", 0, 0, NULL); /* what the kernel would do here only takes time */
    leave();
    return 0;
}
int fsync(int fd) { return do_sync(fd, SYS_fsync); }
int fdatasync(int fd) { return do_sync(fd, SYS_fdatasync); }

static int do_rename(int from_at, const char *from, int to_at, const char *to, unsigned flags) {
    char old[PATH_MAX], new[PATH_MAX];
    int inside = armed && path_at(from_at, from, old) | path_at(to_at, to, new);
    if (!inside) return (int)syscall(SYS_renameat2, from_at, from, to_at, to, flags);
    int decision = enter(0, 0);
    REFUSED(decision);
    int result = (int)syscall(SYS_renameat2, from_at, from, to_at, to, flags);
    if (!result) note("rename", old, new, 0, 0, NULL);
    leave();
    return result;
}
int rename(const char *from, const char *to) { return do_rename(AT_FDCWD, from, AT_FDCWD, to, 0); }
int renameat(int a, const char *from, int b, const char *to) { return do_rename(a, from, b, to, 0); }
int renameat2(int a, const char *from, int b, const char *to, unsigned f) { return do_rename(a, from, b, to, f); }

static int do_unlink(int at, const char *given, int flags) {
    char path[PATH_MAX];
    if (!armed || !path_at(at, given, path)) return (int)syscall(SYS_unlinkat, at, given, flags);
    int decision = enter(0, 0);
    REFUSED(decision);
    int result = (int)syscall(SYS_unlinkat, at, given, flags);
    if (!result) note("unlink", path, "", 0, 0, NULL);
    leave();
    return result;
}
int unlink(const char *path) { return do_unlink(AT_FDCWD, path, 0); }
int rmdir(const char *path) { return do_unlink(AT_FDCWD, path, AT_REMOVEDIR); }
int unlinkat(int at, const char *path, int flags) { return do_unlink(at, path, flags); }

static int do_mkdir(int at, const char *given, mode_t mode) {
    char path[PATH_MAX];
    if (!armed || !path_at(at, given, path)) return (int)syscall(SYS_mkdirat, at, given, mode);
    int decision = enter(1, 0);
    REFUSED(decision);
    int result = (int)syscall(SYS_mkdirat, at, given, mode);
    if (!result) note("mkdir", path, "", 0, 0, NULL);
    leave();
    return result;
}
int mkdir(const char *path, mode_t mode) { return do_mkdir(AT_FDCWD, path, mode); }
int mkdirat(int at, const char *path, mode_t mode) { return do_mkdir(at, path, mode); }
