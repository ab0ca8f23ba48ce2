// usage: checked PLUGIN FOLDER N: a program with ADIOS2's plugin interface in it (interfaces.h) goes through everything that hosts do
// with operators, right and wrong, and through N operators, each made, used and destroyed. For builds with sanitizers: every buffer has
// exactly the bytes that it has to have, none is aligned. Prints "done", or the sentence it is refused with.

#include "interfaces.h"

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dirent.h>
#include <dlfcn.h>
#include <exception>
#include <memory>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace
{

using adios2::DataType;
using adios2::Dims;
using adios2::Params;

Create create;
Destroy destroy;

void Require(bool holds, const char *what)
{
    if (!holds)
    {
        std::printf("failed: %s\n", what);
        std::exit(1);
    }
}

// Bytes at an odd address, their end the end of the allocation.
class Odd
{
public:
    explicit Odd(size_t n) : m_Size(n), m_All(new char[n + 1]) {}
    char *data() { return m_All.get() + 1; }
    size_t size() const { return m_Size; }

private:
    size_t m_Size;
    std::unique_ptr<char[]> m_All;
};

class Operator
{
public:
    explicit Operator(const Params &more)
    {
        Params parameters{{"pluginname", "inr"}, {"norm", "Linf"}, {"mode", "ABS"}, {"accuracy", "1e-3"}, {"threads", "2"},
                          {"backend", "cpu"},    {"threshold", "64"}};
        for (const auto &p : more)
        {
            parameters[p.first] = p.second;
        }
        m_Operator = create(parameters);
    }
    ~Operator() { destroy(m_Operator); }
    Operator(const Operator &) = delete;
    Operator &operator=(const Operator &) = delete;

    // The names that ADIOS2 tells since 2.11.
    void SetPlace(const std::string &dataset, const std::string &variable)
    {
#if INTERFACE >= 11
        m_Operator->AddExtraParameters({{"EngineName", dataset}, {"VariableName", variable}});
#else
        (void)dataset, (void)variable;
#endif
    }

    std::unique_ptr<Odd> Encode(const Dims &count, DataType type, Odd &values)
    {
        Require(m_Operator->IsDataTypeValid(type), "the type is taken");
        Odd out(values.size() + 32);
        const size_t n = m_Operator->Operate(values.data(), Dims(count.size(), 0), count, type, out.data());
        Require(n > 0 && n <= out.size(), "a record of a possible size");
        auto record = std::make_unique<Odd>(n);
        std::memcpy(record->data(), out.data(), n);
        return record;
    }

    // False when the record is refused.
    bool Decode(Odd &record, Odd &values)
    {
        try
        {
            const size_t n = m_Operator->InverseOperate(record.data(), record.size(), values.data());
            Require(n == values.size() || (values.size() == 0 && n == 1), "the size of the block");
            return true;
        }
        catch (const std::exception &e)
        {
            Require(std::strstr(e.what(), "adios2_inr") == e.what(), "a sentence of ours");
            return false;
        }
    }

    PluginOperatorInterface *operator->() const { return m_Operator; }

private:
    PluginOperatorInterface *m_Operator;
};

const Dims kDims{40, 48};

double Wave(size_t i, size_t step) { return std::sin(0.13 * double(i % 48) + 0.05 * double(step)) + std::cos(0.002 * double(i)); }

void Fill(Odd &values, size_t step)
{
    for (size_t i = 0; i < values.size() / sizeof(double); ++i)
    {
        const double value = Wave(i, step);
        std::memcpy(values.data() + i * sizeof(double), &value, sizeof(double));
    }
}

double Error(Odd &a, Odd &b)
{
    double error = 0;
    for (size_t i = 0; i < a.size() / sizeof(double); ++i)
    {
        double x, y;
        std::memcpy(&x, a.data() + i * sizeof(double), sizeof(double));
        std::memcpy(&y, b.data() + i * sizeof(double), sizeof(double));
        error = std::fmax(error, std::fabs(x - y));
    }
    return error;
}

void Steps(const std::string &folder, const char *temporal)
{
    const std::string dataset = folder + "/" + temporal + std::to_string(INTERFACE) + ".bp";
    Require(mkdir(dataset.c_str(), 0700) == 0, "a folder for the dataset");
    const bool isSeries = std::strcmp(temporal, "series") == 0;
    Operator op({{"temporal", temporal}, {"accuracy", isSeries ? "0.2" : "1e-3"}, {"seconds", "0.2"}});
    Odd values(kDims[0] * kDims[1] * sizeof(double)), back(values.size());
    for (size_t step = 0; step < 14; ++step)
    {
        Fill(values, step);
        op.SetPlace(dataset, "u");
        auto record = op.Encode(kDims, DataType::Double, values);
        op.SetPlace(dataset, "u");
        Require(op.Decode(*record, back) && Error(values, back) <= (isSeries ? 0.2 : 1e-3), "the bound");
    }
}

void Types()
{
    Operator op({});
    for (const DataType type : {DataType::Int8, DataType::Int16, DataType::Int32, DataType::Int64, DataType::UInt8, DataType::UInt16,
                                DataType::UInt32, DataType::UInt64, DataType::Float, DataType::Double})
    {
        const size_t widths[] = {0, 1, 2, 4, 8, 1, 2, 4, 8, 4, 8};
        for (const Dims &count : {Dims{30, 40}, Dims{1}, Dims{0, 7}, Dims{3, 1, 4, 1, 5}})
        {
            size_t n = widths[static_cast<int>(type)];
            for (const size_t d : count)
            {
                n *= d;
            }
            Odd values(n), back(n);
            std::memset(values.data(), 1, n);
            auto record = op.Encode(count, type, values);
            Require(op.Decode(*record, back) && std::memcmp(values.data(), back.data(), n) == 0, "a constant block");
        }
    }
    Require(!op->IsDataTypeValid(DataType::None), "a type that is not taken");
    Require(op->GetEstimatedSize(1000, 8, 1, nullptr) >= 8032, "room for a record");
}

void WrongParameters(const std::string &folder)
{
    Odd values(kDims[0] * kDims[1] * sizeof(double)), back(values.size());
    Fill(values, 0);
    for (const Params &wrong : {Params{{"accuracy", "-1"}}, Params{{"acuracy", "1"}}, Params{{"ratio", "3"}}, Params{{"temporal", "?"}}})
    {
        Operator op(wrong);
        op.SetPlace(folder + "/wrong.bp", "u");
        bool isRefused = false;
        try
        {
            auto record = op.Encode(kDims, DataType::Double, values);
            Require(op.Decode(*record, back) && Error(values, back) == 0, "a block as it is");
        }
        catch (const std::exception &e)
        {
            isRefused = std::strstr(e.what(), "Correct the operator's parameters") != nullptr;
        }
        Require(isRefused == (INTERFACE >= 11), "wrong parameters are refused where names are known");
    }
}

void DamagedRecords()
{
    Operator op({});
    Odd values(kDims[0] * kDims[1] * sizeof(double)), back(values.size());
    Fill(values, 3);
    auto record = op.Encode(kDims, DataType::Double, values);
    for (size_t i = 0; i < record->size(); i += 1 + record->size() / 97)
    {
        Odd changed(record->size()), cut(i);
        std::memcpy(changed.data(), record->data(), changed.size());
        std::memcpy(cut.data(), record->data(), i);
        changed.data()[i] = static_cast<char>(changed.data()[i] ^ (1 << i % 8));
        Require(!op.Decode(changed, back) && !op.Decode(cut, back), "a damaged record is refused");
    }
    Require(op.Decode(*record, back) && Error(values, back) <= 1e-3, "the record itself");
}

// Resident KB and open files of this process.
std::pair<long, long> Held()
{
    long pages = 0, unused = 0, files = 0;
    FILE *statm = std::fopen("/proc/self/statm", "r");
    Require(statm != nullptr && std::fscanf(statm, "%ld %ld", &unused, &pages) == 2, "the memory in use");
    std::fclose(statm);
    DIR *descriptors = opendir("/proc/self/fd");
    while (readdir(descriptors) != nullptr)
    {
        ++files;
    }
    closedir(descriptors);
    return {pages * sysconf(_SC_PAGESIZE) / 1024, files};
}

void ManyOperators(size_t n)
{
    std::pair<long, long> before;
    Odd values(8 * 9 * sizeof(double)), back(values.size());
    for (size_t i = 0; i < n; ++i)
    {
        if (i == n / 10)
        {
            before = Held();
        }
        Fill(values, i);
        Operator op({});
        op.SetPlace("many.bp", "u");
        auto record = op.Encode({8, 9}, DataType::Double, values);
        Require(i % 50 != 0 || (op.Decode(*record, back) && Error(values, back) <= 1e-3), "the bound of many");
    }
    const auto after = Held();
#ifndef SANITIZED // which takes memory of its own
    Require(n < 1000 || after.first < before.first + 1024, "memory stays what it is");
#endif
    Require(n == 0 || after.second == before.second, "no file stays open");
}

} // end anonymous namespace

int main(int, char **argv)
{
    void *library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr)
    {
        std::printf("%s\n", dlerror());
        return 1;
    }
    create = reinterpret_cast<Create>(dlsym(library, "OperatorCreate"));
    destroy = reinterpret_cast<Destroy>(dlsym(library, "OperatorDestroy"));
    try
    {
        Operator op({});
    }
    catch (const std::exception &e)
    {
        std::printf("refused: %s\n", e.what());
        return 0;
    }
    const std::string folder = argv[2];
    Types();
    for (const char *temporal : {"none", "predict", "series"})
    {
        Steps(folder, temporal);
    }
    WrongParameters(folder);
    DamagedRecords();
    ManyOperators(std::strtoul(argv[3], nullptr, 10));
    dlclose(library);
    std::printf("done\n");
    return 0;
}
