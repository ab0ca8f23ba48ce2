#include "host.h"

#include <cstring>
#include <dlfcn.h>
#include <link.h>
#include <map>
#include <mutex>
#include <unwind.h>

namespace inr
{
namespace
{

// Run-time type names of the factory of *engine* plugins: it changed together with the operator interface, every ADIOS2
// has it (PluginManager), and it stands in the read-only data even when symbols are hidden or stripped.
const char kEngineFactoryV2[] = "FPN6adios26plugin21PluginEngineInterfaceENS_2IOE";
const char kEngineFactoryV1[] = "FPN6adios26plugin21PluginEngineInterfaceERNS_4core2IOE";
// The factory of operator plugins, up to the kind of std::string: only the one of GNU's C++11 library is ours.
const char kOperatorFactory[] = "FPN6adios26plugin23PluginOperatorInterfaceERKSt3mapINSt7__cxx1112basic_string";
// Since 2.11; it moves the virtual functions of interface v1.
const char kAddExtraParameters[] = "_ZN6adios24core8Operator18AddExtraParametersERKSt3mapINSt7__cxx1112basic_string"
                                   "IcSt11char_traitsIcESaIcEEES8_St4lessIS8_ESaISt4pairIKS8_S8_EEE";

struct Module
{
    const void *base = nullptr;
    std::string path;
};

Module ModuleOf(const void *address)
{
    Dl_info info{};
    if (address == nullptr || dladdr(address, &info) == 0)
    {
        return {};
    }
    return {info.dli_fbase, info.dli_fname != nullptr ? info.dli_fname : ""};
}

struct Walk
{
    const void *own;
    Module caller;
};

_Unwind_Reason_Code Visit(_Unwind_Context *context, void *data)
{
    auto *walk = static_cast<Walk *>(data);
    Module module = ModuleOf(reinterpret_cast<const void *>(_Unwind_GetIP(context)));
    if (module.base == nullptr || module.base == walk->own)
    {
        return _URC_NO_REASON;
    }
    walk->caller = module;
    return _URC_END_OF_STACK;
}

// The innermost frame outside this library: the return address alone would be one of our own forwarder.
Module Caller()
{
    Walk walk{ModuleOf(reinterpret_cast<const void *>(&Caller)).base, {}};
    _Unwind_Backtrace(Visit, &walk);
    return walk.caller;
}

struct Search
{
    const void *base;
    bool v1 = false, v2 = false, modern_string = false;
};

int SearchModule(dl_phdr_info *info, size_t, void *data)
{
    auto *search = static_cast<Search *>(data);
    bool found = false;
    auto start = [&](const ElfW(Phdr) & p) { return reinterpret_cast<const char *>(info->dlpi_addr + p.p_vaddr); };
    for (int i = 0; i < info->dlpi_phnum; ++i)
    {
        const ElfW(Phdr) &p = info->dlpi_phdr[i];
        const auto *base = static_cast<const char *>(search->base);
        found |= p.p_type == PT_LOAD && base >= start(p) && base < start(p) + p.p_memsz;
    }
    for (int i = 0; found && i < info->dlpi_phnum; ++i)
    {
        const ElfW(Phdr) &p = info->dlpi_phdr[i];
        if (p.p_type != PT_LOAD || (p.p_flags & PF_R) == 0 || (p.p_flags & PF_W) != 0)
        {
            continue;
        }
        auto has = [&](const char *s) { return memmem(start(p), p.p_filesz, s, std::strlen(s)) != nullptr; };
        search->v1 |= has(kEngineFactoryV1);
        search->v2 |= has(kEngineFactoryV2);
        search->modern_string |= has(kOperatorFactory);
    }
    return found ? 1 : 0;
}

bool Exports(const Module &module, const char *symbol)
{
    void *handle = dlopen(module.path.c_str(), RTLD_NOLOAD | RTLD_LAZY);
    if (handle == nullptr) // the main program is not found by its path
    {
        handle = dlopen(nullptr, RTLD_LAZY);
    }
    const bool found = handle != nullptr && dlsym(handle, symbol) != nullptr;
    if (handle != nullptr)
    {
        dlclose(handle);
    }
    return found;
}

Host Examine(const Module &module)
{
    Search search{module.base};
    dl_iterate_phdr(SearchModule, &search);
    const std::string who = "adios2_inr was loaded by " + (module.path.empty() ? "an unknown program" : module.path);
    if (search.v1 == search.v2)
    {
        return {Interface::Unknown, who + ", which is not an ADIOS2 it knows: use ADIOS2 2.12 or newer."};
    }
    if (!search.modern_string)
    {
        return {Interface::Unknown, who + ", an ADIOS2 built with another C++ library or the strings of before C++11: "
                                          "use one built with GNU's C++ library and _GLIBCXX_USE_CXX11_ABI=1."};
    }
    if (search.v1 && !Exports(module, kAddExtraParameters))
    {
        return {Interface::Unknown, who + ", an ADIOS2 older than 2.11, whose plugin interface it does not speak: "
                                          "use ADIOS2 2.12 or newer."};
    }
    return {search.v2 ? Interface::V2 : Interface::V1, ""};
}

} // end anonymous namespace

Host DetectHost()
{
    // The search reads the whole library: once per host. Never freed, operators are made until the process ends.
    static auto *mutex = new std::mutex;
    static auto *known = new std::map<const void *, Host>;
    const Module caller = Caller();
    const std::lock_guard<std::mutex> lock(*mutex);
    auto place = known->find(caller.base);
    if (place == known->end())
    {
        place = known->emplace(caller.base, Examine(caller)).first;
    }
    return place->second;
}

} // end namespace inr
