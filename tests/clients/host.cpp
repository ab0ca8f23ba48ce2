// usage: host PLUGIN: a program with ADIOS2's plugin interface in it, nothing exported, asks for an operator and writes and reads a
// block. Prints the record's bytes and the largest error, or the sentence it is refused with.
//
// INTERFACE is 10 (ADIOS2 2.9 and 2.10), 11 or 12; 0 is a program that has none. With NO_STRINGS nothing tells what its strings are.

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <dlfcn.h>
#include <exception>
#include <map>
#include <string>
#include <typeinfo>
#include <vector>

#if INTERFACE == 12
#include <adios2/plugin/PluginOperatorInterface.h>
#else
namespace adios2
{
using Params = std::map<std::string, std::string>;
using Dims = std::vector<size_t>;
enum class DataType : int // as in ADIOS2
{
    None,
    Int8,
    Int16,
    Int32,
    Int64,
    UInt8,
    UInt16,
    UInt32,
    UInt64,
    Float,
    Double
};

namespace core
{
class IO;

class Operator
{
public:
    virtual ~Operator() = default;
#if INTERFACE == 10
#define CALLBACK(n) virtual void Callback##n() {}
    CALLBACK(0) CALLBACK(1) CALLBACK(2) CALLBACK(3) CALLBACK(4) CALLBACK(5) CALLBACK(6) CALLBACK(7)
    CALLBACK(8) CALLBACK(9) CALLBACK(10) CALLBACK(11) CALLBACK(12) CALLBACK(13) CALLBACK(14) CALLBACK(15)
#endif
    virtual size_t GetHeaderSize() const { return 0; }
    virtual size_t GetEstimatedSize(size_t, size_t, size_t, const size_t *) const { return 0; }
#if INTERFACE == 11
    virtual void AddExtraParameters(const Params &) {}
#endif
    virtual size_t Operate(const char *, const Dims &, const Dims &, DataType, char *) = 0;
    virtual size_t InverseOperate(const char *, size_t, char *) = 0;
    virtual bool IsDataTypeValid(DataType) const = 0;
};
} // namespace core

namespace plugin
{
class PluginOperatorInterface : public core::Operator
{
};

// The host's own class of this name, which hands calls on; only its table of virtual functions matters.
class PluginOperator : public core::Operator
{
public:
    size_t Operate(const char *, const Dims &, const Dims &, DataType, char *) override { return 1; }
    size_t InverseOperate(const char *, size_t, char *) override { return 1; }
    bool IsDataTypeValid(DataType) const override { return true; }
};
} // namespace plugin
} // namespace adios2
#endif

using adios2::plugin::PluginOperatorInterface;

namespace adios2
{
class IO;
namespace core
{
class IO;
}
namespace plugin
{
class PluginEngineInterface;
}
} // namespace adios2

// What stands in every ADIOS2: names of the types of factories.
#if INTERFACE == 12
const std::type_info &engines = typeid(adios2::plugin::PluginEngineInterface *(adios2::IO));
#elif INTERFACE > 0
const std::type_info &engines = typeid(adios2::plugin::PluginEngineInterface *(adios2::core::IO &));
adios2::core::Operator *own = new adios2::plugin::PluginOperator;
#endif

#ifndef NO_STRINGS
const std::type_info &operators = typeid(PluginOperatorInterface *(const adios2::Params &));
#endif

int main(int, char **argv)
{
    void *library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr)
    {
        std::printf("%s\n", dlerror());
        return 1;
    }
    auto *create = reinterpret_cast<PluginOperatorInterface *(*)(const adios2::Params &)>(dlsym(library, "OperatorCreate"));
    auto *destroy = reinterpret_cast<void (*)(PluginOperatorInterface *)>(dlsym(library, "OperatorDestroy"));
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
