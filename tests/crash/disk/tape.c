/* A disk that remembers what it was told, preloaded into each process of a server (disk/__init__.py
 * says how). What happens to files below TAPE_FOLDER is appended to the file TAPE_FILE, record by
 * record, in the order in which it happened; power_cut.py makes of it what a power cut might leave.
 * No fsync really waits for a disk: the tape alone says what was synced.
 *
 * TAPE_FAULTS is a file that all processes have mapped: which calls fail, from which on, and how.
 * A sync that fails is reported as Linux does, once to each handle that was open then.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define HANDLES 65536
#define TAPE_HANDLE_FROM 800 /* out of the way of programs that close the low ones */

enum { OTHER = 1, LOG = 2, DATABASE = 4 };     /* kinds of files: a bit each */
enum { WRITES = 1, SYNCS = 2, TRUNCATES = 4 }; /* kinds of calls */

struct record {
    uint32_t magic, kind;
    uint64_t inode, offset, length;
    uint32_t path_bytes, other_path_bytes;
};

/* Which calls on which files fail with which error: the first of them, and so many. How many such
 * calls were met, and have failed. Of each kind of file, how many syncs ever failed. */
struct faults {
    int32_t calls, files, error, first, times, met, failed, failed_syncs[DATABASE + 1];
};

static const char *folder;
static size_t folder_bytes;
static int tape = -1;
static struct faults *faults;
static unsigned char file_kind[HANDLES];
static int32_t failed_syncs_seen[HANDLES];

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

