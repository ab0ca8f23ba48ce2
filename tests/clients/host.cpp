// usage: host PLUGIN: a program with ADIOS2's plugin interface in it, nothing exported, asks for an operator and writes and reads a
// block. Prints the record's bytes and the largest error, or the sentence it is refused with.

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <dlfcn.h>
#include <exception>
#include <vector>

#include "interfaces.h"

int main(int, char **argv)
{
    void *library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr)
    {
        std::printf("%s\n", dlerror());
        return 1;
    }
    auto *create = reinterpret_cast<Create>(dlsym(library, "OperatorCreate"));
    auto *destroy = reinterpret_cast<Destroy>(dlsym(library, "OperatorDestroy"));
    const adios2::Params parameters{{"pluginname", "inr"}, {"accuracy", "1e-3"}, {"norm", "Linf"}, {"mode", "ABS"}};
    PluginOperatorInterface *op = nullptr;
    try
    {
        op = create(parameters);
    }
    catch (const std::exception &e)
    {
        std::printf("refused: %s\n", e.what());
        return 0;
    }
    std::vector<double> values(30 * 40 * 50), back(values.size());
    for (size_t i = 0; i < values.size(); ++i)
    {
        values[i] = std::sin(1e-3 * static_cast<double>(i)) + std::cos(0.1 * static_cast<double>(i % 50));
    }
    std::vector<char> record(values.size() * sizeof(double) + 1000);
    const adios2::Dims start{0, 0, 0}, count{30, 40, 50};
    const size_t n = op->Operate(reinterpret_cast<const char *>(values.data()), start, count, adios2::DataType::Double,
                                 record.data());
    op->InverseOperate(record.data(), n, reinterpret_cast<char *>(back.data()));
    double error = 0;
    for (size_t i = 0; i < values.size(); ++i)
    {
        error = std::fmax(error, std::fabs(values[i] - back[i]));
    }
    std::printf("%zu bytes of %zu, error %.9g\n", n, values.size() * sizeof(double), error);
    destroy(op);
    return 0;
}
