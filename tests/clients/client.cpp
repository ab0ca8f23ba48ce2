// usage: client write|read|threads ENGINE FOLDER: a C++ program that writes through the operator, and one that reads without
// knowing it. `threads` writes two datasets from two threads at a time, then reads them the same way.

#include <adios2.h>

#include <algorithm>
#include <cmath>
#include <complex>
#include <cstdint>
#include <iostream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace
{

const size_t kRows = 48, kColumns = 60, kSteps = 3;

double Wave(size_t i, size_t step) { return std::sin(0.05 * double(i % kColumns) + 0.2 * double(step)) + 0.02 * double(i / kColumns); }

void Fill(std::vector<float> &v, size_t first, size_t step) { for (size_t i = 0; i < v.size(); ++i) { v[i] = float(Wave(first + i, step)); } }
void Fill(std::vector<double> &v, size_t first, size_t step) { for (size_t i = 0; i < v.size(); ++i) { v[i] = Wave(first + i, step); } }
template <class R>
void Fill(std::vector<std::complex<R>> &v, size_t first, size_t step)
{
    for (size_t i = 0; i < v.size(); ++i) { v[i] = {R(Wave(first + i, step)), R(Wave(first + i, step + 9))}; }
}
template <class T>
void Fill(std::vector<T> &v, size_t first, size_t step) { for (size_t i = 0; i < v.size(); ++i) { v[i] = T((first + i) * 7 + step); } }

double Difference(float a, float b) { return std::abs(double(a) - double(b)); }
double Difference(double a, double b) { return std::abs(a - b); }
template <class R>
double Difference(std::complex<R> a, std::complex<R> b) { return std::max(Difference(a.real(), b.real()), Difference(a.imag(), b.imag())); }
template <class T>
double Difference(T a, T b) { return a == b ? 0 : 1e30; }

void Require(bool holds, const std::string &what)
{
    if (!holds) { throw std::runtime_error(what); }
}

// Two blocks per step; Linf 1e-3 of the block's range, which is at least 1 here.
template <class T>
void Define(adios2::IO io, adios2::Operator op, const std::string &name)
{
    io.DefineVariable<T>(name, {kRows, kColumns}, {0, 0}, {kRows, kColumns}).AddOperation(op);
}

template <class T>
void Put(adios2::IO io, adios2::Engine engine, const std::string &name, size_t step)
{
    auto variable = io.InquireVariable<T>(name);
    for (size_t half = 0; half < 2; ++half)
    {
        std::vector<T> block(kRows / 2 * kColumns);
        Fill(block, half * block.size(), step);
        variable.SetSelection({{half * kRows / 2, 0}, {kRows / 2, kColumns}});
        engine.Put(variable, block.data(), adios2::Mode::Sync);
    }
}

template <class T>
void Check(adios2::IO io, adios2::Engine engine, const std::string &name, size_t step)
{
    auto variable = io.InquireVariable<T>(name);
    Require(bool(variable), name + " is missing");
    variable.SetStepSelection({step, 1});
    variable.SetSelection({{0, 0}, {kRows, kColumns}});
    std::vector<T> got, wanted(kRows * kColumns);
    engine.Get(variable, got, adios2::Mode::Sync);
    Fill(wanted, 0, step);
    double worst = 0;
    for (size_t i = 0; i < wanted.size(); ++i) { worst = std::max(worst, Difference(wanted[i], got[i])); }
    Require(worst <= 2.6e-3, name + ": largest error " + std::to_string(worst));
    // A part is cut out of the same values.
    variable.SetSelection({{kRows / 2 - 3, 5}, {6, 11}});
    std::vector<T> part;
    engine.Get(variable, part, adios2::Mode::Sync);
    for (size_t r = 0; r < 6; ++r)
    {
        for (size_t c = 0; c < 11; ++c)
        {
            Require(part[r * 11 + c] == got[(kRows / 2 - 3 + r) * kColumns + 5 + c], name + ": a part differs");
        }
    }
}

void Write(const std::string &engine_type, const std::string &path)
{
    adios2::ADIOS adios;
    auto io = adios.DeclareIO("write");
    io.SetEngine(engine_type);
    auto op = adios.DefineOperator("inr", "plugin", {{"PluginName", "inr"}, {"PluginLibrary", "adios2_inr"}, {"accuracy", "1e-3"}, {"norm", "Linf"}});
    Define<float>(io, op, "float");
    Define<double>(io, op, "double");
    Define<std::complex<float>>(io, op, "complex64");
    Define<std::complex<double>>(io, op, "complex128");
    Define<int8_t>(io, op, "int8");
    Define<uint64_t>(io, op, "uint64");
    auto scalar = io.DefineVariable<double>("time");
    auto engine = io.Open(path, adios2::Mode::Write);
    for (size_t step = 0; step < kSteps; ++step)
    {
        engine.BeginStep();
        Put<float>(io, engine, "float", step);
        Put<double>(io, engine, "double", step);
        Put<std::complex<float>>(io, engine, "complex64", step);
        Put<std::complex<double>>(io, engine, "complex128", step);
        Put<int8_t>(io, engine, "int8", step);
        Put<uint64_t>(io, engine, "uint64", step);
        engine.Put(scalar, double(step));
        engine.EndStep();
    }
    engine.Close();
}

void Read(const std::string &path)
{
    adios2::ADIOS adios;
    auto io = adios.DeclareIO("read");
    auto engine = io.Open(path, adios2::Mode::ReadRandomAccess);
    for (size_t step : {2, 0, 1})
    {
        Check<float>(io, engine, "float", step);
        Check<double>(io, engine, "double", step);
        Check<std::complex<float>>(io, engine, "complex64", step);
        Check<std::complex<double>>(io, engine, "complex128", step);
        Check<int8_t>(io, engine, "int8", step);
        Check<uint64_t>(io, engine, "uint64", step);
    }
    engine.Close();
}

// Runs `work` for two datasets at a time; an exception of either thread comes out.
template <class Work>
void Twice(const std::string &folder, Work work)
{
    std::string failures[2];
    std::vector<std::thread> threads;
    for (int i = 0; i < 2; ++i)
    {
        threads.emplace_back([&, i] {
            try
            {
                work(folder + "/thread" + std::to_string(i) + ".bp");
            }
            catch (const std::exception &e)
            {
                failures[i] = e.what();
            }
        });
    }
    for (auto &thread : threads) { thread.join(); }
    for (const auto &failure : failures) { Require(failure.empty(), failure); }
}

} // end anonymous namespace

int main(int, char **argv)
{
    const std::string mode = argv[1], engine_type = argv[2], folder = argv[3];
    try
    {
        if (mode == "write") { Write(engine_type, folder + "/cpp.bp"); }
        else if (mode == "read") { Read(folder + "/cpp.bp"); }
        else
        {
            Twice(folder, [&](const std::string &path) { Write(engine_type, path); });
            Twice(folder, [&](const std::string &path) { Read(path); });
        }
    }
    catch (const std::exception &e)
    {
        std::cerr << mode << ": " << e.what() << "\n";
        return 1;
    }
    return 0;
}
