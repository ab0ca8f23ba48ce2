/* usage: float_mode MODE: encodes and decodes a field of tiny numbers, with MODE "ftz" in the floating-point mode that -ffast-math
 * libraries leave behind (denormal numbers are zero, rounding towards zero). Prints a checksum of record and values, which
 * must not depend on it, and fails when the promise does not hold. */
#include "inr.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#if defined(__SSE__)
#include <xmmintrin.h>
#endif

enum { N = 64 };

static uint64_t checksum(uint64_t sum, const void *data, size_t n)
{
    const unsigned char *bytes = data;
    size_t i;
    for (i = 0; i < n; ++i)
    {
        sum = (sum ^ bytes[i]) * 1099511628211u;
    }
    return sum;
}

int main(int argc, char **argv)
{
    static float data[N * N], back[N * N];
    static unsigned char record[sizeof data + INR_MAX_GROWTH];
    const size_t dims[] = {N, N};
    const char *keys[] = {"accuracy", "norm", "model"}, *values[] = {"1e-2", "Linf", "transform"};
    inr_operator *op = inr_operator_new(keys, values, 3);
    size_t n = 0, decoded = 0, i;
    double worst = 0;

    for (i = 0; i < N * N; ++i)
    {
        data[i] = (float)(4e-39 * sin(0.02 * (double)i));
    }
#if defined(__SSE__)
    if (argc > 1 && strcmp(argv[1], "ftz") == 0)
    {
        _mm_setcsr(_mm_getcsr() | 0xe040); /* flush to zero, denormals are zero, truncate */
    }
#endif
    if (inr_encode(op, INR_FLOAT32, NULL, 0, dims, 2, data, record, &n) != INR_OK ||
        inr_decode(op, record, n, back, &decoded) != INR_OK || decoded != sizeof data)
    {
        fprintf(stderr, "%s\n", inr_last_error());
        return 1;
    }
#if defined(__SSE__)
    if (argc > 1 && strcmp(argv[1], "ftz") == 0 && (_mm_getcsr() & 0xe040) != 0xe040)
    {
        fprintf(stderr, "the host's mode was changed\n");
        return 1;
    }
    _mm_setcsr(_mm_getcsr() & ~0xe040u);
#endif
    for (i = 0; i < N * N; ++i)
    {
        const double error = fabs((double)back[i] - (double)data[i]);
        worst = error > worst ? error : worst;
    }
    if (worst > 1e-2 * 8e-39)
    {
        fprintf(stderr, "largest error %g\n", worst);
        return 1;
    }
    printf("%zu bytes %016llx\n", n, (unsigned long long)checksum(checksum(14695981039346656037u, record, n), back, decoded));
    inr_operator_free(op);
    return 0;
}