__attribute__((constructor)) static void begin(void)
{
    const char *named = getenv("TAPE_FILE"), *shared = getenv("TAPE_FAULTS");
    int (*real_open)(const char *, int, ...) = dlsym(RTLD_NEXT, "open64");
    int handle;

    folder = getenv("TAPE_FOLDER");
    if (!folder || !named || !shared)
        return;
    folder_bytes = strlen(folder);
    handle = real_open(named, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    tape = fcntl(handle, F_DUPFD_CLOEXEC, TAPE_HANDLE_FROM);
    close(handle);
    handle = real_open(shared, O_RDWR | O_CLOEXEC);
    faults = mmap(NULL, sizeof *faults, PROT_READ | PROT_WRITE, MAP_SHARED, handle, 0);
    close(handle);
    if (tape < 0 || faults == MAP_FAILED)
        abort();
}

static int ends_with(const char *path, const char *end)
{
    size_t whole = strlen(path), part = strlen(end);
    return whole >= part && strcmp(path + whole - part, end) == 0;
}

/* Shared memory beside the database is never on a disk. */
static int is_ours(const char *path)
{
    return tape >= 0 && strncmp(path, folder, folder_bytes) == 0 &&
           (path[folder_bytes] == '/' || path[folder_bytes] == 0) && !ends_with(path, "-shm");
}

static int find_kind(int handle)
{
    return handle >= 0 && handle < HANDLES ? file_kind[handle] : 0;
}

/* One call, so that nothing of another process comes in between. */
static void append(char kind, uint64_t inode, uint64_t offset, const void *data, uint64_t length,
                   const char *path, const char *other_path)
{
    int before = errno;
    size_t bytes = path ? strlen(path) : 0, other_bytes = other_path ? strlen(other_path) : 0;
    struct record record = {0x54415045, (uint32_t)kind, inode, offset, length, bytes, other_bytes};
    struct iovec parts[] = {{&record, sizeof record},
                            {(void *)path, bytes},
                            {(void *)other_path, other_bytes},
                            {(void *)data, data ? length : 0}};
    if (writev(tape, parts, 4) < 0)
        abort();
    errno = before;
}

static uint64_t find_inode(int handle)
{
    struct stat found;
    return fstat(handle, &found) == 0 ? found.st_ino : 0;
}

static int is_to_fail(int call, int kind)
{
    int number;
    if (!(faults->calls & call) || !(faults->files & kind))
        return 0;
    number = __atomic_add_fetch(&faults->met, 1, __ATOMIC_SEQ_CST);
    if (number < faults->first || number >= faults->first + faults->times)
        return 0;
    __atomic_add_fetch(&faults->failed, 1, __ATOMIC_SEQ_CST);
    errno = faults->error;
    return 1;
}

/* Opening, closing, names. */

static void begin_handle(int handle, const char *path, int flags, int is_new)
{
    struct stat found;
    if (handle >= HANDLES || fstat(handle, &found) != 0)
        return;
    file_kind[handle] = ends_with(path, "-wal") ? LOG : ends_with(path, ".sqlite3") ? DATABASE : OTHER;
    failed_syncs_seen[handle] = faults->failed_syncs[file_kind[handle]];
    if (is_new)
        append('C', found.st_ino, 0, NULL, 0, path, NULL);
    else if (S_ISDIR(found.st_mode))
        append('D', found.st_ino, 0, NULL, 0, path, NULL);
    else if (flags & O_TRUNC)
        append('T', found.st_ino, 0, NULL, 0, NULL, NULL);
}

static int open_any(int at, const char *path, int flags, mode_t mode)
{
    int (*real)(int, const char *, int, ...) = dlsym(RTLD_NEXT, "openat64");
    int handle, is_new = 0;
    if (!is_ours(path))
        return real(at, path, flags, mode);
    if (!(flags & O_CREAT) || flags & O_EXCL) {
        handle = real(at, path, flags, mode);
        is_new = handle >= 0 && (flags & O_CREAT) != 0;
    } else {
        /* Others make and take away the same file: whether it is new has to be certain. */
        do {
            handle = real(at, path, flags & ~O_CREAT, mode);
            if (handle < 0 && errno == ENOENT) {
                handle = real(at, path, flags | O_EXCL, mode);
                is_new = handle >= 0;
            }
        } while (handle < 0 && errno == EEXIST);
    }
    if (handle >= 0)
        begin_handle(handle, path, flags, is_new);
    return handle;
}

#define READ_MODE(flags, mode)                        \
    do {                                              \
        va_list list;                                 \
        va_start(list, flags);                        \
        mode = (flags)&O_CREAT ? va_arg(list, int) : 0; \
        va_end(list);                                 \
    } while (0)

int open(const char *path, int flags, ...)
{
    mode_t mode;
    READ_MODE(flags, mode);
    return open_any(AT_FDCWD, path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
    mode_t mode;
    READ_MODE(flags, mode);
    return open_any(AT_FDCWD, path, flags, mode);
}

int openat(int at, const char *path, int flags, ...)
{
    mode_t mode;
    READ_MODE(flags, mode);
    return open_any(at, path, flags, mode);
}

int openat64(int at, const char *path, int flags, ...)
{
    mode_t mode;
    READ_MODE(flags, mode);
    return open_any(at, path, flags, mode);
}

int close(int handle)
{
    if (handle == tape && tape >= 0)
        return 0;
    if (handle >= 0 && handle < HANDLES)
        file_kind[handle] = 0;
    return REAL(close)(handle);
}

int unlink(const char *path)
{
    int result = REAL(unlink)(path);
    if (result == 0 && is_ours(path))
        append('U', 0, 0, NULL, 0, path, NULL);
    return result;
}

int unlinkat(int at, const char *path, int flags)
{
    int result = REAL(unlinkat)(at, path, flags);
    if (result == 0 && is_ours(path))
        append('U', 0, 0, NULL, 0, path, NULL);
    return result;
}

int rename(const char *from, const char *to)
{
    int result = REAL(rename)(from, to);
    if (result == 0 && is_ours(to))
        append('R', 0, 0, NULL, 0, from, to);
    return result;
}

int link(const char *from, const char *to)
{
    int result = REAL(link)(from, to);
    if (result == 0 && is_ours(to))
        append('L', 0, 0, NULL, 0, from, to);
    return result;
}

int linkat(int at, const char *from, int other, const char *to, int flags)
{
    int result = REAL(linkat)(at, from, other, to, flags);
    if (result == 0 && is_ours(to))
        append('L', 0, 0, NULL, 0, from, to);
    return result;
}

/* What is in them. */

ssize_t write(int handle, const void *data, size_t bytes)
{
    int kind = find_kind(handle);
    ssize_t written;
    if (kind && is_to_fail(WRITES, kind))
        return -1;
    written = REAL(write)(handle, data, bytes);
    if (kind && written > 0)
        append('W', find_inode(handle), lseek(handle, 0, SEEK_CUR) - written, data, written, NULL,
               NULL);
    return written;
}

static ssize_t write_at(int handle, const void *data, size_t bytes, off64_t offset)
{
    int kind = find_kind(handle);
    ssize_t written;
    if (kind && is_to_fail(WRITES, kind))
        return -1;
    written = REAL(pwrite64)(handle, data, bytes, offset);
    if (kind && written > 0)
        append('W', find_inode(handle), offset, data, written, NULL, NULL);
    return written;
}

ssize_t pwrite64(int handle, const void *data, size_t bytes, off64_t offset)
{
    return write_at(handle, data, bytes, offset);
}

ssize_t pwrite(int handle, const void *data, size_t bytes, off_t offset)
{
    return write_at(handle, data, bytes, offset);
}

static int cut_to(int handle, off64_t bytes)
{
    int kind = find_kind(handle), result;
    if (kind && is_to_fail(TRUNCATES, kind))
        return -1;
    result = REAL(ftruncate64)(handle, bytes);
    if (kind && result == 0)
        append('T', find_inode(handle), bytes, NULL, 0, NULL, NULL);
    return result;
}

int ftruncate64(int handle, off64_t bytes)
{
    return cut_to(handle, bytes);
}

int ftruncate(int handle, off_t bytes)
{
    return cut_to(handle, bytes);
}

static int sync_handle(int handle)
{
    int kind = find_kind(handle), *failed = &faults->failed_syncs[kind];
    if (is_to_fail(SYNCS, kind)) {
        failed_syncs_seen[handle] = __atomic_add_fetch(failed, 1, __ATOMIC_SEQ_CST);
        append('F', find_inode(handle), 0, NULL, 0, NULL, NULL);
        errno = faults->error;
        return -1;
    }
    append('S', find_inode(handle), 0, NULL, 0, NULL, NULL);
    if (failed_syncs_seen[handle] != *failed) {
        failed_syncs_seen[handle] = *failed;
        errno = EIO;
        return -1;
    }
    return 0;
}

int fsync(int handle)
{
    return find_kind(handle) ? sync_handle(handle) : REAL(fsync)(handle);
}

int fdatasync(int handle)
{
    return find_kind(handle) ? sync_handle(handle) : REAL(fdatasync)(handle);
}
