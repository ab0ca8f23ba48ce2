/* The C interface of adios2-inr: what the ADIOS2 operator plugin asks of the library, usable from any language.
 *
 * Every function may be called from any thread. A function that can fail returns an inr_status; inr_last_error() then
 * tells the calling thread why, in one full sentence. No function lets a Rust panic or a C++ exception out.
 */
#ifndef ADIOS2_INR_H
#define ADIOS2_INR_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Settings and place (dataset, variable) of one ADIOS2 operator. */
typedef struct inr_operator inr_operator;

typedef enum inr_status
{
    INR_OK = 0,
    INR_BAD_SETTINGS = 1, /* the parameters of the operator are wrong: the user has to change them */
    INR_BAD_RECORD = 2,   /* a record cannot be decoded */
    INR_BAD_CALL = 3,     /* null pointer, unknown type, sizes that overflow */
    INR_INTERNAL = 4,     /* a bug, caught at the border */
    INR_NO_ANSWER = 5     /* a dataset has no such networks, or they do not know the place or the time */
} inr_status;

/* Element types; complex types are pairs. */
typedef enum inr_dtype
{
    INR_NO_TYPE = 0,
    INR_FLOAT32 = 1,
    INR_FLOAT64 = 2,
    INR_COMPLEX64 = 3,
    INR_COMPLEX128 = 4,
    INR_INT8 = 5,
    INR_INT16 = 6,
    INR_INT32 = 7,
    INR_INT64 = 8,
    INR_UINT8 = 9,
    INR_UINT16 = 10,
    INR_UINT32 = 11,
    INR_UINT64 = 12
} inr_dtype;

/* A record is at most this much longer than the block it holds. */
#define INR_MAX_GROWTH 32

/* Makes an operator from n pairs of NUL-terminated strings (docs/PARAMETERS.md). Wrong parameters do not fail here: they
 * are remembered and reported by inr_encode. Null only when a key or value is null. */
inr_operator *inr_operator_new(const char *const *keys, const char *const *values, size_t n);

/* Checks n pairs of strings as inr_operator_new takes them: INR_BAD_SETTINGS for what inr_encode would refuse. */
inr_status inr_check_settings(const char *const *keys, const char *const *values, size_t n);

/* Makes an operator for a host whose parameters cannot be read: it stores every block as it is, says the reason, a full sentence, on
 * stderr once, and decodes everything. Null when the reason is null. */
inr_operator *inr_operator_without_settings(const char *reason);

/* Frees an operator; null is allowed. */
void inr_operator_free(inr_operator *op);

/* Says which dataset (path as the application typed it) and variable the next blocks belong to; null for "not known". */
inr_status inr_operator_set_place(inr_operator *op, const char *dataset, const char *variable);

/* Encodes a block of n_dims dimensions, in the application's order, into out, which has room for the block's bytes +
 * INR_MAX_GROWTH. start has n_start entries (0 for local arrays). *out_bytes becomes the size of the record, never 0.
 * INR_BAD_SETTINGS comes only when the dataset is known, for wrong parameters or what strict=1 refuses: the host can then hand the error on. Otherwise, and after
 * any failure inside, the block is stored as it is and one line on stderr says why. */
inr_status inr_encode(inr_operator *op, inr_dtype type, const size_t *start, size_t n_start, const size_t *dims,
                      size_t n_dims, const void *data, void *out, size_t *out_bytes);

/* Bytes of the block in a record, from its header. */
inr_status inr_decoded_bytes(const void *record, size_t record_bytes, size_t *decoded_bytes);

/* Type and dimensions of the block in a record, slowest first. dims has room for that many numbers and may be null without; *n_dims
 * becomes how many there are, and dims has the first of them when the room is too small. */
inr_status inr_describe(const void *record, size_t record_bytes, inr_dtype *type, size_t *dims, size_t room,
                        size_t *n_dims);

/* Decodes a record into out, which has room for inr_decoded_bytes(); op may be null, it only adds names to errors.
 * *decoded_bytes becomes that size. Nothing is written before the header was checked. */
inr_status inr_decode(const inr_operator *op, const void *record, size_t record_bytes, void *out,
                      size_t *decoded_bytes);

/* The networks of a variable of a dataset (temporal=series) as a function of place and time; no array is decoded, and ADIOS2 is not
 * needed. */
typedef struct inr_series inr_series;

typedef struct inr_series_facts
{
    size_t n_axes;       /* numbers of a place */
    size_t n_channels;   /* values at a place: 2 for complex variables, real and imaginary part, else 1 */
    uint64_t first_step; /* the steps that the networks know; times are steps from 0 and may lie between two */
    uint64_t last_step;
    int is_grid; /* not 0: places are indices of the global array, slowest axis first, and may lie between its points;
                    0: coordinates in the unit of the file 'points' */
} inr_series_facts;

/* What is known about the error at a place and time. */
typedef struct inr_step
{
    uint64_t step;     /* the nearest step that the network knows */
    float error;       /* its relative L2 error over the block, of the worst channel; NaN when it is not known */
    int is_certified;  /* 0: the error when the step was written, by a network that was trained on since */
    int is_broken;     /* not 0: the certified error is above what was promised */
    int is_by_network; /* 0: readers get this step from a record of its own */
} inr_step;

/* Opens the networks of a variable; variable may be null when only one has some. The networks are read here, and decoded when
 * they are first asked. */
inr_status inr_series_open(const char *dataset, const char *variable, inr_series **series);

/* Frees a series; null is allowed. */
void inr_series_free(inr_series *series);

/* Name of the variable, valid as long as the series; null for a null series. */
const char *inr_series_variable(const inr_series *series);

/* Facts, and the lowest and highest place on each axis: bounds has room for that many pairs and may be null without. */
inr_status inr_series_describe(const inr_series *series, inr_series_facts *facts, double *bounds, size_t room);

/* Values at n_points places: times[n_points], places[n_points][n_axes], values[n_points][n_channels], the same bits on every
 * machine. gradients[n_points][n_channels][n_axes + 1], per unit of each axis, then per step, and steps[n_points] may be null.
 * Points of one time are asked together, on all cores. INR_NO_ANSWER names the domain; nothing is written then. */
inr_status inr_series_ask(const inr_series *series, const double *times, const double *places, size_t n_points,
                          float *values, double *gradients, inr_step *steps);

/* Why the last call of this thread failed; valid until its next call. Never null. */
const char *inr_last_error(void);

/* Sees every record that comes in to be decoded; not 0 skips the decoding and leaves the output as it is. */
typedef int (*inr_observer)(void *user, const void *record, size_t record_bytes);

/* Installs an observer for the whole process; null takes it away. It is called from the decoding thread. */
void inr_observe(inr_observer observer, void *user);

/* The next block that this thread encodes is stored as this record, which is copied and must be of a block of its size; null
 * takes it back. Returns 1 if an earlier one was not used. */
int inr_supply(const void *record, size_t record_bytes);

/* Version of the library, "0.1.0". */
const char *inr_version(void);

#ifdef __cplusplus
}
#endif

#endif
