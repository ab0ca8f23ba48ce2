/* usage: c_client SERIES: the C interface as a C program uses it, and as it must not. SERIES is a dataset
 * with networks of a variable "u" on the places 0 to 5 and 0 to 11 and the steps 1 to 9. Exit status 0 when all holds. */
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

static void ask_a_series(const char *path)
{
    const double times[] = {2.25, 9.0, 2.25}, places[] = {1.5, 7.0, 0.0, 0.0, 3.0, 11.0}, outside[] = {5.0, 12.0};
    double bounds[4], gradients[9];
    float values[3], again[3], before, after;
    double left[] = {1.5, 6.99}, right[] = {1.5, 7.01};
    inr_step steps[3];
    inr_series_facts facts;
    inr_series *series = NULL, *same = NULL;

    REQUIRE(inr_series_open(path, "u", &series) == INR_OK);
    REQUIRE(inr_series_open(path, NULL, &same) == INR_OK);
    REQUIRE(strcmp(inr_series_variable(same), "u") == 0);
    REQUIRE(inr_series_describe(series, &facts, bounds, 2) == INR_OK);
    REQUIRE(facts.n_axes == 2 && facts.n_channels == 1 && facts.is_grid);
    REQUIRE(facts.first_step == 1 && facts.last_step == 9);
    REQUIRE(bounds[0] == 0.0 && bounds[1] == 5.0 && bounds[2] == 0.0 && bounds[3] == 11.0);
    REQUIRE(inr_series_describe(series, &facts, NULL, 0) == INR_OK);

    REQUIRE(inr_series_ask(series, times, places, 3, values, gradients, steps) == INR_OK);
    REQUIRE(inr_series_ask(same, times, places, 3, again, NULL, NULL) == INR_OK);
    REQUIRE(memcmp(values, again, sizeof values) == 0);
    REQUIRE(steps[0].step == 2 && steps[0].is_certified && steps[0].error == 0.0625f && steps[1].step == 9);
    REQUIRE(!steps[0].is_broken && steps[0].is_by_network);
    REQUIRE(inr_series_ask(series, times, left, 1, &before, NULL, NULL) == INR_OK);
    REQUIRE(inr_series_ask(series, times, right, 1, &after, NULL, NULL) == INR_OK);
    REQUIRE(fabs(((double)after - (double)before) / 0.02 - gradients[1]) < 0.01 * fabs(gradients[1]) + 0.001);
    REQUIRE(inr_series_ask(series, NULL, NULL, 0, NULL, NULL, NULL) == INR_OK);

    REQUIRE(inr_series_ask(series, times, outside, 1, values, NULL, NULL) == INR_NO_ANSWER);
    REQUIRE(strstr(inr_last_error(), "goes from 0 to 11") != NULL);
    REQUIRE(inr_series_ask(series, times, NULL, 1, values, NULL, NULL) == INR_BAD_CALL);
    REQUIRE(inr_series_ask(series, times, places, 3, NULL, NULL, NULL) == INR_BAD_CALL);
    REQUIRE(inr_series_ask(series, times, places, (size_t)-1, values, NULL, NULL) == INR_BAD_CALL);
    REQUIRE(inr_series_ask(NULL, times, places, 3, values, NULL, NULL) == INR_BAD_CALL);
    REQUIRE(inr_series_describe(NULL, &facts, NULL, 0) == INR_BAD_CALL && inr_series_variable(NULL) == NULL);
    REQUIRE(inr_series_open(path, "v", &series) == INR_NO_ANSWER && strstr(inr_last_error(), "'u'") != NULL);
    REQUIRE(inr_series_open("/nowhere.bp", NULL, &series) == INR_NO_ANSWER);
    REQUIRE(inr_series_open(NULL, "u", &series) == INR_BAD_CALL && inr_series_open(path, "u", NULL) == INR_BAD_CALL);
    inr_series_free(series);
    inr_series_free(same);
    inr_series_free(NULL);
}

int main(int argc, char **argv)
{
    static float data[N * N], back[N * N];
    static unsigned char record[sizeof data + INR_MAX_GROWTH];
    const size_t start[] = {0, 0}, dims[] = {N, N}, nothing[] = {0, N}, absurd[] = {(size_t)-1, 2};
    const char *keys[] = {"accuracy", "norm"}, *values[] = {"0.01", "Linf"}, *wrong[] = {"0.01", "L7"};
    size_t n = 0, decoded = 0, shown = 0, found[3] = {7, 7, 7}, n_dims = 0, i;
    inr_dtype type = INR_NO_TYPE;
    inr_operator *op;

    REQUIRE(argc == 2);
    ask_a_series(argv[1]);

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

    REQUIRE(inr_describe(record, n, &type, found, 3, &n_dims) == INR_OK);
    REQUIRE(type == INR_FLOAT32 && n_dims == 2 && found[0] == N && found[1] == N && found[2] == 7);
    REQUIRE(inr_describe(record, n, &type, NULL, 0, &n_dims) == INR_OK && n_dims == 2);
    REQUIRE(inr_describe(record, n - 1, &type, found, 3, &n_dims) == INR_BAD_RECORD);
    REQUIRE(inr_describe(record, n, NULL, found, 3, &n_dims) == INR_BAD_CALL);

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
    /* What ADIOS2 passes on when the bytes in front of a record are damaged. */
    REQUIRE(inr_decode(op, record, (size_t)0 - 9, back, &decoded) == INR_BAD_RECORD);
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

    REQUIRE(inr_check_settings(keys, values, 2) == INR_OK && inr_check_settings(NULL, NULL, 0) == INR_OK);
    REQUIRE(inr_check_settings(keys, wrong, 2) == INR_BAD_SETTINGS);
    REQUIRE(strstr(inr_last_error(), "parameter 'norm' cannot be 'L7': set it to") != NULL);
    REQUIRE(inr_check_settings(NULL, values, 2) == INR_BAD_CALL);

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
