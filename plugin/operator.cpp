// The ADIOS2 operator: a thin shim over inr.h. It uses no symbol of ADIOS2, only the abstract class of its header.
//
// Rules of the host that shape it (each was seen to crash programs): Operate and InverseOperate never return 0; nobody checks the
// size of the output; buffers are unaligned; an exception out of OperatorCreate or, under BP4, out of Operate aborts.

#include "host.h"
#include "inr.h"

#include <adios2/plugin/PluginOperatorInterface.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

static_assert(ADIOS2_PLUGIN_OPERATOR_INTERFACE == 2, "adios2-inr needs the headers of ADIOS2 2.12 or newer");

namespace inr
{
namespace
{

using adios2::DataType;
using adios2::Dims;
using adios2::Params;

inr_dtype TypeOf(const DataType type)
{
    switch (type)
    {
    case DataType::Float:
        return INR_FLOAT32;
    case DataType::Double:
        return INR_FLOAT64;
    case DataType::FloatComplex:
        return INR_COMPLEX64;
    case DataType::DoubleComplex:
        return INR_COMPLEX128;
    case DataType::Int8:
        return INR_INT8;
    case DataType::Int16:
        return INR_INT16;
    case DataType::Int32:
        return INR_INT32;
    case DataType::Int64:
        return INR_INT64;
    case DataType::UInt8:
        return INR_UINT8;
    case DataType::UInt16:
        return INR_UINT16;
    case DataType::UInt32:
        return INR_UINT32;
    case DataType::UInt64:
        return INR_UINT64;
    default: // long double, char, string, struct: ADIOS2 stores them itself
        return INR_NO_TYPE;
    }
}

// GNU's std::string of before C++11, as far as it is read here.
struct OldString
{
    const char *m_Text;

    const char *c_str() const { return m_Text; }
    bool operator<(const OldString &other) const { return m_Text < other.m_Text; }
};

// What all interfaces do; one object per ADIOS2 operator object.
class Codec
{
public:
    // The parameters of a host: a map of its kind of strings, which is not looked at when the kind is not known.
    Codec(const void *parameters, const Host &host) : m_HasNames(host.strings == Strings::Modern)
    {
        switch (host.strings)
        {
        case Strings::Modern:
            Make(*static_cast<const Params *>(parameters));
            break;
        case Strings::Old: // the nodes of a map are the same
            Make(*static_cast<const std::map<OldString, OldString> *>(parameters));
            break;
        case Strings::Unknown:
            m_Operator = inr_operator_without_settings(host.reason.c_str());
        }
    }
    ~Codec() { inr_operator_free(m_Operator); }
    Codec(const Codec &) = delete;
    Codec &operator=(const Codec &) = delete;

    // Names in other than modern strings are not looked at.
    void SetPlace(const Params &parameters)
    {
        if (!m_HasNames)
        {
            return;
        }
        auto value = [&](const char *key) -> const char * {
            const auto found = parameters.find(key);
            return found == parameters.end() ? nullptr : found->second.c_str();
        };
        inr_operator_set_place(m_Operator, value("EngineName"), value("VariableName"));
    }

    // Throws only for wrong parameters and what strict=1 refuses, and only where the host hands exceptions on (BP5).
    size_t Operate(const char *data, const Dims &start, const Dims &count, const DataType type, char *out)
    {
        size_t n = 0;
        const inr_status status = inr_encode(m_Operator, TypeOf(type), start.data(), start.size(), count.data(),
                                             count.size(), data, out, &n);
        if (status != INR_OK)
        {
            throw std::invalid_argument(inr_last_error());
        }
        return n;
    }

    size_t InverseOperate(const char *record, const size_t n_record, char *out)
    {
        size_t n = 0;
        if (inr_decode(m_Operator, record, n_record, out, &n) != INR_OK)
        {
            throw std::runtime_error(inr_last_error());
        }
        // The host takes 0 for "not applied" and copies the record over the output: a block without elements says 1.
        return std::max<size_t>(n, 1);
    }

private:
    template <class Map>
    void Make(const Map &parameters)
    {
        if (parameters.empty())
        {
            // A configured operator has the plugin's name at least. This one was made for reading, and some programs write what they
            // read with it: default parameters would add an error that nobody asked for.
            m_Operator = inr_operator_without_settings(
                "the program writes with an operator that ADIOS2 made for reading, without parameters, as adios2_reorganize does; "
                "'inr pack' copies datasets and keeps them small");
            return;
        }
        std::vector<const char *> keys, values;
        for (const auto &parameter : parameters)
        {
            keys.push_back(parameter.first.c_str());
            values.push_back(parameter.second.c_str());
        }
        m_Operator = inr_operator_new(keys.data(), values.data(), keys.size());
    }

    const bool m_HasNames;
    inr_operator *m_Operator = nullptr;
};

// Room for the record and for what ADIOS2 writes in front of it, which not every version counts itself.
size_t Room(const size_t n, const size_t size) { return n * size + INR_MAX_GROWTH + 96; }

// ADIOS2 >= 2.12.
class OperatorV2 : public adios2::plugin::PluginOperatorInterface
{
public:
    OperatorV2(const Params &parameters, const Host &host)
    : PluginOperatorInterface(parameters), m_Codec(&parameters, host)
    {
    }

