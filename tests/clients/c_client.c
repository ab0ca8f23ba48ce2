/* usage: c_client: the C interface as a C program uses it, and as it must not. Exit status 0 when all holds. */
#include "inr.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REQUIRE(condition)                                                                                             \
    do                                                                                                                 \
    {                                                                                                                  \
        if (!(condition))                                                                                              \
        {                                                                                                              \
            fprintf(stderr, "line %d: %s (%s)\n", __LINE__, #condition, inr_last_error());                             \
            exit(1);                                                                                                   \
        }                                                                                                              \
    } while (0)

enum { N = 40 };

static int n_seen;

static int count_and_skip(void *user, const void *record, size_t record_bytes)
{
    (void)record;
    *(size_t *)user = record_bytes;
    ++n_seen;
    return 1;
}

int main(void)
{
    static float data[N * N], back[N * N];
    static unsigned char record[sizeof data + INR_MAX_GROWTH];
    const size_t start[] = {0, 0}, dims[] = {N, N}, nothing[] = {0, N}, absurd[] = {(size_t)-1, 2};
    const char *keys[] = {"accuracy", "norm"}, *values[] = {"0.01", "Linf"}, *wrong[] = {"0.01", "L7"};
    size_t n = 0, decoded = 0, shown = 0, i;
    inr_operator *op;

    for (i = 0; i < N * N; ++i)
    {
        data[i] = sinf(0.01f * (float)i);
    }
    op = inr_operator_new(keys, values, 2);
    REQUIRE(op != NULL);
    REQUIRE(inr_operator_set_place(op, "run.bp", "u") == INR_OK);
    REQUIRE(inr_encode(op, INR_FLOAT32, start, 2, dims, 2, data, record, &n) == INR_OK);
    REQUIRE(n > 0 && n < sizeof data / 2);
    REQUIRE(inr_decoded_bytes(record, n, &decoded) == INR_OK && decoded == sizeof data);

    /* An observer sees the record and may leave the output alone. */
    memset(back, 0, sizeof back);
    inr_observe(count_and_skip, &shown);
    REQUIRE(inr_decode(op, record, n, back, &decoded) == INR_OK);
    REQUIRE(n_seen == 1 && shown == n && back[1] == 0.0f);
    inr_observe(NULL, NULL);
    REQUIRE(inr_decode(NULL, record, n, back, &decoded) == INR_OK && decoded == sizeof data && n_seen == 1);
    for (i = 0; i < N * N; ++i)
    {
        REQUIRE(fabsf(back[i] - data[i]) <= 0.01f * 2.0f);
    }

    /* Whatever stands in a record, one wrong byte is found. */
    for (i = 0; i < n; ++i)
    {
        record[i] ^= 0x5a;
        REQUIRE(inr_decode(op, record, n, back, &decoded) == INR_BAD_RECORD);
        record[i] ^= 0x5a;
    }

    /* A damaged record: an error that names the place; the output is not touched where the header is wrong. */
    record[0] ^= 1;
    REQUIRE(inr_decode(op, record, n, back, &decoded) == INR_BAD_RECORD);
    REQUIRE(strstr(inr_last_error(), "variable 'u'") != NULL && strstr(inr_last_error(), "run.bp") != NULL);
    REQUIRE(inr_decoded_bytes(record, 0, &decoded) == INR_BAD_RECORD);
    REQUIRE(inr_decoded_bytes(NULL, 5, &decoded) == INR_BAD_CALL);

    /* A block without values is a record all the same. */
    REQUIRE(inr_encode(op, INR_FLOAT64, NULL, 0, nothing, 2, NULL, record, &n) == INR_OK && n > 0 && n <= INR_MAX_GROWTH);
    REQUIRE(inr_decode(op, record, n, NULL, &decoded) == INR_OK && decoded == 0);
    /* So is a single value. */
    REQUIRE(inr_encode(op, INR_FLOAT32, NULL, 0, NULL, 0, data, record, &n) == INR_OK && n <= 4 + INR_MAX_GROWTH);

    /* Noise of any type and length never grows by more than INR_MAX_GROWTH, and comes back as it was when it is short. */
    for (i = 0; i < 600; ++i)
    {
        const size_t sizes[] = {4, 8, 8, 16, 1, 2, 4, 8, 1, 2, 4, 8}, size = sizes[i % 12], count = i / 12;
        size_t k;
        for (k = 0; k < count * size; ++k)
        {
            ((unsigned char *)data)[k] = (unsigned char)(rand() >> 7);
        }
        REQUIRE(inr_encode(op, (inr_dtype)(1 + i % 12), NULL, 0, &count, 1, data, record, &n) == INR_OK);
        REQUIRE(n > 0 && n <= count * size + INR_MAX_GROWTH);
        REQUIRE(inr_decode(op, record, n, back, &decoded) == INR_OK && decoded == count * size);
        REQUIRE(memcmp(back, data, decoded) == 0);
    }

    /* Wrong calls are told, not crashed on. */
    REQUIRE(inr_encode(NULL, INR_FLOAT32, start, 2, dims, 2, data, record, &n) == INR_BAD_CALL);
    REQUIRE(inr_encode(op, INR_NO_TYPE, start, 2, dims, 2, data, record, &n) == INR_BAD_CALL);
    REQUIRE(inr_encode(op, INR_FLOAT32, start, 2, dims, 2, NULL, record, &n) == INR_BAD_CALL);
    REQUIRE(inr_encode(op, INR_FLOAT32, start, 2, absurd, 2, data, record, &n) == INR_BAD_CALL);
    REQUIRE(inr_encode(op, INR_FLOAT32, start, 2, dims, 2, data, NULL, &n) == INR_BAD_CALL);
    REQUIRE(inr_operator_new(NULL, NULL, 2) == NULL);
    inr_operator_free(op);
    inr_operator_free(NULL);

    /* Wrong settings are remembered, and told where the host can hand them on. */
    op = inr_operator_new(keys, wrong, 2);
    REQUIRE(op != NULL && inr_operator_set_place(op, "run.bp", "u") == INR_OK);
    REQUIRE(inr_encode(op, INR_FLOAT32, start, 2, dims, 2, data, record, &n) == INR_BAD_SETTINGS);
    REQUIRE(strstr(inr_last_error(), "norm") != NULL);
    REQUIRE(inr_operator_set_place(op, NULL, NULL) == INR_OK);
    REQUIRE(inr_encode(op, INR_FLOAT32, start, 2, dims, 2, data, record, &n) == INR_OK);
    REQUIRE(inr_decode(op, record, n, back, &decoded) == INR_OK && memcmp(back, data, sizeof data) == 0);
    inr_operator_free(op);
    REQUIRE(strlen(inr_version()) >= 5);
    return 0;
}
