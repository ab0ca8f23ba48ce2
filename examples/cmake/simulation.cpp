// Heat in a plate: writes its temperature as adios2.xml says, reads it back, and compares with what it computed.
//
// usage: simulation OUTPUT.bp

#include <adios2.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <vector>

namespace
{
constexpr size_t N = 96, STEPS = 5;
// The accuracy in adios2.xml.
constexpr double BOUND = 1e-3;
using Plate = std::vector<double>;

Plate start()
{
    Plate plate(N * N);
    for (size_t i = 0; i < N * N; ++i)
    {
        const double y = double(i / N) / N - 0.4, x = double(i % N) / N - 0.6;
        plate[i] = std::exp(-40 * (x * x + y * y)) + 0.3 * std::sin(9 * x) * std::cos(7 * y);
    }
    return plate;
}

/// 20 explicit steps of the heat equation; the rim keeps its temperature.
Plate later(Plate plate)
{
    for (int n = 0; n < 20; ++n)
    {
        const Plate old = plate;
        for (size_t y = 1; y + 1 < N; ++y)
            for (size_t x = 1; x + 1 < N; ++x)
            {
                const size_t i = y * N + x;
                plate[i] += 0.2 * (old[i - N] + old[i + N] + old[i - 1] + old[i + 1] - 4 * old[i]);
            }
    }
    return plate;
}

std::vector<Plate> write(adios2::ADIOS &adios, const char *path)
{
    adios2::IO io = adios.DeclareIO("heat");
    auto temperature = io.DefineVariable<double>("temperature", {N, N}, {0, 0}, {N, N}, adios2::ConstantDims);
    adios2::Engine writer = io.Open(path, adios2::Mode::Write);
    std::vector<Plate> plates{start()};
    for (size_t step = 0; step < STEPS; ++step)
    {
        writer.BeginStep();
        writer.Put(temperature, plates.back().data());
        writer.EndStep();
        plates.push_back(later(plates.back()));
    }
    writer.Close();
    plates.pop_back();
    return plates;
}

double largest_error(adios2::ADIOS &adios, const char *path, const std::vector<Plate> &wanted)
{
    adios2::Engine reader = adios.DeclareIO("reader").Open(path, adios2::Mode::ReadRandomAccess);
    auto temperature = adios.AtIO("reader").InquireVariable<double>("temperature");
    double error = 0;
    for (size_t step = 0; step < STEPS; ++step)
    {
        Plate found;
        temperature.SetStepSelection({step, 1});
        reader.Get(temperature, found, adios2::Mode::Sync);
        for (size_t i = 0; i < N * N; ++i)
            error = std::max(error, std::abs(found[i] - wanted[step][i]));
    }
    reader.Close();
    return error;
}
} // namespace

int main(int argc, char **argv)
{
    if (argc != 2)
    {
        std::fprintf(stderr, "usage: simulation OUTPUT.bp\n");
        return 2;
    }
    adios2::ADIOS adios(ADIOS2_XML);
    const auto plates = write(adios, argv[1]);
    const double error = largest_error(adios, argv[1], plates);
    std::printf("%zu steps of %zu x %zu values, largest error %g\n", STEPS, N, N, error);
    // Without the operator there would be none.
    return error > 0 && error <= BOUND ? 0 : 1;
}