    size_t Operate(const char *data, const Dims &start, const Dims &count, const DataType type, char *out) override
    {
        return m_Codec.Operate(data, start, count, type, out);
    }
    size_t InverseOperate(const char *record, const size_t n, char *out) override
    {
        return m_Codec.InverseOperate(record, n, out);
    }
    bool IsDataTypeValid(const DataType type) const override { return TypeOf(type) != INR_NO_TYPE; }
    size_t GetEstimatedSize(const size_t n, const size_t size, const size_t, const size_t *) const override
    {
        return Room(n, size);
    }
    void AddExtraParameters(const Params &parameters) override { m_Codec.SetPlace(parameters); }

private:
    Codec m_Codec;
};

// ADIOS2 2.9 to 2.11: the virtual functions in the order of its core::Operator, one class below the other. The host calls nothing but
// these on a plugin's object, so the base class's data members are not needed.
class OperatorV1
{
public:
    OperatorV1(const void *parameters, const Host &host) : m_Codec(parameters, host) {}
    virtual ~OperatorV1() = default;

protected:
    Codec m_Codec;
};

// Up to 2.10: the callbacks of the host's own operator of that name, 15 types and one for all.
class WithCallbacks : public OperatorV1
{
public:
    using OperatorV1::OperatorV1;
    virtual void Callback0() {}
    virtual void Callback1() {}
    virtual void Callback2() {}
    virtual void Callback3() {}
    virtual void Callback4() {}
    virtual void Callback5() {}
    virtual void Callback6() {}
    virtual void Callback7() {}
    virtual void Callback8() {}
    virtual void Callback9() {}
    virtual void Callback10() {}
    virtual void Callback11() {}
    virtual void Callback12() {}
    virtual void Callback13() {}
    virtual void Callback14() {}
    virtual void Callback15() {}
};

template <class Base>
class WithSizes : public Base
{
public:
    using Base::Base;
    virtual size_t GetHeaderSize() const { return 0; }
    virtual size_t GetEstimatedSize(const size_t n, const size_t size, const size_t, const size_t *) const
    {
        return Room(n, size);
    }
};

// Since 2.11.
class WithNames : public WithSizes<OperatorV1>
{
public:
    using WithSizes::WithSizes;
    virtual void AddExtraParameters(const Params &parameters) { m_Codec.SetPlace(parameters); }
};

template <class Base>
class WithCodec : public Base
{
public:
    using Base::Base;
    virtual size_t Operate(const char *data, const Dims &start, const Dims &count, const DataType type, char *out)
    {
        return this->m_Codec.Operate(data, start, count, type, out);
    }
    virtual size_t InverseOperate(const char *record, const size_t n, char *out)
    {
        return this->m_Codec.InverseOperate(record, n, out);
    }
    virtual bool IsDataTypeValid(const DataType type) const { return TypeOf(type) != INR_NO_TYPE; }
};

using OperatorOf2_10 = WithCodec<WithSizes<WithCallbacks>>;
using OperatorOf2_11 = WithCodec<WithNames>;

// Which objects are OperatorV1: OperatorDestroy gets an address and nothing else.
class KnownV1
{
public:
    static void Add(const void *object)
    {
        const std::lock_guard<std::mutex> lock(Mutex());
        Objects().insert(object);
    }
    // True once for every object added.
    static bool Remove(const void *object)
    {
        const std::lock_guard<std::mutex> lock(Mutex());
        return Objects().erase(object) == 1;
    }

private:
    // Never freed: hosts destroy operators while the process ends, after destructors of static objects.
    static std::mutex &Mutex()
    {
        static auto *mutex = new std::mutex;
        return *mutex;
    }
    static std::set<const void *> &Objects()
    {
        static auto *objects = new std::set<const void *>;
        return *objects;
    }
};

} // end anonymous namespace
} // end namespace inr

// Called by the Rust forwarders OperatorCreate and OperatorDestroy: a Rust cdylib exports no C++ function. The parameters are a map of
// the host's kind of strings.
extern "C" void *inr_plugin_create(const void *parameters)
{
    const inr::Host host = inr::DetectHost();
    inr::OperatorV1 *object = nullptr;
    switch (host.interface)
    {
    case inr::Interface::V2:
        // As the base class: its address is what the host calls through.
        return static_cast<adios2::plugin::PluginOperatorInterface *>(
            new inr::OperatorV2(*static_cast<const adios2::Params *>(parameters), host));
    case inr::Interface::V1:
        object = new inr::OperatorOf2_11(parameters, host);
        break;
    case inr::Interface::V1Old:
        object = new inr::OperatorOf2_10(parameters, host);
        break;
    case inr::Interface::Unknown:
        // Many hosts abort on the exception: the sentence is on stderr before.
        std::fprintf(stderr, "adios2_inr: %s\n", host.reason.c_str());
        throw std::runtime_error(host.reason);
    }
    inr::KnownV1::Add(object);
    return object;
}

extern "C" void inr_plugin_destroy(void *object)
{
    if (inr::KnownV1::Remove(object))
    {
        delete static_cast<inr::OperatorV1 *>(object);
    }
    else
    {
        delete static_cast<adios2::plugin::PluginOperatorInterface *>(object);
    }
}
