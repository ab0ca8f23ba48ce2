/* usage: strange MODE TEMPORAL FOLDER BACKEND: what strange processes do with the C interface. Prints "done" when all holds.
 *
 * fork: a child encodes and decodes after its parent has, and so does the parent. busy: the same while other threads of the parent
 * encode, for many children. leave: another thread ends the process while this one encodes. closed: the library is opened and closed
 * again, with a thread that used it still there. A process that hangs is ended by a signal. */
#include "inr.h"

#include <dlfcn.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define REQUIRE(condition)                                                                                             \
    do                                                                                                                 \
    {                                                                                                                  \
        if (!(condition))                                                                                              \
        {                                                                                                              \
            fprintf(stderr, "line %d, process %d: %s (%s)\n", __LINE__, (int)getpid(), #condition, last_error());      \
            _exit(1);                                                                                                  \
        }                                                                                                              \
    } while (0)

enum { ROWS = 40, COLUMNS = 48, N = ROWS * COLUMNS, N_STEPS = 14, N_CHILDREN = 6, PATIENCE = 100 };

/* The library is not linked: it can be closed. */
static void *library;
static inr_operator *(*operator_new)(const char *const *, const char *const *, size_t);
static void (*operator_free)(inr_operator *);
static inr_status (*set_place)(const inr_operator *, const char *, const char *);
static inr_status (*encode)(const inr_operator *, inr_dtype, const size_t *, size_t, const size_t *, size_t, const void *, void *,
                            size_t *);
static inr_status (*decode)(const inr_operator *, const void *, size_t, void *, size_t *);
static const char *(*last_error)(void);

static void *address(const char *name)
{
    void *found = dlsym(library, name);
    if (found == NULL)
    {
        fprintf(stderr, "%s\n", dlerror());
        exit(1);
    }
    return found;
}

static void open_library(void)
{
    library = dlopen("libadios2_inr.so", RTLD_NOW | RTLD_LOCAL);
    if (library == NULL)
    {
        fprintf(stderr, "%s\n", dlerror());
        exit(1);
    }
    *(void **)&operator_new = address("inr_operator_new");
    *(void **)&operator_free = address("inr_operator_free");
    *(void **)&set_place = address("inr_operator_set_place");
    *(void **)&encode = address("inr_encode");
    *(void **)&decode = address("inr_decode");
    *(void **)&last_error = address("inr_last_error");
}

typedef struct
{
    char dataset[4096];
    inr_operator *op;
    int is_series;
    double bound;
    size_t n_bytes[N_STEPS];
    float values[N_STEPS][N];
    unsigned char records[N_STEPS][4 * N + INR_MAX_GROWTH];
} run;

static run *new_run(const char *folder, const char *name, const char *temporal, const char *backend)
{
    const int is_series = strcmp(temporal, "series") == 0;
    const char *keys[] = {"mode", "norm", "accuracy", "temporal", "threads", "seconds", "backend", "device"};
    const char *values[] = {"ABS", "Linf", "1e-3", temporal, "2", "0.2", backend, "llvmpipe"};
    run *made = malloc(sizeof *made);
    if (is_series)
    {
        values[0] = "REL", values[1] = "L2", values[2] = "0.1";
    }
    made->is_series = is_series;
    /* A network moves on under the steps before. */
    made->bound = is_series ? 0.2 : 1e-3;
    snprintf(made->dataset, sizeof made->dataset, "%s/%s.bp", folder, name);
    REQUIRE(mkdir(made->dataset, 0700) == 0);
    made->op = operator_new(keys, values, strcmp(backend, "gpu") == 0 ? 8 : 7);
    REQUIRE(made->op != NULL);
    return made;
}

static void write_step(run *r, int step)
{
    const size_t start[] = {0, 0}, dims[] = {ROWS, COLUMNS};
    for (int i = 0; i < N; ++i)
    {
        r->values[step][i] = (float)(sin(0.1 * (i % COLUMNS) + 0.05 * step) * cos(0.08 * (i / COLUMNS) - 0.03 * step));
    }
    REQUIRE(set_place(r->op, r->dataset, "u") == INR_OK);
    REQUIRE(encode(r->op, INR_FLOAT32, start, 2, dims, 2, r->values[step], r->records[step], &r->n_bytes[step]) == INR_OK);
    REQUIRE(r->n_bytes[step] < 4 * N / 2);
}

static void read_step(run *r, int step)
{
    static _Thread_local float back[N];
    size_t n = 0;
    double largest = 0, squares = 0, norm = 0;
    REQUIRE(set_place(r->op, r->dataset, "u") == INR_OK);
    REQUIRE(decode(r->op, r->records[step], r->n_bytes[step], back, &n) == INR_OK && n == sizeof back);
    for (int i = 0; i < N; ++i)
    {
        const double value = r->values[step][i], error = fabs(back[i] - value);
        largest = fmax(largest, error), squares += error * error, norm += value * value;
    }
    REQUIRE((r->is_series ? sqrt(squares / norm) : largest) <= r->bound);
}

static void write_steps(run *r, int first, int end)
{
    for (int step = first; step < end; ++step)
    {
        write_step(r, step);
    }
}

static void read_steps(run *r, int end)
{
    for (int i = 0; i < end; ++i)
    {
        read_step(r, i * 5 % end);
    }
}

static void await(pid_t child)
{
    int status = 0;
    REQUIRE(waitpid(child, &status, 0) == child);
    REQUIRE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static pid_t forked(void)
{
    const pid_t child = fork();
    REQUIRE(child >= 0);
    alarm(PATIENCE);
    return child;
}

static void forks(const char *folder, const char *temporal, const char *backend)
{
    run *own = new_run(folder, "parent", temporal, backend);
    write_steps(own, 0, 8);
    const pid_t child = forked();
    if (child == 0)
    {
        read_steps(own, 8);
        run *of_child = new_run(folder, "child", temporal, backend);
        write_steps(of_child, 0, N_STEPS);
        read_steps(of_child, N_STEPS);
        operator_free(of_child->op);
        exit(0);
    }
    write_steps(own, 8, N_STEPS);
    await(child);
    read_steps(own, N_STEPS);
    operator_free(own->op);
}

static atomic_int n_written, is_over;

typedef struct
{
    const char *folder, *temporal, *backend;
    char name[16];
} task;

static void *keep_writing(void *of)
{
    const task *t = of;
    run *own = new_run(t->folder, t->name, t->temporal, t->backend);
    for (int i = 0; !atomic_load(&is_over); ++i)
    {
        write_step(own, i % N_STEPS);
        read_step(own, i % N_STEPS);
        atomic_fetch_add(&n_written, 1);
    }
    operator_free(own->op);
    return NULL;
}

static void forks_while_busy(const char *folder, const char *temporal, const char *backend)
{
    pthread_t threads[2];
    task tasks[2];
    for (int i = 0; i < 2; ++i)
    {
        tasks[i] = (task){folder, temporal, backend, ""};
        snprintf(tasks[i].name, sizeof tasks[i].name, "thread%d", i);
        REQUIRE(pthread_create(&threads[i], NULL, keep_writing, &tasks[i]) == 0);
    }
    for (int i = 0; i < N_CHILDREN; ++i)
    {
        const int before = atomic_load(&n_written);
        while (atomic_load(&n_written) < before + 3)
        {
            usleep(100 + 37 * i);
        }
        const pid_t child = forked();
        if (child == 0)
        {
            char name[16];
            snprintf(name, sizeof name, "child%d", i);
            run *own = new_run(folder, name, temporal, backend);
            write_steps(own, 0, 4);
            read_steps(own, 4);
            exit(0);
        }
        await(child);
    }
    atomic_store(&is_over, 1);
    REQUIRE(pthread_join(threads[0], NULL) == 0 && pthread_join(threads[1], NULL) == 0);
}

static void *leave(void *unused)
{
    (void)unused;
    while (atomic_load(&n_written) < 9)
    {
        usleep(100);
    }
    printf("done\n");
    exit(0);
}

static void leaves(const char *folder, const char *temporal, const char *backend)
{
    pthread_t thread;
    task t = {folder, temporal, backend, "run"};
    REQUIRE(pthread_create(&thread, NULL, leave, NULL) == 0);
    keep_writing(&t);
}

static void *use_and_wait(void *of)
{
    run *own = of;
    write_steps(own, 0, N_STEPS);
    atomic_fetch_add(&n_written, 1);
    while (!atomic_load(&is_over))
    {
        usleep(100);
    }
    /* The destructors of this thread's variables run now. */
    return NULL;
}

static void closes(const char *folder, const char *temporal, const char *backend)
{
    pthread_t thread;
    run *own = new_run(folder, "run", temporal, backend);
    REQUIRE(pthread_create(&thread, NULL, use_and_wait, own) == 0);
    while (atomic_load(&n_written) == 0)
    {
        usleep(100);
    }
    read_steps(own, N_STEPS);
    REQUIRE(dlclose(library) == 0);
    void *still_there = dlopen("libadios2_inr.so", RTLD_NOW | RTLD_NOLOAD);
    REQUIRE(still_there != NULL);
    REQUIRE(dlclose(still_there) == 0);
    atomic_store(&is_over, 1);
    REQUIRE(pthread_join(thread, NULL) == 0);
    open_library();
    run *second = new_run(folder, "second", temporal, backend);
    write_steps(second, 0, N_STEPS);
    read_steps(second, N_STEPS);
    /* Not given back: the series in training ends with the process, by a handler in a library that nobody has open. */
    REQUIRE(dlclose(library) == 0);
}

int main(int argc, char **argv)
{
    const struct
    {
        const char *name;
        void (*work)(const char *, const char *, const char *);
    } modes[] = {{"fork", forks}, {"busy", forks_while_busy}, {"leave", leaves}, {"closed", closes}};
    if (argc != 5)
    {
        return 2;
    }
    alarm(PATIENCE);
    open_library();
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; ++i)
    {
        if (strcmp(argv[1], modes[i].name) == 0)
        {
            modes[i].work(argv[3], argv[2], argv[4]);
            printf("done\n");
            return 0;
        }
    }
    return 2;
}
