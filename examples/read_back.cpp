// Reads every step of one variable: plain ADIOS2, nothing to configure but ADIOS2_PLUGIN_PATH.
//
// build: g++ -std=c++17 read_back.cpp $(adios2-config --cxx-flags) $(adios2-config --cxx-libs) -o read_back
//        (PyPI wheel, in its folder A: -I$A/include -L$A -ladios2_cxx -ladios2_core -Wl,-rpath,$A,-rpath-link,$A/../adios2.libs)
// usage: ADIOS2_PLUGIN_PATH=<folder of libadios2_inr.so> ./read_back INPUT.bp VARIABLE

#include <adios2.h>

#include <algorithm>
#include <cstdio>
#include <vector>

int main(int argc, char **argv)
{
    if (argc != 3)
    {
        std::fprintf(stderr, "usage: read_back INPUT.bp VARIABLE\n");
        return 2;
    }
    adios2::ADIOS adios;
    adios2::IO io = adios.DeclareIO("read_back");
    adios2::Engine reader = io.Open(argv[1], adios2::Mode::ReadRandomAccess);
    auto variable = io.InquireVariable<double>(argv[2]);
    if (!variable)
    {
        std::fprintf(stderr, "%s: no variable '%s' of type double\n", argv[1], argv[2]);
        return 1;
    }
    for (size_t step = 0; step < variable.Steps(); ++step)
    {
        std::vector<double> values;
        variable.SetStepSelection({step, 1});
        reader.Get(variable, values, adios2::Mode::Sync);
        const auto range = std::minmax_element(values.begin(), values.end());
        std::printf("step %zu: %zu values in [%g, %g]\n", step, values.size(), *range.first, *range.second);
    }
    reader.Close();
}
