// usage: stranger PLUGIN: a program that is no ADIOS2 asks for an operator. Prints the sentence it is refused with.

#include <cstdio>
#include <dlfcn.h>
#include <exception>
#include <map>
#include <string>

int main(int, char **argv)
{
    void *library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr)
    {
        std::printf("%s\n", dlerror());
        return 1;
    }
    using Parameters = std::map<std::string, std::string>;
    auto *create = reinterpret_cast<void *(*)(const Parameters &)>(dlsym(library, "OperatorCreate"));
    try
    {
        create({{"pluginname", "inr"}});
    }
    catch (const std::exception &e)
    {
        std::printf("refused: %s\n", e.what());
        return 0;
    }
    return 2;
}
