// usage: mpirun -n RANKS mpi_writer FOLDER NAME XML STEPS [RANK STEP]: a parallel program that knows nothing of the operator. Each rank
// writes its block of "u" as FOLDER/XML says; rank 0 tells every step that all ranks have finished. RANK, if given, is killed in the middle
// of STEP.

#include <adios2.h>
#include <mpi.h>

#include <cmath>
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <string>
#include <unistd.h>
#include <vector>

namespace
{

const size_t kSide = 48;

// A pulse that moves over a still pattern, another one on each rank.
std::vector<float> Block(size_t rank, size_t step)
{
    std::vector<float> values(kSide * kSide);
    for (size_t i = 0; i < values.size(); ++i)
    {
        const double y = double(i / kSide) / kSide, x = double(i % kSide) / kSide;
        const double dx = x - 0.5, dy = y - 0.25 - 0.012 * double(step);
        const double waves = std::sin((25 + double(rank)) * x + 9 * y * y) * std::sin(23 * y - 7 * x * x);
        values[i] = float(std::exp(-30 * (dx * dx + dy * dy)) + 0.5 * waves);
    }
    return values;
}

} // end anonymous namespace

int main(int argc, char **argv)
{
    int provided = 0, rank = 0, size = 0;
    MPI_Init_thread(&argc, &argv, MPI_THREAD_MULTIPLE, &provided);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    if (argc < 5 || chdir(argv[1]) != 0)
    {
        std::cerr << "usage: mpi_writer FOLDER NAME XML STEPS [RANK STEP]\n";
        MPI_Abort(MPI_COMM_WORLD, 1);
    }
    const int n_steps = std::atoi(argv[4]);
    const int killed = argc > 6 ? std::atoi(argv[5]) : -1, last = argc > 6 ? std::atoi(argv[6]) : -1;
    {
        adios2::ADIOS adios(argv[3], MPI_COMM_WORLD);
        auto io = adios.DeclareIO("SimulationOutput");
        io.DefineAttribute<std::string>("unit", "m/s");
        const size_t place = size_t(rank) * kSide, width = size_t(size) * kSide;
        auto u = io.DefineVariable<float>("u", {kSide, width}, {0, place}, {kSide, kSide});
        auto cells = io.DefineVariable<int32_t>("cells", {width * kSide}, {place * kSide}, {kSide * kSide});
        auto time = io.DefineVariable<double>("time");
        auto engine = io.Open(argv[2], adios2::Mode::Write);
        for (int step = 0; step < n_steps; ++step)
        {
            engine.BeginStep();
            const auto block = Block(size_t(rank), size_t(step));
            engine.Put(u, block.data(), adios2::Mode::Sync);
            if (rank == killed && step == last)
            {
                std::raise(SIGKILL);
            }
            const std::vector<int32_t> numbers(kSide * kSide, rank * 1000 + step);
            engine.Put(cells, numbers.data(), adios2::Mode::Sync);
            if (rank == 0)
            {
                engine.Put(time, 0.1 * step);
            }
            engine.EndStep();
            MPI_Barrier(MPI_COMM_WORLD);
            if (rank == 0)
            {
                std::cout << step << std::endl;
            }
        }
        engine.Close();
    }
    MPI_Finalize();
    return 0;
}
