// A program's own copy of ADIOS2's plugin interface, as programs with ADIOS2 linked in have it.
//
// INTERFACE is 10 (ADIOS2 2.9 and 2.10), 11 or 12; 0 is a program that has none. With NO_STRINGS nothing tells what its strings are.
#ifndef ADIOS2_INR_TEST_INTERFACES_H
#define ADIOS2_INR_TEST_INTERFACES_H

#include <cstddef>
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

using Create = PluginOperatorInterface *(*)(const adios2::Params &);
using Destroy = void (*)(PluginOperatorInterface *);

#endif
